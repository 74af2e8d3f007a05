//! The released rows of a view as a table over the files of its periods.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use arrow::datatypes::{DataType, SchemaRef};
use chrono::NaiveDate;
use datafusion::catalog::TableProvider;

use crate::datasets::published::{ALL_DATES, Published, PublishedView, Store};
use crate::views::View;
use crate::warehouse::embedded::files_table::{FilesTable, Part};
use crate::warehouse::embedded::parquet_files::{Range, describe_unverified};
use crate::warehouse::embedded::parquet_tables::with_views;
use crate::warehouse::embedded::rows::contract_schema;

/// The columns of a file with released rows, in the types of the contract.
///
/// # Errors
/// A file that is missing or damaged.
pub fn columns(path: &Path) -> Result<SchemaRef> {
    let (schema, _) = describe_unverified(path).with_context(|| missing(path))?;
    Ok(contract_schema(&schema))
}

fn missing(path: &Path) -> String {
    format!(
        "{} is missing or damaged; restore it from a copy, or publish its dates again",
        path.display()
    )
}

/// The first date of a period; `None` for that of rows without a date.
pub fn day(period: &str) -> Option<NaiveDate> {
    if period == ALL_DATES { None } else { period.parse().ok() }
}

/// True if the files of a view are those of dates, and not of longer periods.
pub fn has_rows_by_date(view: &View) -> bool {
    let columns = view.columns.iter().flat_map(|schema| schema.fields().iter());
    let names: Vec<_> = columns.map(|field| (field.name().as_str(), field.data_type())).collect();
    let has_hours = names.iter().any(|(name, kind)| *name == "hour" && kind.is_temporal());
    let is_of_date = view.period.as_deref().is_none_or(|period| period == "date");
    is_of_date && (names.contains(&("date", &DataType::Date32)) || has_hours)
}

/// The rows of the periods that may have dates from a first to a last one; files of others are not opened.
///
/// # Errors
/// A file that is missing or damaged, or that was changed after its release.
pub fn table(
    (store, published): (&Store, &Published),
    view: &View,
    released: &PublishedView,
    (from, to): (Option<NaiveDate>, Option<NaiveDate>),
) -> Result<Arc<dyn TableProvider>> {
    let days = (from.unwrap_or(NaiveDate::MIN), to.unwrap_or(NaiveDate::MAX));
    let is_by_date = has_rows_by_date(view);
    let mut parts = Vec::new();
    for (period, name) in &released.files {
        let start = day(period);
        // the length of other periods is not known here
        if is_by_date && start.is_some_and(|start| start < days.0 || start > days.1) {
            continue;
        }
        let path = store.rows_file(&view.view, name);
        store.verify(published, &path)?;
        let path = std::path::absolute(path)?;
        let (_, rows) = describe_unverified(&path).with_context(|| missing(&path))?;
        let bytes = std::fs::metadata(&path).with_context(|| missing(&path))?.len();
        let range = Range { start: 0, rows, days: None };
        parts.push(Part { path: Arc::new(path), bytes, file_rows: rows, range, date: None });
    }
    let schema = view.columns.clone().with_context(|| format!("{} has no columns", view.view))?;
    Ok(Arc::new(FilesTable::new(with_views(&schema), false, parts, None)))
}
