//! `/quality`: the quality report of the loaded data.

use axum::extract::{Extension, Request};
use axum::response::Response;

use super::audience;
use super::documents;
use super::links::link;
use super::negotiation;
use super::negotiation::Representation;
use super::params::Params;
use super::problem::Problem;
use super::site::Site;
use super::state::{AppState, SharedState};
use crate::output::documents::LoadedData;
use crate::output::html::quality_page;
use crate::output::quality_report::Report;

/// The report as a page or as JSON.
///
/// # Errors
/// 400 for an invalid parameter; 403 for the public; 503 when the warehouse is unavailable.
pub async fn get(
    Extension(state): Extension<SharedState>,
    Extension(site): Extension<Site>,
    request: Request,
) -> Result<Response, Problem> {
    if state.is_public() {
        let what = "the quality report counts events and devices exactly";
        return Err(audience::for_analysts(what, &audience::released_at(&site)));
    }
    let mut params = Params::parse(request.uri().query().unwrap_or_default())?;
    reject_other_parameters(&params, &site)?;
    let offered = [Representation::Html, Representation::Json];
    let representation = match params.format.take() {
        Some(name) => negotiation::by_name(&name)?,
        None => negotiation::by_accept(request.headers(), &offered)?,
    };
    if !offered.contains(&representation) {
        let [quality, figures] =
            ["/quality", "/tables/quality_daily"].map(|route| site.path(route));
        let detail = format!("{quality} is html or json; {figures} has the other formats");
        return Err(Problem::parameter("format", detail));
    }
    let root = site.root();
    // which dates are missing changes with the day
    let (format, today) = (representation.name(), state.expectation.today());
    let key = format!("quality {format} {root} {} {today}", params.canonical());
    let make = move |state: &AppState, data: &LoadedData| {
        let dates = (params.date.or(params.from), params.date.or(params.to));
        let report = Report::from_warehouse(data.warehouse, state.limits)?;
        let report = report.within(dates, &state.expectation)?;
        let text = match representation {
            Representation::Html => {
                let json_href = link(&format!("{root}quality"), Representation::Json, &params);
                quality_page::page(&state.templates, &report, root.clone(), json_href, dates)?
            }
            _ => report.json()?,
        };
        Ok(text.into_bytes())
    };
    let response =
        documents::evictable(&state, &key, representation.media_type(), false, make).await?;
    Ok(response.respond(request.headers()))
}

fn reject_other_parameters(params: &Params, site: &Site) -> Result<(), Problem> {
    let given = [
        ("lau", params.lau.is_some()),
        ("order_by", !params.order.is_empty()),
        ("limit", params.limit.is_some()),
        ("offset", params.offset > 0),
        ("safe", params.safe),
    ];
    match given.into_iter().find(|(_, is_given)| *is_given) {
        Some((name, _)) => {
            let [quality, figures] =
                ["/quality", "/tables/quality_daily"].map(|route| site.path(route));
            let detail = format!(
                "{quality} accepts format, date, from and to; {figures} accepts all parameters"
            );
            Err(Problem::parameter(name, detail))
        }
        None => Ok(()),
    }
}
