//! The period of which a view with several is drawn: one date, night or window.

use anyhow::Result;
use arrow::array::{Array, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Date32Type, Schema};
use chrono::NaiveDate;

use super::ChartOptions;
use crate::views::View;
use crate::warehouse::Warehouse;

/// Columns with the first date of the period of a row.
const COLUMNS: [&str; 3] = ["date", "night", "window_start"];

/// A period of a view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Newest {
    pub column: &'static str,
    pub day: NaiveDate,
    /// False for a window that is not.
    pub complete: bool,
}

impl Newest {
    /// The condition in SQL that the rows are of this period.
    pub fn condition(&self) -> String {
        format!("{} = DATE '{}'", self.column, self.day)
    }

    /// `2024-10-01`, with a remark on a window that is not complete.
    pub fn text(&self) -> String {
        let remark = if self.complete { "" } else { " (not complete)" };
        let window = if self.column == "window_start" { "window from " } else { "" };
        format!("{window}{}{remark}", self.day)
    }
}

/// The newest period between the dates of the options that has rows; of windows, the newest complete one if there
/// is one. `None` for a view without periods, or without rows.
///
/// # Errors
/// A warehouse that cannot be read.
pub fn newest(
    warehouse: &dyn Warehouse,
    view: &View,
    schema: &Schema,
    options: &ChartOptions,
) -> Result<Option<Newest>> {
    let Some(column) = period_column(schema) else { return Ok(None) };
    let mut conditions: Vec<String> = Vec::new();
    conditions.extend(options.from.map(|from| format!("{column} >= DATE '{from}'")));
    conditions.extend(options.to.map(|to| format!("{column} <= DATE '{to}'")));
    let day = |conditions: &[String]| -> Result<Option<NaiveDate>> {
        let condition = match conditions.is_empty() {
            true => String::new(),
            false => format!(" WHERE {}", conditions.join(" AND ")),
        };
        let sql = format!("SELECT MAX({column}) AS day FROM {}{condition}", view.view);
        for batch in warehouse.sql_with(&sql, &[])? {
            let days = cast(batch?.column(0), &DataType::Date32)?;
            let days = days.as_primitive::<Date32Type>();
            if !days.is_empty() && days.is_valid(0) {
                return Ok(days.value_as_date(0));
            }
        }
        Ok(None)
    };
    if has(schema, "complete", &DataType::Boolean) {
        let complete = [&conditions[..], &["complete".to_owned()]].concat();
        if let Some(day) = day(&complete)? {
            return Ok(Some(Newest { column, day, complete: true }));
        }
        return Ok(day(&conditions)?.map(|day| Newest { column, day, complete: false }));
    }
    Ok(day(&conditions)?.map(|day| Newest { column, day, complete: true }))
}

/// Whether rows of a view belong to periods.
pub fn has_periods(schema: &Schema) -> bool {
    period_column(schema).is_some()
}

fn period_column(schema: &Schema) -> Option<&'static str> {
    COLUMNS.into_iter().find(|name| has(schema, name, &DataType::Date32))
}

fn has(schema: &Schema, name: &str, data_type: &DataType) -> bool {
    schema.field_with_name(name).is_ok_and(|field| field.data_type() == data_type)
}
