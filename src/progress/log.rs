//! Lines on standard error: text for people, or one JSON object per line for log collectors.

use std::io::Write;

use chrono::{DateTime, SecondsFormat, Utc};
use clap::ValueEnum;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::progress::{new_id, now};

/// Format of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum LogFormat {
    /// Text for people
    #[default]
    Text,
    /// One JSON object per line, without progress bars
    Json,
}

/// The format that invalid command-line arguments ask for, for the message about them.
pub fn format_in(args: impl IntoIterator<Item = String>) -> LogFormat {
    let args: Vec<String> = args.into_iter().collect();
    let separate = args.windows(2).any(|pair| pair[0] == "--log-format" && pair[1] == "json");
    if separate || args.iter().any(|arg| arg == "--log-format=json") {
        LogFormat::Json
    } else {
        LogFormat::Text
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    Debug,
    Info,
    Warning,
    Error,
}

/// Writes log lines; holds the fields that all lines of a run share.
#[derive(Debug, Clone, Default)]
pub struct Log {
    format: LogFormat,
    run_id: String,
    command: &'static str,
}

impl Log {
    /// The log of a run that starts now.
    pub fn new(format: LogFormat, command: &'static str) -> Self {
        Log { format, run_id: new_id(now()), command }
    }

    pub fn run_id(&self) -> &str {
        &self.run_id
    }

    pub fn command(&self) -> &'static str {
        self.command
    }

    /// True if only JSON may be written.
    pub fn is_json(&self) -> bool {
        self.format == LogFormat::Json
    }

    /// Writes an error; `part` names the part of the program that it concerns.
    pub fn error(&self, part: Option<&str>, message: &str) {
        self.line(Level::Error, part, message, Map::new(), || {
            let part = part.map(|part| format!("{part}: ")).unwrap_or_default();
            format!("mobility: {part}{message}")
        });
    }

    /// Writes a line: `message` and `figures` as JSON, or `text` for people. An error while writing is
    /// ignored, since the work itself does not depend on the log.
    pub fn line(
        &self,
        level: Level,
        stage: Option<&str>,
        message: &str,
        figures: Map<String, Value>,
        text: impl FnOnce() -> String,
    ) {
        let _ = self.try_line(level, stage, message, figures, text);
    }

    /// Writes a line like [`Log::line`], for what may only happen if it is logged.
    ///
    /// # Errors
    /// Standard error that cannot be written.
    pub fn try_line(
        &self,
        level: Level,
        stage: Option<&str>,
        message: &str,
        figures: Map<String, Value>,
        text: impl FnOnce() -> String,
    ) -> std::io::Result<()> {
        let line = match self.format {
            LogFormat::Text => text(),
            LogFormat::Json => self.object(Utc::now(), level, stage, message, &figures),
        };
        writeln!(std::io::stderr().lock(), "{line}")
    }

    fn object(
        &self,
        now: DateTime<Utc>,
        level: Level,
        stage: Option<&str>,
        message: &str,
        figures: &Map<String, Value>,
    ) -> String {
        let object = Object {
            ts: now.to_rfc3339_opts(SecondsFormat::Millis, true),
            level,
            run_id: &self.run_id,
            command: self.command,
            stage,
            message,
            figures,
        };
        serde_json::to_string(&object).unwrap_or_default()
    }
}

#[derive(Serialize)]
struct Object<'a> {
    ts: String,
    level: Level,
    run_id: &'a str,
    command: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    stage: Option<&'a str>,
    message: &'a str,
    #[serde(flatten)]
    figures: &'a Map<String, Value>,
}

/// The fields of a `json!({…})` object.
pub fn figures(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(figures) => figures,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Level, Log, LogFormat, figures, format_in};

    #[test]
    fn a_line_is_one_object_whatever_is_said() {
        let log = Log { format: LogFormat::Json, run_id: "r1".into(), command: "load" };
        let now = "2026-11-25T10:00:00.25Z".parse().unwrap();
        let told = figures(json!({"rows": 3}));
        assert_eq!(
            log.object(now, Level::Info, Some("load"), "3 rows\nin \"a\"", &told),
            r#"{"ts":"2026-11-25T10:00:00.250Z","level":"info","run_id":"r1","command":"load","stage":"load","message":"3 rows\nin \"a\"","rows":3}"#
        );
    }

    #[test]
    fn the_format_is_found_in_a_command_line_that_cannot_be_read() {
        let found = |line: &str| format_in(line.split(' ').map(str::to_owned));
        assert_eq!(found("mobility qery --log-format json"), LogFormat::Json);
        assert_eq!(found("mobility --log-format=json qery"), LogFormat::Json);
        assert_eq!(found("mobility --log-format text json"), LogFormat::Text);
    }
}
