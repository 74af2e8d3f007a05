//! `/movement`: the page about trips and stays, and the documents that it shows.

use axum::extract::{Extension, Path, Request};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use url::form_urlencoded;

use super::audience;
use super::documents;
use super::params::day;
use super::people::require_lau;
use super::problem::Problem;
use super::site::Site;
use super::state::{AppState, SharedState};
use crate::errors::nearest;
use crate::output::documents::{LoadedData, analysts_page, text};
use crate::output::html::MOVEMENT;
use crate::output::movement;
use crate::output::movement::{About, Kind};

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
    let page = state.assets.page(&state.templates, MOVEMENT, &site.root());
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
    let about = about(kind, request.uri().query().unwrap_or_default())?;
    if state.is_public() && kind != Kind::Overview {
        return Err(audience::for_analysts(
            "this page computes with exact numbers",
            &audience::released_at(&site),
        ));
    }
    let key = format!("movement {name} {about:?}");
    let make = move |_: &AppState, data: &LoadedData| {
        if let Some(lau) = &about.lau {
            require_lau(data, lau)?;
        }
        if data.registry.is_released() {
            return Ok(text(&analysts_page(data.registry, &movement::VIEWS)).into_bytes());
        }
        let document = movement::document(data.registry, data.warehouse, kind, &about)?;
        Ok(text(&document).into_bytes())
    };
    let response = documents::evictable(&state, &key, JSON, false, make).await?;
    Ok(response.respond(request.headers()))
}

fn kind(name: &str, site: &Site) -> Result<Kind, Problem> {
    if let Some(kind) = Kind::ALL.into_iter().find(|kind| kind.name() == name) {
        return Ok(kind);
    }
    let path = |name: &str| site.path(&format!("/movement/{name}"));
    let names = Kind::ALL.map(Kind::name);
    let hint = match nearest(name, names) {
        Some(near) => format!("did you mean {}?", path(near)),
        None => format!("the documents are {}", names.join(", ")),
    };
    let shown: String = name.chars().take(200).collect();
    Err(Problem::new(StatusCode::NOT_FOUND, format!("{} does not exist; {hint}", path(&shown))))
}

fn about(kind: Kind, query: &str) -> Result<About, Problem> {
    let mut about = About::default();
    let mut has_date = false;
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        match &*name {
            _ if !kind.parameters().contains(&&*name) => {
                let takes = match kind.parameters() {
                    [] => "none".to_owned(),
                    names => names.join(", "),
                };
                let shown: String = name.chars().take(100).collect();
                let detail =
                    format!("{} has no parameter {shown:?}; its parameters: {takes}", kind.name());
                return Err(Problem::parameter(&shown, detail));
            }
            "date" => {
                about.date = day(&name, &value)?;
                has_date = true;
            }
            "hour" => about.hour = Some(hour(&value)?),
            _ if value.contains('\0') => {
                return Err(Problem::parameter("lau", "lau contains a NUL character"));
            }
            _ => about.lau = Some(value.into_owned()).filter(|lau| !lau.is_empty()),
        }
    }
    if kind.parameters().contains(&"date") && !has_date {
        let detail = format!("{} needs date, such as date=2024-10-01", kind.name());
        return Err(Problem::parameter("date", detail));
    }
    Ok(about)
}

fn hour(text: &str) -> Result<u32, Problem> {
    match text.parse() {
        Ok(hour) if hour < 24 => Ok(hour),
        _ => {
            let shown: String = text.chars().take(100).collect();
            let detail = format!("hour={shown} is not a clock hour: write a number from 0 to 23");
            Err(Problem::parameter("hour", detail))
        }
    }
}
