//! Where devices can be seen: a zero tells something only where the cell plan has a cell.

use std::collections::HashMap;

use anyhow::{Context, Result};
use arrow::array::{Array, AsArray};
use arrow::datatypes::Date32Type;
use chrono::NaiveDate;

use super::read::collect;
use super::table::{Row, Table};
use crate::domain::tables;
use crate::warehouse::Warehouse;

/// The key with the LAU of which a number is.
const LAU_ID: &str = "lau_id";

/// The dates on which LAUs have a cell; a LAU is empty outside all LAUs.
#[derive(Debug, Default)]
pub struct Coverage(HashMap<Option<String>, Vec<Validity>>);

/// First and last date of a cell, without a limit if `None`.
type Validity = (Option<NaiveDate>, Option<NaiveDate>);

impl Coverage {
    /// # Errors
    /// A warehouse that cannot be read.
    pub fn read(warehouse: &dyn Warehouse) -> Result<Self> {
        let plan = tables::Table::CellPlan.name();
        let rows = collect(warehouse.sql(&format!(
            "SELECT DISTINCT CAST(lau_id AS TEXT) AS lau_id, valid_date_start, valid_date_end FROM {plan}"
        ))?)?;
        let laus = arrow::compute::cast(rows.column(0), &arrow::datatypes::DataType::Utf8)?;
        let laus = laus.as_string::<i32>();
        let dates = |column: usize| {
            let dates = rows.column(column).as_primitive_opt::<Date32Type>();
            dates.with_context(|| format!("the dates of {plan} are no dates"))
        };
        let (starts, ends) = (dates(1)?, dates(2)?);
        let date = |dates: &arrow::array::Date32Array, row| {
            dates.is_valid(row).then(|| NaiveDate::from_epoch_days(dates.value(row))).flatten()
        };
        let mut coverage = Coverage::default();
        for row in 0..rows.num_rows() {
            let lau = laus.is_valid(row).then(|| laus.value(row).to_owned());
            coverage.0.entry(lau).or_default().push((date(starts, row), date(ends, row)));
        }
        Ok(coverage)
    }

    /// True for a zero of a LAU that has no cell on any date of the row. Nothing could be seen there, so that the
    /// number is not known.
    pub fn is_blind(&self, table: &Table, row: &Row, measure: usize) -> bool {
        if row.numbers[measure] != Some(0) || !table.keys.have_nulls() {
            return false;
        }
        let Some(lau) = table.key(LAU_ID).map(|key| &row.keys[key]) else { return false };
        let is_valid = |(start, end): &Validity| {
            row.period.is_none_or(|(first, last)| {
                start.is_none_or(|start| start <= last) && end.is_none_or(|end| end >= first)
            })
        };
        !self.0.get(lau).is_some_and(|validities| validities.iter().any(is_valid))
    }
}
