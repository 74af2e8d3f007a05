//! `quality`: what the records of `compress` and the cell plan say about every date, as two small
//! tables, and the report that shows them.
//!
//! A date is computed again only when its record, those of the seven dates before it or the plan
//! changed: the table keeps a mark for each date in its footer.

pub mod codes;
mod figures;
mod geodata;
mod plan;
pub mod tables;
#[cfg(test)]
mod tests;
mod users;
mod warnings;

use std::collections::{BTreeMap, HashMap};
use std::time::Instant;

use anyhow::{Context, Result};
use chrono::NaiveDate;
use parquet::file::metadata::KeyValue;
use sha2::{Digest, Sha256};

pub use crate::formats::rows::rows as rows_of;
pub use codes::CodeRow;
pub use figures::DayFigures;
pub use warnings::{Level, Warning, percent, rejected_percent, unmapped_percent, warnings};

use crate::config::Config;
use crate::datasets::day_record::{self, DayFile, DayRecordFolder};
use crate::domain::ids::hex;
use crate::domain::numbers::counted;
use crate::domain::tables::Table;
use crate::formats::parquet::provenance;
use crate::formats::table;
use crate::progress::Progress;
use crate::progress::StageReport;
use crate::runtime::parallel::in_chunks;
use crate::storage::lock;
use figures::{Seen, all_rejected, figures, look_back};
use plan::Plan;

/// Dates that a date is compared with: the last ones before it that there are.
const BEFORE: usize = 7;

/// Changes when the same records would give other rows.
const FORMAT: &str = "quality 2";

/// Key of the marks in the footer.
const MARKS: &str = "mobility:dates";

/// Rows of both tables.
#[derive(Debug, Clone, Default, PartialEq)]
struct Tables {
    days: Vec<DayFigures>,
    codes: Vec<CodeRow>,
}

/// Runs the stage.
///
/// # Errors
/// Records that are damaged or contradict themselves, a missing cell plan, a folder that cannot be
/// written. The earlier tables then stand.
pub fn run(config: &Config, progress: &Progress, force: bool) -> Result<StageReport> {
    let started = Instant::now();
    let _lock = lock::to_write(&config.data.processed)?;
    let mut report = StageReport { stage: "quality", ..StageReport::default() };
    let (daily, codes) = (config.data.quality_daily(), config.data.quality_codes());
    let records = day_record::list(&config.data.day_records())?;
    let geodata = geodata::mark(config)?;
    let marks = marks(&records, &geodata);
    let all = digest(marks.values().chain([&geodata, &records.undated_fingerprint]));
    report.rows_in = records.days.len() as u64;
    let earlier = provenance::made_from(&daily).zip(provenance::made_from(&codes));
    if let Some((daily, codes)) = &earlier
        && !force
        && daily.inputs == all
        && codes.inputs == all
    {
        report.rows_out = daily.rows + codes.rows;
        report.skipped = true;
        report.notes.clone_from(&daily.notes);
        report.elapsed = started.elapsed();
        return Ok(report);
    }
    let bar = progress.spinner("quality", "reading records");
    let kept = if force { Tables::default() } else { kept(config, &marks) };
    let tables = compute(config, &records, kept)?;
    bar.message("writing");
    report.rows_out = (tables.days.len() + tables.codes.len()) as u64;
    report.notes = notes(&tables);
    let entries = || provenance::entries(&all, &report.notes);
    table::write(
        &codes,
        &tables::batch(&tables.codes, &Table::QualityCodes.schema())?,
        entries()?,
    )?;
    let mut entries = entries()?;
    entries.push(KeyValue::new(MARKS.to_owned(), serde_json::to_string(&marks)?));
    table::write(&daily, &tables::batch(&tables.days, &Table::QualityDaily.schema())?, entries)?;
    bar.finish();
    report.elapsed = started.elapsed();
    Ok(report)
}

/// By date, a text that changes with all that its row is made from.
fn marks(records: &DayRecordFolder, geodata: &str) -> BTreeMap<NaiveDate, String> {
    let of = |(number, day): (usize, &DayFile)| {
        let from = &records.days[number.saturating_sub(BEFORE)..=number];
        let parts = from.iter().flat_map(|day| [day.date.to_string(), day.fingerprint.clone()]);
        (day.date, digest(parts.chain([geodata.to_owned()])))
    };
    records.days.iter().enumerate().map(of).collect()
}

