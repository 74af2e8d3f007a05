//! `/health`: whether the server runs, and whether queries can be answered.

use axum::extract::{Extension, State as Extract};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::answer::{CachePolicy, describe};
use super::layer::LetIn;
use super::state::State;

pub async fn live() -> Response {
    response(StatusCode::OK, &json!({ "live": true }))
}

/// The reason is for those who present the token; others learn that there is one.
pub async fn both(
    Extract(shared): Extract<State>,
    Extension(let_in): Extension<LetIn>,
) -> Response {
    match shared.source.edition().await {
        Ok(edition) => {
            let body = json!({
                "live": true, "ready": true, "reason": null, "version": edition.version(),
            });
            response(StatusCode::OK, &body)
        }
        Err(problem) => {
            let reason = if let_in.0 { problem.detail.as_str() } else { "the log tells" };
            let body = json!({ "live": true, "ready": false, "reason": reason });
            let mut response = response(problem.status, &body);
            response.headers_mut().extend(problem.headers);
            response
        }
    }
}

fn response(status: StatusCode, body: &Value) -> Response {
    let mut response = (status, format!("{body}\n")).into_response();
    let media = HeaderValue::from_static("application/json");
    describe(response.headers_mut(), &media, None, CachePolicy::Never, None);
    response
}
