//! Writes the cell plan and the ground truth of homes and work places.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::sync::Arc;

use anyhow::Result;
use arrow::array::{
    ArrayRef, Date32Array, Float64Array, Int64Array, RecordBatch, StringArray, StringBuilder,
};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use chrono::{Datelike, Days, NaiveDate};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;

use super::cells::Cells;
use super::laus::LauMap;
use super::layout::CsvLayout;
use super::people::{Person, user_id};
use super::settings::Settings;
use crate::domain::ids::hex;

/// Days from 1970-01-01 to a date, as Parquet counts them.
pub fn days_since_1970(date: NaiveDate) -> i32 {
    date.num_days_from_ce() - 719_163
}

/// Writes the cell plan as Parquet or CSV, which is the same for each day: no cell is removed, so validity has no end.
///
/// # Errors
/// If writing fails.
pub fn write_cell_plan(cells: &Cells, settings: &Settings, file: File) -> Result<()> {
    match settings.layout.csv() {
        Some(layout) => write_csv_cell_plan(cells, settings.start, layout, file),
        None => write_parquet_cell_plan(cells, settings.start, file),
    }
}

fn write_csv_cell_plan(
    cells: &Cells,
    start: NaiveDate,
    layout: CsvLayout,
    file: File,
) -> Result<()> {
    let mut out = BufWriter::new(file);
    out.write_all(layout.row(&layout.plan_header).as_bytes())?;
    for ((id, [lon, lat]), days) in
        cells.ids.iter().zip(&cells.lon_lat).zip(&cells.valid_since_days)
    {
        let since = start - Days::new(u64::from(*days));
        let fields =
            [id.to_string(), lat.to_string(), lon.to_string(), since.to_string(), String::new()];
        out.write_all(layout.row(&fields.each_ref().map(String::as_str)).as_bytes())?;
    }
    out.into_inner()?.sync_all()?;
    Ok(())
}

fn write_parquet_cell_plan(cells: &Cells, start: NaiveDate, file: File) -> Result<()> {
    let schema = Arc::new(Schema::new(vec![
        Field::new("cell_id", DataType::Utf8, true),
        Field::new("latitude", DataType::Float64, true),
        Field::new("longitude", DataType::Float64, true),
        Field::new("valid_date_start", DataType::Date32, true),
        Field::new("valid_date_end", DataType::Date32, true),
    ]));
    let start = days_since_1970(start);
    let since = cells.valid_since_days.iter().map(|days| start - i32::from(*days));
    let columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from_iter_values(cells.ids.iter().map(i64::to_string))),
        Arc::new(Float64Array::from_iter_values(cells.lon_lat.iter().map(|p| p[1]))),
        Arc::new(Float64Array::from_iter_values(cells.lon_lat.iter().map(|p| p[0]))),
        Arc::new(Date32Array::from_iter_values(since)),
        Arc::new(Date32Array::new_null(cells.len())),
    ];
    let batch = RecordBatch::try_new(schema.clone(), columns)?;
    write(schema, std::iter::once(Ok(batch)), file)
}

/// Writes where each user lives and works: `user_id` as lower-case hex, `home_cell_id`, `home_lau_id`,
/// `work_cell_id` (null without a work place).
///
/// # Errors
/// If writing fails.
pub fn write_homes(
    settings: &Settings,
    map: &LauMap,
    cells: &Cells,
    people: &[Person],
    file: File,
) -> Result<()> {
    let schema = Arc::new(Schema::new(vec![
        Field::new("user_id", DataType::Utf8, false),
        Field::new("home_cell_id", DataType::Int64, false),
        Field::new("home_lau_id", DataType::Utf8, true),
        Field::new("work_cell_id", DataType::Int64, true),
    ]));
    let lau_ids: Vec<String> =
        (0..map.units).map(|n| settings.layout.unit(n, map.main_units, settings.seed).id).collect();
    let batches = people.chunks(1 << 16).enumerate().map(|(chunk, people)| {
        let mut users = StringBuilder::new();
        for i in 0..people.len() {
            let id = user_id(settings.seed, ((chunk << 16) + i) as u32);
            users.append_value(hex(&id));
        }
        let cell_id = |cell: u32| cells.ids[cell as usize];
        let lau_id =
            |p: &Person| cells.unit[p.home as usize].map(|unit| lau_ids[unit as usize].as_str());
        let columns: Vec<ArrayRef> = vec![
            Arc::new(users.finish()),
            Arc::new(Int64Array::from_iter_values(people.iter().map(|p| cell_id(p.home)))),
            Arc::new(people.iter().map(lau_id).collect::<StringArray>()),
            Arc::new(people.iter().map(|p| p.work().map(cell_id)).collect::<Int64Array>()),
        ];
        Ok(RecordBatch::try_new(schema.clone(), columns)?)
    });
    write(schema.clone(), batches, file)
}

/// A writer of Parquet for everything but events.
///
/// # Errors
/// If writing fails.
pub fn writer(schema: SchemaRef, file: File) -> Result<ArrowWriter<File>> {
    let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
    Ok(ArrowWriter::try_new(file, schema, Some(properties))?)
}

fn write(
    schema: SchemaRef,
    batches: impl Iterator<Item = Result<RecordBatch>>,
    file: File,
) -> Result<()> {
    let mut writer = writer(schema, file)?;
    for batch in batches {
        writer.write(&batch?)?;
    }
    writer.into_inner()?.sync_all()?;
    Ok(())
}
