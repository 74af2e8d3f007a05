//! Errors of DataFusion that may quote values of rows.

use arrow::error::ArrowError;
use datafusion::error::DataFusionError;

use crate::errors::EngineError;

/// True if the error is about the SQL, the limits or the files of a query, and so quotes no value of a
/// row.
pub fn quotes_no_value(error: &DataFusionError) -> bool {
    matches!(
        error.find_root(),
        DataFusionError::SQL(..)
            | DataFusionError::Plan(_)
            | DataFusionError::SchemaError(..)
            | DataFusionError::NotImplemented(_)
            | DataFusionError::Configuration(_)
            | DataFusionError::ResourcesExhausted(_)
            | DataFusionError::ParquetError(_)
            | DataFusionError::ObjectStore(_)
            | DataFusionError::IoError(_)
    )
}

/// An error of a query that was planned or has run.
pub fn failed(error: &DataFusionError) -> EngineError {
    EngineError::new(fault(error.find_root()), error.strip_backtrace())
}

/// A value that does not fit the type of its column in the result.
pub fn not_in_contract(error: &ArrowError) -> EngineError {
    EngineError::new("a value does not fit the type of its column", error.to_string())
}

fn fault(root: &DataFusionError) -> &'static str {
    match root {
        DataFusionError::ArrowError(error, _) => match error.as_ref() {
            ArrowError::CastError(_) | ArrowError::ParseError(_) => {
                "a value cannot be converted to the type that the SQL asks for"
            }
            ArrowError::DivideByZero => "division by zero",
            ArrowError::ArithmeticOverflow(_) => "a number is out of range",
            _ => "the query failed while it ran",
        },
        DataFusionError::ResourcesExhausted(_) => "the query needs more memory than it may use",
        DataFusionError::ParquetError(_)
        | DataFusionError::ObjectStore(_)
        | DataFusionError::IoError(_) => "a file cannot be read",
        _ => "the query failed while it ran",
    }
}
