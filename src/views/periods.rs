//! Decides which views can be computed by period, and checks the columns that their headers name.

use std::collections::BTreeSet;

use anyhow::{Result, bail};
use arrow::datatypes::DataType;

use super::growth::Unit;
use super::registry::Registry;
use super::split::NAMED_WINDOW;
use super::view::View;
use crate::domain::tables::Table;

/// The tables that a view may read if it is computed by period: those with the rows of dates, and those that
/// are the same for all dates.
const READABLE: [Table; 6] = [
    Table::MobileEventsCompressed,
    Table::MobileEventsPlaced,
    Table::Segments,
    Table::Trips,
    Table::CellPlan,
    Table::Lau,
];

impl Registry {
    /// The names of the views that can be computed by period: those whose headers say so, and which read,
    /// besides the tables for which that is possible, only other such views.
    pub(super) fn computable_by_period(&self) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        for view in self.without_cycles() {
            let mut other_tables = Table::ALL.into_iter().filter(|table| !READABLE.contains(table));
            let has_periods = |source: &&View| {
                // a sum over all dates has no rows of a period
                source.split.is_some()
                    || found.contains(&source.view) && source.accumulate.is_none()
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

    /// Checks that the view that names windows has them in a column, by date.
    ///
    /// # Errors
    /// A view that is not read, or is not such a view.
    pub(super) fn check_windows(&self, view: &View) -> Result<()> {
        let Some(name) = &view.windows else { return Ok(()) };
        let sources = self.sources(view);
        let source = sources.into_iter().find(|source| source.view == *name);
        let has_windows = |source: &&View| {
            let is_date = source.columns.as_ref().is_none_or(|columns| {
                let field = columns.field_with_name(NAMED_WINDOW);
                field.is_ok_and(|field| *field.data_type() == DataType::Date32)
            });
            is_date && source.split.as_ref().is_some_and(|split| split.unit == Unit::Date)
        };
        if source.filter(has_windows).is_none() {
            bail!(
                "view file {}: windows is {name:?}, but the SQL reads no view of that name with the keys by: date \
                 and computed: whole and a DATE column {NAMED_WINDOW}",
                view.file.display()
            );
        }
        Ok(())
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
        let of_split = self.split.as_ref().map(|split| &split.column);
        let keys = [
            ("period", self.period.as_ref().or(of_split), DataType::Date32, "DATE"),
            ("accumulate", self.accumulate.as_ref(), DataType::Int64, "BIGINT"),
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
