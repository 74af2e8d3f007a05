//! All routes.

use std::sync::Arc;

use anyhow::Result;
use axum::Router;
use axum::extract::{Extension, Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};

use super::caller::Caller;
use super::problem::Problem;
use super::state::{AppState, SharedState};
use super::stored_response::{CachePolicy, set_headers};
use super::{documents, health, middleware, openapi, quality, rows};
use crate::output::documents::{LoadedData, summary, text, view_list};
use crate::output::lau_outlines;

const JSON: &str = "application/json";
const HTML: &str = "text/html; charset=utf-8";

/// The routes and the middleware around them.
pub fn router(state: SharedState) -> Router {
    Router::new()
        .route("/", get(dashboard))
        .route("/assets/{*name}", get(asset))
        .route("/views", document_by_role(["views with user rows", "views"], views_document))
        .route(
            "/summary",
            document_by_role(["summary with user rows", "summary"], summary_document),
        )
        .route("/map", document("map", JSON, map_document))
        .route("/quality", get(quality::get))
        .route("/openapi.json", document("openapi", JSON, openapi_document))
        .route("/docs", document("docs", HTML, docs_page))
        .route("/health", get(health::ready))
        .route("/health/live", get(health::live))
        .route("/health/ready", get(health::ready))
        .route("/metrics", get(metrics))
        .fallback(rows::get)
        .layer(axum::middleware::from_fn_with_state(Arc::clone(&state), middleware::handle))
        .with_state(state)
}

/// Computes the bytes of a document. Blocks.
type MakeDocument = fn(&AppState, &LoadedData) -> Result<Vec<u8>>;

/// The route of a document that is computed once per version of the data.
fn document(
    key: &'static str,
    media_type: &'static str,
    make: MakeDocument,
) -> MethodRouter<SharedState> {
    get(async move |State(state): State<SharedState>, headers: HeaderMap| {
        let response = documents::permanent(&state, key, media_type, false, make).await?;
        Ok::<_, Problem>(response.respond(&headers))
    })
}

/// The same for a document that says which rows the client may read; `keys` are those for clients that
/// may read rows of single users, and for all others.
fn document_by_role(keys: [&'static str; 2], make: MakeDocument) -> MethodRouter<SharedState> {
    get(
        async move |State(state): State<SharedState>,
                    Extension(caller): Extension<Caller>,
                    headers: HeaderMap| {
            let allowed = state.allows_user_rows(&caller);
            let key = keys[usize::from(!allowed)];
            let response = documents::permanent(&state, key, JSON, allowed, make).await?;
            Ok::<_, Problem>(response.respond(&headers))
        },
    )
}

fn views_document(_: &AppState, data: &LoadedData) -> Result<Vec<u8>> {
    Ok(text(&view_list(data)?).into_bytes())
}

fn summary_document(state: &AppState, data: &LoadedData) -> Result<Vec<u8>> {
    Ok(text(&summary(data, &state.time, Some(&state.warehouse_url))?).into_bytes())
}

fn map_document(_: &AppState, data: &LoadedData) -> Result<Vec<u8>> {
    let mut json = serde_json::to_vec(&lau_outlines::drawing(data.warehouse)?)?;
    json.push(b'\n');
    Ok(json)
}

fn openapi_document(state: &AppState, data: &LoadedData) -> Result<Vec<u8>> {
    Ok(text(&openapi::document(data, state.serve.has_tokens())?).into_bytes())
}

fn docs_page(state: &AppState, data: &LoadedData) -> Result<Vec<u8>> {
    let openapi = openapi::document(data, state.serve.has_tokens())?;
    Ok(state.templates.api_docs(&openapi)?.into_bytes())
}

async fn dashboard(state: State<SharedState>, headers: HeaderMap) -> Result<Response, Problem> {
    asset(state, Path("dashboard.html".to_owned()), headers).await
}

async fn asset(
    State(state): State<SharedState>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let response = state.assets.get(&name).ok_or_else(|| {
        let shown: String = name.chars().take(200).collect();
        Problem::new(StatusCode::NOT_FOUND, format!("there is no file {shown:?} under /assets"))
    })?;
    Ok(response.respond(&headers))
}

async fn metrics(State(state): State<SharedState>) -> Result<Response, Problem> {
    let running = state.query_limit.running();
    let pool = state.monitor.warehouse().and_then(|w| w.connections());
    let clients = state.places.taken();
    let text = state.metrics.text(running, clients, pool).map_err(|e| Problem::of(&e))?;
    let media_type = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    let mut response = text.into_response();
    set_headers(response.headers_mut(), &media_type, None, CachePolicy::Never, None);
    Ok(response)
}
