//! Who looked at rows of single users.

use axum::http::{StatusCode, Uri};
use chrono::{SecondsFormat, Utc};
use serde_json::json;

use super::layer::Peer;
use crate::progress::log::{Level, Log, figures};

/// Leaves a line on standard error: time, client, route, parameters, status.
pub fn note(log: &Log, peer: Option<Peer>, uri: &Uri, status: StatusCode) {
    let time = Utc::now().to_rfc3339_opts(SecondsFormat::Secs, true);
    let client = peer.map_or_else(|| "-".to_owned(), |p| p.0.ip().to_string());
    let parameters = uri.query().filter(|q| !q.is_empty()).unwrap_or("-");
    let (path, status) = (uri.path(), status.as_u16());
    let told = json!({
        "stage": "audit",
        "client": client,
        "path": path,
        "parameters": uri.query(),
        "status": status,
    });
    let message = "rows of single users were asked for";
    log.line(Level::Info, None, message, figures(told), || {
        format!("audit: {time} {client} {path} {parameters} {status}")
    });
}