fn digest(parts: impl IntoIterator<Item = impl AsRef<[u8]>>) -> String {
    let mut hash = Sha256::new();
    hash.update(concat!(env!("CARGO_PKG_VERSION"), "\n"));
    hash.update(FORMAT);
    for part in parts {
        hash.update("\n");
        hash.update(part);
    }
    hex(&hash.finalize())
}

/// Rows of the earlier tables that are still right; none where the tables cannot be read or do not
/// belong together.
fn kept(config: &Config, marks: &BTreeMap<NaiveDate, String>) -> Tables {
    let (daily, codes) = (config.data.quality_daily(), config.data.quality_codes());
    let inputs = |path| provenance::made_from(path).map(|made| made.inputs);
    let earlier = || -> Option<Tables> {
        if inputs(&daily)? != inputs(&codes)? {
            return None;
        }
        let text = provenance::entry(&daily, MARKS)?;
        let earlier: BTreeMap<NaiveDate, String> = serde_json::from_str(&text).ok()?;
        let right =
            |date: &NaiveDate| marks.contains_key(date) && earlier.get(date) == marks.get(date);
        let mut days: Vec<DayFigures> = tables::read(&daily).ok()?;
        days.retain(|day| right(&day.date));
        let mut codes: Vec<CodeRow> = tables::read(&codes).ok()?;
        codes.retain(|row| row.date.as_ref().is_some_and(right));
        Some(Tables { days, codes })
    };
    earlier().unwrap_or_default()
}

fn compute(config: &Config, records: &DayRecordFolder, kept: Tables) -> Result<Tables> {
    let there: HashMap<NaiveDate, &DayFigures> = kept.days.iter().map(|d| (d.date, d)).collect();
    let todo: Vec<usize> = (0..records.days.len())
        .filter(|number| !there.contains_key(&records.days[*number].date))
        .collect();
    let plan = if todo.is_empty() { Plan::default() } else { geodata::plan(config)? };
    let made = in_chunks(&todo, 1, |numbers| {
        numbers.iter().map(|number| day(records, *number, &plan)).collect()
    })?;
    let mut tables = kept;
    for (day, codes) in made {
        tables.days.push(day);
        tables.codes.extend(codes);
    }
    let undated = day_record::undated(records)?;
    all_rejected(&undated)?;
    tables.codes.extend(codes::code_rows(None, &undated));
    tables.days.sort_by_key(|day| day.date);
    // by the key columns, rows without a date first: so every warehouse lists them
    tables.codes.sort_by(|a, b| (a.date, &a.file, &a.code).cmp(&(b.date, &b.file, &b.code)));
    look_back(&mut tables.days);
    Ok(tables)
}

/// One date, whose record is read and forgotten.
fn day(
    records: &DayRecordFolder,
    number: usize,
    plan: &Plan,
) -> Result<(DayFigures, Vec<CodeRow>)> {
    let file = &records.days[number];
    let record = file.record()?;
    let before = &records.days[number.saturating_sub(BEFORE)..number];
    let lists = before.iter().map(DayFile::users).collect::<Result<Vec<_>>>()?;
    let (all, new) = users::count(file.users()?, lists)?;
    let seen = Seen { all, new: (number > 0).then_some(new) };
    let figures = figures(&record, seen, plan)
        .with_context(|| format!("quality record {}", file.path.display()))?;
    Ok((figures, codes::code_rows(Some(file.date), &record.files)))
}

fn notes(tables: &Tables) -> Vec<String> {
    let sum = |of: fn(&DayFigures) -> u64| tables.days.iter().map(of).sum::<u64>();
    let (warnings, criticals) = (sum(|day| day.warnings), sum(|day| day.criticals));
    if tables.days.is_empty() {
        return vec!["compress left no record of any date, so there is nothing to tell".to_owned()];
    }
    match (criticals, warnings) {
        (0, 0) => Vec::new(),
        (0, n) => vec![format!("{}; `mobility quality` tells", counted(n, "warning"))],
        (c, n) => {
            vec![format!("{c} critical and {}; `mobility quality` tells", counted(n, "warning"))]
        }
    }
}
