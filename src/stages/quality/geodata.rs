//! What `geojoin` wrote, as a plan.

use anyhow::{Context, Result};
use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Date32Type};
use chrono::NaiveDate;

use super::plan::{CellVersion, Method, Plan};
use crate::config::Config;
use crate::formats::parquet::provenance;
use crate::formats::table;

/// Changes when cells or LAUs do.
///
/// # Errors
/// No output of `geojoin`.
pub fn mark(config: &Config) -> Result<String> {
    let of = |path: &std::path::Path| {
        let made = provenance::made_from(path);
        made.map(|made| made.inputs).with_context(|| {
            format!("{} is not there or not whole; run `mobility geojoin` first", path.display())
        })
    };
    let data = &config.data;
    Ok(format!("{} {}", of(&data.cells_with_lau())?, of(&data.lau_units())?))
}

/// Reads the plan.
///
/// # Errors
/// Files that are damaged.
pub fn plan(config: &Config) -> Result<Plan> {
    let (cells, laus) = (config.data.cells_with_lau(), config.data.lau_units());
    let read = |path: &std::path::Path, names: &[&str]| {
        table::read_columns(path, names)
            .with_context(|| format!("{}; run `mobility geojoin --force`", path.display()))
    };
    let columns = ["cell_id", "valid_date_start", "valid_date_end", "lau_id", "lau_match"];
    let cells = versions(&read(&cells, &columns)?)?;
    let laus = read(&laus, &["lau_id"])?;
    let laus: Vec<String> = texts(&laus, "lau_id")?.into_iter().flatten().collect();
    Ok(Plan::new(cells, &laus))
}

fn versions(batch: &RecordBatch) -> Result<Vec<CellVersion>> {
    let (ids, laus) = (texts(batch, "cell_id")?, texts(batch, "lau_id")?);
    let (starts, ends) = (dates(batch, "valid_date_start")?, dates(batch, "valid_date_end")?);
    let methods = texts(batch, "lau_match")?;
    let rows = ids.into_iter().zip(laus).zip(starts).zip(ends).zip(methods);
    rows.map(|((((id, lau_id), start), end), method)| {
        Ok(CellVersion {
            cell_id: id.unwrap_or_default(),
            start,
            end,
            lau_id,
            method: Method::of(&method.unwrap_or_default())?,
        })
    })
    .collect()
}

fn column(batch: &RecordBatch, name: &str, to: &DataType) -> Result<arrow::array::ArrayRef> {
    let column = batch.column_by_name(name).with_context(|| format!("no column {name}"))?;
    arrow::compute::cast(column, to).with_context(|| format!("column {name}"))
}

fn texts(batch: &RecordBatch, name: &str) -> Result<Vec<Option<String>>> {
    let column = column(batch, name, &DataType::Utf8)?;
    Ok(column.as_string::<i32>().iter().map(|text| text.map(str::to_owned)).collect())
}

fn dates(batch: &RecordBatch, name: &str) -> Result<Vec<Option<NaiveDate>>> {
    let column = column(batch, name, &DataType::Date32)?;
    let dates = column.as_primitive::<Date32Type>();
    let date = |row| (!dates.is_null(row)).then(|| dates.value_as_date(row)).flatten();
    Ok((0..dates.len()).map(date).collect())
}
