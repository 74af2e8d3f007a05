//! The results of Spark: hourly presence becomes files of its dates, counts become findings and totals.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context, Result};
use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{Int32Type, Int64Type};
use hashbrown::HashMap;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::checks::sequence::CheckedDate;
use crate::checks::{Code, Disposition};
use crate::datasets::day_record::DigestKey;
use crate::datasets::presence;
use crate::domain::time::{DayShift, LocalDate, SpanHour};
use crate::formats::rows;
use crate::runtime::parallel::in_chunks;
use crate::spark::{JobFolder, output_files};
use crate::stages::compress::batches::{Batch, RowGroup};
use crate::stages::compress::date_totals::DateTotals;
use crate::stages::compress::findings::{FileDate, Findings, FirstRow, RejectedRow};
use crate::stages::compress::output::Output;
use crate::stages::compress::work::Work;

/// Fewest files for which a thread is started.
const FILES_PER_THREAD: usize = 1;

#[derive(Deserialize)]
struct CodeCount {
    date: Option<i32>,
    file: u32,
    code: Option<Code>,
    rows: u64,
    first_row: u64,
}

#[derive(Deserialize)]
struct HourCount {
    date: i32,
    hour: u32,
    events: u64,
}

#[derive(Deserialize)]
struct CellCount {
    date: i32,
    cell_id: String,
    events: u64,
}

#[derive(Deserialize)]
struct RejectedRecord {
    date: Option<i32>,
    file: u32,
    code: Code,
    row: u64,
}

/// Imports the tables in `folder` as the results of the pending dates.
///
/// # Errors
/// Missing tables; row counts that do not add up; outputs that cannot be written.
pub fn import(
    work: &Work,
    pending: &[LocalDate],
    output: &mut Output,
    folder: &JobFolder,
) -> Result<Findings> {
    let (mut findings, counted) = counts(work, folder)?;
    if work.settings.checks.quarantine {
        for record in read::<RejectedRecord>(folder, "set_aside")? {
            let RejectedRecord { date, file, code, row } = record;
            findings.rows.push(RejectedRow { date: date.map(LocalDate), file, row: row + 1, code });
        }
    }
    let number: BTreeMap<i32, u32> = (0..).zip(pending).map(|(n, date)| (date.0, n)).collect();
    let of = |date: i32| {
        number.get(&date).copied().with_context(|| {
            format!("Spark returned rows of {}, which is not to be computed", LocalDate(date))
        })
    };
    let mut totals: BTreeMap<u32, DateTotals> = BTreeMap::new();
    adopt_presence(output, folder, &of, &mut totals)?;
    for HourCount { date, hour, events } in read(folder, "hours")? {
        totals.entry(of(date)?).or_default().hours.insert(SpanHour::from_number(hour), events);
    }
    let of_cells = read::<CellCount>(folder, "cells")?;
    let mut cells: Vec<String> = of_cells.iter().map(|c| c.cell_id.clone()).collect();
    cells.sort_unstable();
    cells.dedup();
    for CellCount { date, cell_id, events } in of_cells {
        let of_date = totals.entry(of(date)?).or_default();
        of_date.cells.resize(cells.len(), 0);
        if let Ok(at) = cells.binary_search(&cell_id) {
            of_date.cells[at] += events;
        }
    }
    add_users(folder, work.key, &of, &mut totals)?;
    let zone = work.settings.time.tz();
    let checked = |date: &LocalDate| CheckedDate {
        date: *date,
        shift: DayShift::of(zone, *date),
        locations: None,
    };
    let dates: Vec<CheckedDate> = pending.iter().map(checked).collect();
    // one batch of all rows, including those without a date
    let (first, last) = (LocalDate(0), LocalDate(-1));
    let batch = Batch { first, last, undated: true, groups: Vec::new() };
    let results = (totals, cells.as_slice());
    output.record_batch(
        &batch,
        counted,
        &mut findings,
        results,
        &dates,
        work.as_of,
        work.survey,
    )?;
    Ok(findings)
}

/// Rows by file and date.
type RowCounts = HashMap<FileDate, u64>;

