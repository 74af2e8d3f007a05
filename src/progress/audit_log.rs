//! The audit log: who read rows of single users.
//!
//! A line is written before the first row goes out, and another one when the last row has gone out or
//! the access has ended early. Where a line cannot be written no row goes out.

use std::net::IpAddr;
use std::path::Path;

use anyhow::{Context, Result};
use chrono::{SecondsFormat, Utc};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::append_file::AppendFile;
use super::log::{Level, Log, figures};

/// An access to rows of single users. None of its fields contains a user id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Access {
    pub request_id: String,
    /// The command: `serve` or `query`.
    pub via: &'static str,
    /// The name of the token, or of the user of the operating system.
    pub name: String,
    /// The address of the client.
    pub address: Option<IpAddr>,
    /// The view or table.
    pub relation: String,
    /// The filters, order and limits of the request by name.
    pub filters: Map<String, Value>,
    pub format: &'static str,
    /// The route, for lines on standard error.
    #[serde(skip)]
    pub path: String,
}

/// How an access ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// All rows have gone out.
    Complete,
    /// An error, or the client has disconnected; the number of rows is that of the rows read.
    Aborted,
}

/// Where lines are written.
#[derive(Debug)]
pub enum AuditLog {
    /// The file of `serve.audit_log`: one JSON object per line.
    File(AppendFile),
    /// Standard error: one line per access.
    StandardError(Log),
}

#[derive(Serialize)]
struct Line<'a> {
    /// UTC, RFC 3339.
    time: String,
    event: &'static str,
    #[serde(flatten)]
    access: &'a Access,
    /// Unknown when the access begins.
    rows: Option<u64>,
    outcome: Option<Outcome>,
}

impl AuditLog {
    /// The log in a file.
    ///
    /// # Errors
    /// A file that cannot be created or opened.
    pub fn open(path: &Path) -> Result<Self> {
        AppendFile::open(path).map(AuditLog::File).with_context(|| {
            format!(
                "serve.audit_log: {} cannot be opened for appending; without it no rows of single \
                 users go out",
                path.display()
            )
        })
    }

    /// Records that rows are about to go out.
    ///
    /// # Errors
    /// A line that cannot be written: no row may go out.
    pub fn granted(&self, access: &Access) -> Result<()> {
        match self {
            AuditLog::File(file) => append(file, "granted", access, None, None),
            AuditLog::StandardError(log) => to_standard_error(log, access),
        }
    }

    /// Records the number of rows that went out. Standard error has no such line.
    ///
    /// # Errors
    /// A line that cannot be written.
    pub fn ended(&self, access: &Access, rows: u64, outcome: Outcome) -> Result<()> {
        match self {
            AuditLog::File(file) => append(file, "ended", access, Some(rows), Some(outcome)),
            AuditLog::StandardError(_) => Ok(()),
        }
    }
}

fn append(
    file: &AppendFile,
    event: &'static str,
    access: &Access,
    rows: Option<u64>,
    outcome: Option<Outcome>,
) -> Result<()> {
    let time = Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true);
    let line = serde_json::to_string(&Line { time, event, access, rows, outcome })?;
    file.append(&line)
        .with_context(|| format!("serve.audit_log: {} cannot be written", file.path().display()))
}

fn to_standard_error(log: &Log, access: &Access) -> Result<()> {
    let time = Utc::now().to_rfc3339_opts(SecondsFormat::Secs, true);
    let client = access.address.map_or_else(|| "-".to_owned(), |address| address.to_string());
    let parameters = parameters(&access.filters);
    let fields = json!({
        "stage": "audit",
        "client": client,
        "path": access.path,
        "parameters": parameters,
        "status": 200,
        "token": access.name,
        "request_id": access.request_id,
    });
    let message = "rows of single users were requested";
    log.try_line(Level::Info, None, message, figures(fields), || {
        let parameters = if parameters.is_empty() { "-" } else { &parameters };
        let (path, name) = (&access.path, &access.name);
        format!("audit: {time} {client} {path} {parameters} 200 {name}")
    })
    .context("the audit line cannot be written to standard error")
}

/// Filters as a query string.
fn parameters(filters: &Map<String, Value>) -> String {
    let pairs = filters.iter().map(|(name, value)| match value {
        Value::String(text) => format!("{name}={text}"),
        other => format!("{name}={other}"),
    });
    pairs.collect::<Vec<_>>().join("&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_have_every_field_in_a_fixed_order() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        let log = AuditLog::open(&path).unwrap();
        let access = Access {
            request_id: "r1".to_owned(),
            via: "serve",
            name: "dashboard".to_owned(),
            address: Some([192, 0, 2, 7].into()),
            relation: "mobile_events_compressed".to_owned(),
            filters: figures(json!({ "date": "2024-10-01", "limit": 5 })),
            format: "csv",
            path: String::new(),
        };
        log.granted(&access).unwrap();
        log.ended(&access, 3, Outcome::Complete).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> =
            text.lines().map(|line| &line[line.find(",\"event\"").unwrap()..]).collect();
        let fields = r#""request_id":"r1","via":"serve","name":"dashboard","address":"192.0.2.7","relation":"mobile_events_compressed","filters":{"date":"2024-10-01","limit":5},"format":"csv""#;
        assert_eq!(
            lines,
            [
                format!(r#","event":"granted",{fields},"rows":null,"outcome":null}}"#),
                format!(r#","event":"ended",{fields},"rows":3,"outcome":"complete"}}"#),
            ]
        );
        let time = &text[9..33];
        assert!(time.ends_with('Z') && time.parse::<chrono::DateTime<Utc>>().is_ok(), "{time}");
    }
}
