//! All routes.

use std::sync::Arc;

use anyhow::Result;
use axum::Router;
use axum::extract::{Extension, Path};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};

use super::caller::Caller;
use super::current::Current;
use super::problem::Problem;
use super::site::Site;
use super::state::{AppState, SharedState};
use super::stored_response::{CachePolicy, set_headers};
use super::{audience, documents, health, middleware, movement, openapi, people, quality, rows};
use crate::output::documents::{LoadedData, Period, summary, text, view_list};
use crate::output::html::DASHBOARD;
use crate::output::lau_outlines;

const JSON: &str = "application/json";
const HTML: &str = "text/html; charset=utf-8";

/// The routes and the middleware around them.
pub fn router(current: Arc<Current>) -> Router {
    let routes = Router::new()
        .route("/", get(dashboard))
        .route("/people", get(people::page))
        .route("/people/{document}", get(people::document))
        .route("/movement", get(movement::page))
        .route("/movement/{document}", get(movement::document))
        .route("/assets/{*name}", get(asset))
        .route("/views", document(VIEWS))
        .route("/summary", document(SUMMARY))
        .route("/map", document(MAP))
        .route("/quality", get(quality::get))
        .route("/openapi.json", document(OPENAPI))
        .route("/docs", document(DOCS))
        .route("/health", get(health::ready))
        .route("/health/live", get(health::live))
        .route("/health/ready", get(health::ready))
        .route("/metrics", get(metrics))
        .fallback(rows::get);
    // around the routes, because it removes the prefix of the server from the path
    let handle = axum::middleware::from_fn_with_state(current, middleware::handle);
    Router::new().fallback_service(routes).layer(handle)
}

/// Computes the bytes of a document. Blocks.
type MakeDocument = fn(&AppState, &LoadedData, &Site) -> Result<Vec<u8>>;

/// A document that is computed once per version of the data, and for each of what it differs by.
#[derive(Clone, Copy)]
struct Document {
    name: &'static str,
    media_type: &'static str,
    /// Whether the client may read rows of single users.
    by_role: bool,
    /// Where the client sees this server.
    by_site: bool,
    make: MakeDocument,
}

const VIEWS: Document = Document {
    name: "views",
    media_type: JSON,
    by_role: true,
    by_site: true,
    make: views_document,
};
const SUMMARY: Document =
    Document { name: "summary", by_site: false, make: summary_document, ..VIEWS };
const MAP: Document = Document { name: "map", by_role: false, make: map_document, ..SUMMARY };
const OPENAPI: Document =
    Document { name: "openapi", by_role: false, make: openapi_document, ..VIEWS };
const DOCS: Document = Document { name: "docs", media_type: HTML, make: docs_page, ..OPENAPI };

/// The route of a document.
fn document(document: Document) -> MethodRouter {
    let Document { name, media_type, by_role, by_site, make } = document;
    get(
        async move |Extension(state): Extension<SharedState>,
                    Extension(caller): Extension<Caller>,
                    Extension(site): Extension<Site>,
                    headers: HeaderMap| {
            let allowed = by_role && state.allows_user_rows(&caller);
            let role = if allowed { " with user rows" } else { "" };
            let links = if by_site { site.root() } else { String::new() };
            // which dates are missing changes with the day
            let key = format!("{name}{role} {links} {}", state.expectation.today());
            let is_bounded = !by_site || !site.is_forwarded();
            let make = move |state: &AppState, data: &LoadedData| make(state, data, &site);
            let response = match is_bounded {
                true => documents::permanent(&state, &key, media_type, allowed, make).await?,
                // proxies may state any number of prefixes
                false => documents::evictable(&state, &key, media_type, allowed, make).await?,
            };
            Ok::<_, Problem>(response.respond(&headers))
        },
    )
}

fn views_document(_: &AppState, data: &LoadedData, site: &Site) -> Result<Vec<u8>> {
    Ok(text(&view_list(data, |route| site.path(route))?).into_bytes())
}

fn summary_document(state: &AppState, data: &LoadedData, _: &Site) -> Result<Vec<u8>> {
    // which is left out of what the public sees
    let location = Some(state.warehouse_url.as_str());
    Ok(text(&summary(data, &state.time, &state.expectation, location, Period::default())?)
        .into_bytes())
}

fn map_document(_: &AppState, data: &LoadedData, _: &Site) -> Result<Vec<u8>> {
    let mut json = serde_json::to_vec(&lau_outlines::drawing(data.warehouse)?)?;
    json.push(b'\n');
    Ok(json)
}

fn openapi_document(state: &AppState, data: &LoadedData, site: &Site) -> Result<Vec<u8>> {
    Ok(text(&openapi::document(data, site, state.serve.has_tokens())?).into_bytes())
}

fn docs_page(state: &AppState, data: &LoadedData, site: &Site) -> Result<Vec<u8>> {
    let openapi = openapi::document(data, site, state.serve.has_tokens())?;
    Ok(state.templates.api_docs(&site.root(), state.is_public(), &openapi)?.into_bytes())
}

async fn dashboard(
    Extension(state): Extension<SharedState>,
    Extension(site): Extension<Site>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let page = state.assets.page(&state.templates, DASHBOARD, &site.root());
    Ok(page.map_err(|error| Problem::of(&error))?.respond(&headers))
}

async fn asset(
    Extension(state): Extension<SharedState>,
    Path(name): Path<String>,
    Extension(site): Extension<Site>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let response = state.assets.get(&name).ok_or_else(|| {
        let shown: String = name.chars().take(200).collect();
        Problem::new(
            StatusCode::NOT_FOUND,
            format!("the file {shown:?} does not exist below {}", site.path("/assets")),
        )
    })?;
    Ok(response.respond(&headers))
}

async fn metrics(Extension(state): Extension<SharedState>) -> Result<Response, Problem> {
    // the numbers of rows that analysts have read say how many there are
    if state.is_beside_exact_numbers() {
        let what = "the metrics of this server count the rows that analysts read";
        return Err(audience::for_analysts(what, "use a token with another role"));
    }
    let running = state.query_limit.running();
    let pool = state.monitor.warehouse().and_then(|w| w.connections());
    let clients = state.places.taken();
    let text = state.metrics.text(running, clients, pool).map_err(|e| Problem::of(&e))?;
    let media_type = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    let mut response = text.into_response();
    set_headers(response.headers_mut(), &media_type, None, CachePolicy::Never, None);
    Ok(response)
}
