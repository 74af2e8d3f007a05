//! Errors as problem details (RFC 9457). This is the only place that maps errors to status codes.

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::errors::{UsageError, without_values};

/// Media type of problem details.
pub const PROBLEM_JSON: &str = "application/problem+json";
/// Seconds after which a client may try again.
const RETRY_AFTER_S: &str = "5";

/// An error response. The middleware renders it as JSON or as a page, depending on the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub status: StatusCode,
    pub detail: String,
    /// The invalid parameter.
    pub parameter: Option<String>,
    pub headers: Vec<(HeaderName, HeaderValue)>,
}

impl Problem {
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Problem { status, detail: detail.into(), parameter: None, headers: Vec::new() }
    }

    pub fn with(mut self, name: HeaderName, value: &str) -> Self {
        // a value that is not valid in a header is left out
        self.headers.extend(HeaderValue::from_str(value).map(|value| (name, value)));
        self
    }

    pub fn parameter(name: &str, detail: impl Into<String>) -> Self {
        let problem = Problem::new(StatusCode::BAD_REQUEST, detail);
        Problem { parameter: Some(name.to_owned()), ..problem }
    }

    /// For temporary conditions: an unavailable warehouse, too many queries.
    pub fn unavailable(detail: impl Into<String>) -> Self {
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail)
            .with(header::RETRY_AFTER, RETRY_AFTER_S)
    }

    pub fn too_slow(seconds: u64) -> Self {
        let detail = format!(
            "no result within {seconds} s; request fewer rows with date, from, to, lau or limit, \
             or raise serve.timeout_s"
        );
        Problem::new(StatusCode::GATEWAY_TIMEOUT, detail).with(header::RETRY_AFTER, RETRY_AFTER_S)
    }

    /// An error of this program or of the warehouse, without values of rows. The caller finds out whether
    /// the warehouse is unavailable.
    pub fn of(error: &anyhow::Error) -> Self {
        let detail = without_values(error);
        match error.downcast_ref::<UsageError>() {
            Some(_) => Problem::new(StatusCode::BAD_REQUEST, detail),
            None => Problem::new(StatusCode::INTERNAL_SERVER_ERROR, detail),
        }
    }

    /// The reason phrase, such as `Not Found`.
    pub fn title(&self) -> &'static str {
        self.status.canonical_reason().unwrap_or("Error")
    }

    pub fn json(&self) -> String {
        let mut body = json!({
            "type": "about:blank",
            "title": self.title(),
            "status": self.status.as_u16(),
            "detail": self.detail,
        });
        if let (Some(name), Some(map)) = (&self.parameter, body.as_object_mut()) {
            map.insert("parameter".to_owned(), json!(name));
        }
        format!("{body}\n")
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.headers_mut().extend(self.headers.clone());
        response.extensions_mut().insert(self);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problem_names_its_parameter_and_escapes_quoted_input() {
        let problem = Problem::parameter("limit", "limit=\"<b>\" is not a number");
        let read: serde_json::Value = serde_json::from_str(&problem.json()).unwrap();
        assert_eq!(read["parameter"], "limit");
        assert_eq!(read["status"], 400);
        assert_eq!(read["title"], "Bad Request");
        assert_eq!(read["detail"], "limit=\"<b>\" is not a number");
    }

    #[test]
    fn usage_errors_give_400_and_all_others_500() {
        let usage = anyhow::anyhow!(UsageError("no such column".to_owned()));
        assert_eq!(Problem::of(&usage).status, 400);
        assert_eq!(Problem::of(&anyhow::anyhow!("broken file")).status, 500);
    }
}
