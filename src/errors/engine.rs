//! Errors of an engine that runs SQL. Their messages may quote values of single rows, such as the
//! user id that a cast failed on, and so belong into the log alone.

use std::error::Error;
use std::fmt;

use arrow::error::ArrowError;
use datafusion::error::DataFusionError;
use parquet::errors::ParquetError;
use tokio::task::JoinError;

/// An error of an engine, with an id that connects its record with its message in the log.
#[derive(Debug)]
pub struct EngineError {
    /// The kind of fault, without any value.
    fault: String,
    id: String,
    /// The message of the engine.
    message: String,
}

impl EngineError {
    /// `fault` describes the kind of fault and must not contain values.
    pub fn new(fault: impl Into<String>, message: impl Into<String>) -> Self {
        let id = format!("{:08x}", rand::random::<u32>());
        EngineError { fault: fault.into(), id, message: message.into() }
    }
}

/// The complete message, for the log and for whoever may read the rows.
impl fmt::Display for EngineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (error {})", self.message, self.id)
    }
}

impl Error for EngineError {}

/// The message of an error without values of rows: for clients and for records of runs. Of an error of
/// an engine it has the place, the kind of fault and the id of the error.
pub fn without_values(error: &anyhow::Error) -> String {
    let mut parts = Vec::new();
    for cause in error.chain() {
        // this program passes its own errors through interfaces of Arrow
        if matches!(cause.downcast_ref(), Some(ArrowError::ExternalError(_))) {
            continue;
        }
        if let Some(EngineError { fault, id, .. }) = cause.downcast_ref() {
            parts.push(format!("{fault} (error {id}; its message is in the log)"));
            break;
        }
        if may_quote_values(cause) {
            parts.push("an error whose message is in the log".to_owned());
            break;
        }
        parts.push(cause.to_string());
    }
    parts.join(": ")
}

/// True for errors of libraries that process rows.
fn may_quote_values(cause: &(dyn Error + 'static)) -> bool {
    cause.is::<ArrowError>()
        || cause.is::<DataFusionError>()
        || cause.is::<ParquetError>()
        || cause.is::<postgres::Error>()
        || cause.is::<JoinError>()
}

#[cfg(test)]
mod tests {
    use anyhow::{Context, anyhow};

    use super::*;

    const VALUE: &str = "cannot cast 'aa01' to Int64";

    fn id_in(text: &str) -> &str {
        text.split_once("(error ").map(|(_, rest)| &rest[..8]).unwrap()
    }

    #[test]
    fn only_the_complete_message_quotes_values() {
        let direct = anyhow!(EngineError::new("a failed cast", VALUE));
        let streamed =
            ArrowError::ExternalError(Box::new(EngineError::new("a failed cast", VALUE)));
        for error in [direct, anyhow!(streamed)] {
            let error = error.context("view v (v.sql)");
            let (full, short) = (format!("{error:#}"), without_values(&error));
            assert!(full.contains("aa01"), "{full}");
            let id = id_in(&full);
            let expected =
                format!("view v (v.sql): a failed cast (error {id}; its message is in the log)");
            assert_eq!(short, expected);
        }
    }

    #[test]
    fn messages_of_libraries_are_left_out() {
        let error = anyhow!(ArrowError::CastError(VALUE.to_owned())).context("view v");
        assert_eq!(without_values(&error), "view v: an error whose message is in the log");
        let error = Err::<(), _>(DataFusionError::Execution(VALUE.to_owned())).context("view v");
        assert!(!without_values(&error.unwrap_err()).contains("aa01"));
    }

    #[test]
    fn other_errors_keep_their_message() {
        let error = anyhow!("no such file").context("view v");
        assert_eq!(without_values(&error), format!("{error:#}"));
    }
}