fn counts(work: &Work, folder: &JobFolder) -> Result<(Findings, RowCounts)> {
    let mut findings = Findings::default();
    let mut counted = RowCounts::new();
    let mut counts: Vec<CodeCount> = read(folder, "counts")?;
    counts.sort_by_key(|count| (count.file, count.first_row));
    for count in counts {
        let place = (count.file, count.date.map(LocalDate));
        *counted.entry(place).or_default() += count.rows;
        let Some(code) = count.code else { continue };
        findings.add(place, code, count.rows);
        if code.disposition() == Disposition::Rejected {
            let FirstRow { place, at } = row_of(work, count.file, count.first_row);
            findings.note_first(code, at, || place);
        }
    }
    Ok((findings, counted))
}

/// A row of a file, from 0.
fn row_of(work: &Work, file: u32, row: u64) -> FirstRow {
    let of_file = |group: &&RowGroup| group.file == file as usize && group.first_row <= row;
    let groups = (0u32..).zip(work.groups).filter(|(_, group)| of_file(group));
    match groups.last() {
        Some((number, group)) => {
            let row = row - group.first_row;
            FirstRow { place: group.place_of(row), at: Some((number, row)) }
        }
        None => FirstRow { place: format!("row {}", row + 1), at: None },
    }
}

/// Moves the files of hourly presence to the output folder.
fn adopt_presence(
    output: &Output,
    folder: &JobFolder,
    of: &impl Fn(i32) -> Result<u32>,
    totals: &mut BTreeMap<u32, DateTotals>,
) -> Result<()> {
    let files = presence::files(&folder.fetch("presence")?)?;
    let mut moves = Vec::new();
    for of_day in files.chunk_by(|a, b| a.date == b.date) {
        let date = LocalDate::from_calendar(of_day[0].date);
        moves.extend((0..).zip(of_day).map(|(number, file)| (date, number, &file.path)));
    }
    let done = in_chunks(&moves, FILES_PER_THREAD, |moves| {
        let adopt = |(date, number, path): &(LocalDate, usize, &PathBuf)| {
            Ok((date.0, output.adopt(*date, *number, path)?))
        };
        moves.iter().map(adopt).collect::<Result<Vec<_>>>()
    })?;
    for (date, (rows, bytes)) in done {
        let of_date = totals.entry(of(date)?).or_default();
        of_date.rows += rows;
        of_date.bytes += bytes;
    }
    Ok(())
}

/// Adds the users, read by column since there are many.
fn add_users(
    folder: &JobFolder,
    key: &DigestKey,
    of: &impl Fn(i32) -> Result<u32>,
    totals: &mut BTreeMap<u32, DateTotals>,
) -> Result<()> {
    for_each_batch(folder, "users", |batch| {
        let column = |name: &str| batch.column_by_name(name).context("missing column");
        let dates = column("date")?.as_primitive_opt::<Int32Type>();
        let hours = column("hours")?.as_primitive_opt::<Int64Type>();
        let events = column("events")?.as_primitive_opt::<Int64Type>();
        let users = column("user_id")?.as_string_opt::<i32>();
        let all = dates.zip(hours).zip(events).zip(users);
        let (((dates, hours), events), users) = all.context("unexpected column types")?;
        for row in 0..batch.num_rows() {
            let digest = key.digest(users.value(row));
            let (hours, events) = (hours.value(row).try_into()?, events.value(row).try_into()?);
            let of_date = totals.entry(of(dates.value(row))?).or_default();
            of_date.add_user(hours, events, digest);
        }
        Ok(())
    })
}

/// The rows of a small table.
fn read<T: DeserializeOwned>(folder: &JobFolder, name: &str) -> Result<Vec<T>> {
    let mut all = Vec::new();
    for_each_batch(folder, name, |batch| {
        all.extend(rows::from_batch::<T>(batch)?);
        Ok(())
    })?;
    Ok(all)
}

/// Calls `process` with every batch of a table.
fn for_each_batch(
    folder: &JobFolder,
    name: &str,
    mut process: impl FnMut(&RecordBatch) -> Result<()>,
) -> Result<()> {
    let folder = folder.fetch(name)?;
    let context = || format!("results of Spark in {}", folder.display());
    for file in output_files(&folder)? {
        let file = std::fs::File::open(&file).with_context(context)?;
        let reader = ParquetRecordBatchReaderBuilder::try_new(file).with_context(context)?;
        for batch in reader.build().with_context(context)? {
            process(&batch.with_context(context)?).with_context(context)?;
        }
    }
    Ok(())
}
