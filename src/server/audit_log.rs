//! The audit log: who requested rows of single users.

use axum::http::{StatusCode, Uri};
use chrono::{SecondsFormat, Utc};
use serde_json::json;

use super::middleware::Peer;
use crate::progress::log::{Level, Log, figures};

/// Writes a line to standard error: time, client, route, parameters, status.
pub fn write(log: &Log, peer: Option<Peer>, uri: &Uri, status: StatusCode) {
    let time = Utc::now().to_rfc3339_opts(SecondsFormat::Secs, true);
    let client = peer.map_or_else(|| "-".to_owned(), |p| p.0.ip().to_string());
    let parameters = uri.query().filter(|q| !q.is_empty()).unwrap_or("-");
    let (path, status) = (uri.path(), status.as_u16());
    let fields = json!({
        "stage": "audit",
        "client": client,
        "path": path,
        "parameters": uri.query(),
        "status": status,
    });
    let message = "rows of single users were requested";
    log.line(Level::Info, None, message, figures(fields), || {
        format!("audit: {time} {client} {path} {parameters} {status}")
    });
}
