//! Decides which views can be computed by period, and checks the columns that their headers name.

use std::collections::BTreeSet;

use anyhow::{Result, bail};
use arrow::datatypes::DataType;

use super::registry::Registry;
use super::view::View;
use crate::domain::tables::Table;

/// The tables that a view may read if it is computed by period: those with the rows of dates, and those that
/// are the same for all dates.
const READABLE: [Table; 4] =
    [Table::MobileEventsCompressed, Table::MobileEventsPlaced, Table::CellPlan, Table::Lau];

impl Registry {
    /// The names of the views that can be computed by period: those whose headers say so, and which read,
    /// besides the tables for which that is possible, only other such views.
    pub(super) fn computable_by_period(&self) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        for view in self.without_cycles() {
            let mut other_tables = Table::ALL.into_iter().filter(|table| !READABLE.contains(table));
            let has_periods = |source: &&View| {
                // a sum over all dates has no rows of a period
                found.contains(&source.view) && source.accumulate.is_none()
            };
            if view.growth.is_some()
                && other_tables.all(|table| !self.names(view, table))
                && self.sources(view).iter().all(has_periods)
            {
                found.insert(view.view.clone());
            }
        }
        found
    }
}

impl View {
    /// Checks that the columns of the keys `period` and `accumulate` exist and have the right types. Columns
    /// that are not known are not checked.
    ///
    /// # Errors
    /// A column that is missing or has another type, with the columns that there are.
    pub(super) fn check_columns(&self) -> Result<()> {
        let Some(columns) = &self.columns else { return Ok(()) };
        let keys = [
            ("period", &self.period, DataType::Date32, "DATE"),
            ("accumulate", &self.accumulate, DataType::Int64, "BIGINT"),
        ];
        for (key, column, data_type, name) in keys {
            let Some(column) = column else { continue };
            match columns.field_with_name(column) {
                Ok(field) if *field.data_type() == data_type => {}
                Ok(_) => bail!(
                    "view file {}: the column {column} of the key {key} must have the type {name}; use \
                     CAST(... AS {name})",
                    self.file.display()
                ),
                Err(_) => {
                    let names: Vec<&str> =
                        columns.fields().iter().map(|field| field.name().as_str()).collect();
                    bail!(
                        "view file {}: the key {key} needs the column {column}, but the columns are {}; add \
                         it, or name another one with {key}:",
                        self.file.display(),
                        names.join(", ")
                    )
                }
            }
        }
        Ok(())
    }
}
