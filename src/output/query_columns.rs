//! Columns of the rows of a query, in the types that the documents of the pages need.

use anyhow::{Context, Result};
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, RecordBatchReader};
use arrow::compute::{cast, concat_batches};
use arrow::datatypes::{DataType, Date32Type, Float64Type, Int64Type, TimestampMicrosecondType};
use chrono::NaiveDate;

use crate::domain::tables::TIMESTAMP;
use crate::warehouse::{Rows, Warehouse};

/// All rows of a query.
pub struct Columns(RecordBatch);

impl Columns {
    /// # Errors
    /// Rows that cannot be read.
    pub fn read(rows: Rows) -> Result<Self> {
        let schema = rows.schema();
        let batches = rows.collect::<Result<Vec<_>, _>>()?;
        Ok(Columns(concat_batches(&schema, &batches)?))
    }

    pub fn num_rows(&self) -> usize {
        self.0.num_rows()
    }

    fn column(&self, name: &str, data_type: &DataType) -> Result<ArrayRef> {
        let column = self.0.column_by_name(name).with_context(|| format!("no column {name}"))?;
        cast(column, data_type).with_context(|| format!("column {name} is not {data_type}"))
    }

    /// # Errors
    /// A column that is missing or of another type; likewise below.
    pub fn texts(&self, name: &str) -> Result<Vec<Option<String>>> {
        let column = self.column(name, &DataType::Utf8)?;
        Ok(column.as_string::<i32>().iter().map(|text| text.map(str::to_owned)).collect())
    }

    pub fn integers(&self, name: &str) -> Result<Vec<Option<i64>>> {
        let column = self.column(name, &DataType::Int64)?;
        Ok(column.as_primitive::<Int64Type>().iter().collect())
    }

    /// Integers, with 0 for null.
    pub fn counts(&self, name: &str) -> Result<Vec<i64>> {
        Ok(self.integers(name)?.into_iter().map(Option::unwrap_or_default).collect())
    }

    pub fn numbers(&self, name: &str) -> Result<Vec<Option<f64>>> {
        let column = self.column(name, &DataType::Float64)?;
        Ok(column.as_primitive::<Float64Type>().iter().collect())
    }

    pub fn flags(&self, name: &str) -> Result<Vec<bool>> {
        let column = self.column(name, &DataType::Boolean)?;
        Ok(column.as_boolean().iter().map(Option::unwrap_or_default).collect())
    }

    pub fn dates(&self, name: &str) -> Result<Vec<Option<NaiveDate>>> {
        let column = self.column(name, &DataType::Date32)?;
        let dates = column.as_primitive::<Date32Type>();
        Ok((0..dates.len()).map(|i| dates.is_valid(i).then(|| dates.value_as_date(i))?).collect())
    }

    /// Local time stamps such as `2024-10-01 08:00:00`, in microseconds since 1970 by the clock.
    pub fn times(&self, name: &str) -> Result<Vec<i64>> {
        let column = self.column(name, &TIMESTAMP)?;
        Ok(column.as_primitive::<TimestampMicrosecondType>().values().to_vec())
    }
}

/// The first and last date of each run of consecutive dates in the column `day` of an ordered query.
///
/// # Errors
/// A warehouse that cannot be read.
pub fn date_runs(warehouse: &dyn Warehouse, sql: &str) -> Result<Vec<[NaiveDate; 2]>> {
    let dates = Columns::read(warehouse.sql(sql)?)?.dates("day")?;
    let mut runs: Vec<[NaiveDate; 2]> = Vec::new();
    for date in dates.into_iter().flatten() {
        match runs.last_mut() {
            Some([_, last]) if last.succ_opt() == Some(date) => *last = date,
            _ => runs.push([date, date]),
        }
    }
    Ok(runs)
}
