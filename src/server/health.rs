//! `/health`: whether the server runs, and whether it can answer queries.

use std::sync::Arc;

use axum::extract::Extension;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::current::DefinitionsReport;
use super::middleware::Authorized;
use super::state::SharedState;
use super::stored_response::{CachePolicy, set_headers};
use crate::stages::quality::Bounds;

const NO_BOUNDS: Bounds = (None, None);

pub async fn live() -> Response {
    response(StatusCode::OK, &json!({ "live": true }))
}

/// Why the server is not ready, what is wrong with changed definitions, and which dates are missing, is
/// shown only to clients with a token, and not to the public.
pub async fn ready(
    Extension(state): Extension<SharedState>,
    Extension(authorized): Extension<Authorized>,
    Extension(report): Extension<Arc<DefinitionsReport>>,
) -> Response {
    let is_told = authorized.0 && !state.is_public();
    let mut definitions = json!({ "fingerprint": state.fingerprint });
    if is_told {
        let DefinitionsReport { problem, restart } = &*report;
        definitions["problem"] = json!(problem);
        definitions["restart"] = json!(restart);
    }
    match state.monitor.current().await {
        Ok(current) => {
            let mut body = json!({
                "live": true, "ready": true, "reason": null, "version": current.version.id(),
                "definitions": definitions,
            });
            if is_told {
                let dates = current.version.known_dates();
                let gaps = dates.and_then(|dates| state.expectation.gaps(&dates, NO_BOUNDS).ok());
                body["gaps"] = json!(gaps);
            }
            response(StatusCode::OK, &body)
        }
        Err(problem) => {
            let reason =
                if is_told { problem.detail.as_str() } else { "see the log of the server" };
            let body = json!({
                "live": true, "ready": false, "reason": reason, "definitions": definitions,
            });
            let mut response = response(problem.status, &body);
            response.headers_mut().extend(problem.headers);
            response
        }
    }
}

fn response(status: StatusCode, body: &Value) -> Response {
    let mut response = (status, format!("{body}\n")).into_response();
    let media_type = HeaderValue::from_static("application/json");
    set_headers(response.headers_mut(), &media_type, None, CachePolicy::Never, None);
    response
}
