//! Who looked at rows of single users.

use axum::http::{StatusCode, Uri};
use chrono::{SecondsFormat, Utc};

use super::layer::Peer;
use super::log;

/// Leaves a line on standard error: time, client, route, parameters, status.
pub fn note(peer: Option<Peer>, uri: &Uri, status: StatusCode) {
    let time = Utc::now().to_rfc3339_opts(SecondsFormat::Secs, true);
    let client = peer.map_or_else(|| "-".to_owned(), |p| p.0.ip().to_string());
    let parameters = uri.query().filter(|q| !q.is_empty()).unwrap_or("-");
    log::line(format_args!(
        "audit: {time} {client} {} {parameters} {}",
        uri.path(),
        status.as_u16()
    ));
}
