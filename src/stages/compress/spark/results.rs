//! What Spark wrote, taken over: presence as parts of their dates, the figures as findings and tallies.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{Int32Type, Int64Type};
use hashbrown::HashMap;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::checks::{Code, Disposition};
use crate::datasets::day_record::UserDigest;
use crate::datasets::presence;
use crate::domain::time::{DayShift, LocalDate};
use crate::formats::rows;
use crate::runtime::parallel::in_chunks;
use crate::spark::output_files;
use crate::stages::compress::Work;
use crate::stages::compress::findings::{Findings, SetAside};
use crate::stages::compress::judge::Day;
use crate::stages::compress::output::Output;
use crate::stages::compress::plan::Batch;
use crate::stages::compress::tally::Tally;

/// Files for which a thread is started.
const FILES_A_THREAD: usize = 1;

#[derive(Deserialize)]
struct Count {
    date: Option<i32>,
    file: u32,
    code: Option<Code>,
    rows: u64,
    first_row: u64,
}

#[derive(Deserialize)]
struct OfHour {
    date: i32,
    hour: u32,
    events: u64,
}

#[derive(Deserialize)]
struct OfCell {
    date: i32,
    cell_id: String,
    events: u64,
}

#[derive(Deserialize)]
struct Aside {
    date: Option<i32>,
    file: u32,
    code: Code,
    row: u64,
}

/// Takes over the tables in `folder` as what was found on the open dates.
///
/// # Errors
/// Tables that are not there; numbers of rows that contradict each other; outputs that cannot be
/// written.
pub fn take(
    work: &Work,
    open: &[LocalDate],
    output: &mut Output,
    folder: &Path,
) -> Result<Findings> {
    let (mut findings, counted) = counts(work, folder)?;
    if work.config.checks.quarantine {
        for aside in read::<Aside>(folder, "set_aside")? {
            let Aside { date, file, code, row } = aside;
            findings.rows.push(SetAside { date: date.map(LocalDate), file, row: row + 1, code });
        }
    }
    let number: BTreeMap<i32, u32> = (0..).zip(open).map(|(n, date)| (date.0, n)).collect();
    let of = |date: i32| {
        number.get(&date).copied().with_context(|| {
            format!("Spark gave rows of {}, which was not asked for", LocalDate(date))
        })
    };
    let mut tallies: BTreeMap<u32, Tally> = BTreeMap::new();
    parts(output, folder, &of, &mut tallies)?;
    for OfHour { date, hour, events } in read(folder, "hours")? {
        tallies.entry(of(date)?).or_default().hours.insert(hour, events);
    }
    let of_cells = read::<OfCell>(folder, "cells")?;
    let mut cells: Vec<String> = of_cells.iter().map(|c| c.cell_id.clone()).collect();
    cells.sort_unstable();
    cells.dedup();
    for OfCell { date, cell_id, events } in of_cells {
        let tally = tallies.entry(of(date)?).or_default();
        tally.cells.resize(cells.len(), 0);
        if let Ok(at) = cells.binary_search(&cell_id) {
            tally.cells[at] += events;
        }
    }
    users(folder, &of, &mut tallies)?;
    let zone = work.config.time.tz();
    let day =
        |date: &LocalDate| Day { date: *date, shift: DayShift::of(zone, *date), places: None };
    let days: Vec<Day> = open.iter().map(day).collect();
    // one batch of everything: rows without a date are among them
    let (first, last) = (LocalDate(0), LocalDate(-1));
    let batch = Batch { first, last, of_no_date: true, groups: Vec::new() };
    output.note(&batch, counted, &findings, (&tallies, &cells), &days, work.now, work.survey)?;
    Ok(findings)
}

/// Rows by file and date.
type Counted = HashMap<(u32, Option<LocalDate>), u64>;

