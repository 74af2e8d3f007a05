//! `/people`: the page about where people live, work and are, and the documents that it shows.

use axum::extract::{Extension, Path, Request};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use chrono::NaiveDate;
use url::form_urlencoded;

use super::audience;
use super::documents;
use super::params::day;
use super::problem::Problem;
use super::site::Site;
use super::state::{AppState, SharedState};
use crate::domain::tables::Table;
use crate::errors::nearest;
use crate::output::documents::{LoadedData, analysts_page, text};
use crate::output::html::PEOPLE;
use crate::output::people;
use crate::output::people::Kind;
use crate::warehouse::{Relation, Select};

const JSON: &str = "application/json";

/// The page, whose data the browser requests.
///
/// # Errors
/// Those of the template engine.
pub async fn page(
    Extension(state): Extension<SharedState>,
    Extension(site): Extension<Site>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let page = state.assets.page(&state.templates, PEOPLE, &site.root());
    Ok(page.map_err(|error| Problem::of(&error))?.respond(&headers))
}

/// A document of the page.
///
/// # Errors
/// 400 for an invalid parameter; 403 for the public; 404 for another document; 503 when the warehouse is unavailable.
pub async fn document(
    Extension(state): Extension<SharedState>,
    Extension(site): Extension<Site>,
    Path(name): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let kind = kind(&name, &site)?;
    let Parameters { day, lau } = parameters(kind, request.uri().query().unwrap_or_default())?;
    if state.is_public() && kind != Kind::Overview {
        return Err(audience::for_analysts(
            "this page computes with exact numbers",
            &audience::released_at(&site),
        ));
    }
    let key = format!("people {name} {day} {}", lau.as_deref().unwrap_or_default());
    let make = move |state: &AppState, data: &LoadedData| {
        if let Some(lau) = &lau {
            require_lau(data, lau)?;
        }
        let LoadedData { registry, warehouse, .. } = *data;
        if registry.is_released() {
            return Ok(text(&analysts_page(registry, &people::VIEWS)).into_bytes());
        }
        let settings = &state.people;
        let document = people::document(registry, warehouse, settings, kind, day, lau.as_deref())?;
        Ok(text(&document).into_bytes())
    };
    let response = documents::evictable(&state, &key, JSON, false, make).await?;
    Ok(response.respond(request.headers()))
}

fn kind(name: &str, site: &Site) -> Result<Kind, Problem> {
    if let Some(kind) = Kind::ALL.into_iter().find(|kind| kind.name() == name) {
        return Ok(kind);
    }
    let path = |name: &str| site.path(&format!("/people/{name}"));
    let names = Kind::ALL.map(Kind::name);
    let hint = match nearest(name, names) {
        Some(near) => format!("did you mean {}?", path(near)),
        None => format!("the documents are {}", names.join(", ")),
    };
    let shown: String = name.chars().take(200).collect();
    Err(Problem::new(StatusCode::NOT_FOUND, format!("{} does not exist; {hint}", path(&shown))))
}

struct Parameters {
    /// The epoch for a document that is not about a day.
    day: NaiveDate,
    lau: Option<String>,
}

fn parameters(kind: Kind, query: &str) -> Result<Parameters, Problem> {
    let mut parameters = Parameters { day: NaiveDate::default(), lau: None };
    let mut has_day = false;
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        if Some(&*name) == kind.day() {
            parameters.day = day(&name, &value)?;
            has_day = true;
        } else if name == "lau" && kind.has_lau() {
            if value.contains('\0') {
                return Err(Problem::parameter("lau", "lau contains a NUL character"));
            }
            parameters.lau = Some(value.into_owned()).filter(|lau| !lau.is_empty());
        } else {
            let takes: Vec<&str> =
                kind.day().into_iter().chain(kind.has_lau().then_some("lau")).collect();
            let takes = if takes.is_empty() { "none".to_owned() } else { takes.join(" and ") };
            let shown: String = name.chars().take(100).collect();
            let detail =
                format!("{} has no parameter {shown:?}; its parameters: {takes}", kind.name());
            return Err(Problem::parameter(&shown, detail));
        }
    }
    match kind.day() {
        Some(name) if !has_day => {
            let detail = format!("{} needs {name}, such as {name}=2024-10-01", kind.name());
            Err(Problem::parameter(name, detail))
        }
        _ => Ok(parameters),
    }
}

/// Only ids that exist become part of a query.
pub(super) fn require_lau(data: &LoadedData, lau: &str) -> anyhow::Result<()> {
    let select = Select { lau: Some(lau.to_owned()), ..Select::all(Relation::Table(Table::Lau)) };
    if data.warehouse.count(&select)? > 0 {
        return Ok(());
    }
    let shown: String = lau.chars().take(100).collect();
    Err(anyhow::anyhow!(crate::errors::UsageError(format!(
        "lau={shown} is not the id of a LAU; /tables/lau lists all ids"
    ))))
}
