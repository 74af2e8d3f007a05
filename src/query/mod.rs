//! `query`: from what the user typed to rows, and rows to a format.

pub mod format;

use anyhow::{Result, anyhow};

use crate::usage::UsageError;
use crate::views::OrderBy;

/// Reads `COL`, `COL:asc` or `COL:desc`.
///
/// # Errors
/// [`UsageError`] for any other direction.
pub fn order_by(texts: &[String]) -> Result<Vec<OrderBy>> {
    let read = |text: &String| {
        let (column, direction) = text.split_once(':').unwrap_or((text, "asc"));
        let descending = match direction.to_lowercase().as_str() {
            "asc" => false,
            "desc" => true,
            _ => {
                return Err(anyhow!(UsageError(format!(
                    "--order-by {text}: write {column}, {column}:asc or {column}:desc"
                ))));
            }
        };
        Ok(OrderBy { column: column.to_owned(), descending })
    };
    texts.iter().map(read).collect()
}