fn counts(work: &Work, folder: &Path) -> Result<(Findings, Counted)> {
    let mut findings = Findings::default();
    let mut counted = Counted::new();
    let mut counts: Vec<Count> = read(folder, "counts")?;
    counts.sort_by_key(|count| (count.file, count.first_row));
    for count in counts {
        let place = (count.file, count.date.map(LocalDate));
        *counted.entry(place).or_default() += count.rows;
        let Some(code) = count.code else { continue };
        findings.add(place, code, count.rows);
        if code.disposition() == Disposition::Rejected {
            findings.met(code, || row_of(work, count.file, count.first_row));
        }
    }
    Ok((findings, counted))
}

/// Names a row of a file, counted from 0.
fn row_of(work: &Work, file: u32, row: u64) -> String {
    let groups = work.survey.sources.get(file as usize).map_or(&[][..], |s| &s.groups);
    match groups.iter().rfind(|group| group.first_row <= row) {
        Some(group) => format!("{}, row {}", group.place(), row - group.first_row + 1),
        None => format!("row {}", row + 1),
    }
}

/// Moves the files of presence to where parts belong.
fn parts(
    output: &Output,
    folder: &Path,
    of: &impl Fn(i32) -> Result<u32>,
    tallies: &mut BTreeMap<u32, Tally>,
) -> Result<()> {
    let files = presence::files(&folder.join("presence"))?;
    let mut parts = Vec::new();
    for of_day in files.chunk_by(|a, b| a.date == b.date) {
        let date = LocalDate::from_calendar(of_day[0].date);
        parts.extend((0..).zip(of_day).map(|(number, file)| (date, number, &file.path)));
    }
    let done = in_chunks(&parts, FILES_A_THREAD, |parts| {
        let adopt = |(date, number, path): &(LocalDate, usize, &PathBuf)| {
            Ok((date.0, output.adopt(*date, *number, path)?))
        };
        parts.iter().map(adopt).collect::<Result<Vec<_>>>()
    })?;
    for (date, (rows, bytes)) in done {
        let tally = tallies.entry(of(date)?).or_default();
        tally.rows += rows;
        tally.bytes += bytes;
    }
    Ok(())
}

/// Counts users column by column: there are as many rows as users.
fn users(
    folder: &Path,
    of: &impl Fn(i32) -> Result<u32>,
    tallies: &mut BTreeMap<u32, Tally>,
) -> Result<()> {
    each(folder, "users", |batch| {
        let column = |name: &str| batch.column_by_name(name).context("a column is missing");
        let dates = column("date")?.as_primitive_opt::<Int32Type>();
        let hours = column("hours")?.as_primitive_opt::<Int64Type>();
        let events = column("events")?.as_primitive_opt::<Int64Type>();
        let digests = column("digest")?.as_binary_opt::<i32>();
        let all = dates.zip(hours).zip(events).zip(digests);
        let (((dates, hours), events), digests) = all.context("columns of other types")?;
        for row in 0..batch.num_rows() {
            let digest: UserDigest = digests.value(row).try_into()?;
            let (hours, events) = (hours.value(row).try_into()?, events.value(row).try_into()?);
            let tally = tallies.entry(of(dates.value(row))?).or_default();
            tally.add_user(hours, events, digest);
        }
        Ok(())
    })
}

/// The rows of a small table.
fn read<T: DeserializeOwned>(folder: &Path, name: &str) -> Result<Vec<T>> {
    let mut all = Vec::new();
    each(folder, name, |batch| {
        all.extend(rows::rows::<T>(batch)?);
        Ok(())
    })?;
    Ok(all)
}

/// Hands over a table piece by piece.
fn each(
    folder: &Path,
    name: &str,
    mut piece: impl FnMut(&RecordBatch) -> Result<()>,
) -> Result<()> {
    let folder = folder.join(name);
    let context = || format!("what Spark wrote as {}", folder.display());
    for file in output_files(&folder)? {
        let file = std::fs::File::open(&file).with_context(context)?;
        let reader = ParquetRecordBatchReaderBuilder::try_new(file).with_context(context)?;
        for batch in reader.build().with_context(context)? {
            piece(&batch.with_context(context)?).with_context(context)?;
        }
    }
    Ok(())
}
