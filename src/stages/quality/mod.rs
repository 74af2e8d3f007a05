//! `quality`: computes the tables `quality_daily` and `quality_codes` from the records of `compress`, the sums that
//! `movement` writes for each date, and the cell plan.
//!
//! A date is computed again only if its record, its sums of movement, the records of the seven previous dates and of the date seven
//! days later, the cells that are valid on it or the LAUs changed: the footer of the table stores a fingerprint for
//! each date.

mod cells_on_date;
mod codes;
mod comparison;
mod expectation;
mod figures;
mod movement;
mod new_users;
mod rotation;
#[cfg(test)]
mod tests;
mod usual;
mod warnings;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use chrono::{Days, NaiveDate};
use parquet::file::metadata::KeyValue;
use sha2::{Digest, Sha256};

pub use crate::datasets::quality_tables::{CodeRow, DayFigures};
pub use crate::formats::rows::from_batch as rows_of;
pub use expectation::{Bounds, Expectation, warnings_of};
pub use warnings::{Level, Warning, percent, rejected_percent, unmapped_percent, warnings};

use crate::config::Data;
use crate::datasets::cells_by_date::CellsByDate;
use crate::datasets::day_record::{self, DayFile, DayRecordFolder};
use crate::datasets::manifest::Manifest;
use crate::datasets::movement::MovementManifest;
use crate::datasets::{geodata, quality_tables};
use crate::domain::ids::hex;
use crate::domain::numbers::counted;
use crate::domain::tables::Table;
use crate::formats::parquet::provenance;
use crate::progress::Progress;
use crate::progress::StageReport;
use crate::runtime::parallel::in_chunks;
use crate::storage::lock;
use cells_on_date::CellLaus;
use comparison::add_comparisons;
use figures::{UserCounts, figures, refuse_undated_not_rejected};
use rotation::RETURN_DAYS;
use warnings::is_without_places;

/// Number of previous dates that a date is compared with.
const PREVIOUS_DATES: usize = 7;

/// Changes when the same records would give other rows.
const FORMAT: &str = "quality 5";

/// Footer key of the fingerprints of the dates.
const FINGERPRINTS: &str = "mobility:dates";

/// Rows of both tables.
#[derive(Debug, Clone, Default, PartialEq)]
struct Tables {
    days: Vec<DayFigures>,
    codes: Vec<CodeRow>,
}

/// Runs the stage.
///
/// # Errors
/// Records that are damaged or inconsistent, a missing cell plan, a folder that cannot be written.
/// Previous tables are then unchanged.
pub fn run(
    data: &Data,
    expectation: &Expectation,
    progress: &Progress,
    force: bool,
) -> Result<StageReport> {
    let started = Instant::now();
    let lock = lock::to_write(&data.processed)?;
    let mut report = StageReport { stage: "quality", ..StageReport::default() };
    let (daily, codes) = (data.quality_daily(), data.quality_codes());
    let manifest = Manifest::read_unverified(&data.compressed_events());
    let known = |date| {
        let completed = manifest.as_ref()?.dates.get(&date)?;
        Some((completed.record.as_ref()?, completed.fingerprint.as_str()))
    };
    let records = day_record::list(&data.day_records(), known)?;
    refuse_incomplete(data, manifest.as_ref(), &records)?;
    let present = records.days.iter().map(|day| day.date).collect();
    let missing = expectation::note(&expectation.gaps(&present, (None, None))?);
    report.standing_notes.extend(missing);
    let laus = geodata::fingerprint_of_laus(data)?;
    let cells = CellsByDate::read(&data.cells_with_lau())?;
    let movement = MovementManifest::read(data).unwrap_or_default();
    let fingerprints = fingerprints(&records, &movement, &cells, &laus);
    let all = digest(fingerprints.values().chain([&laus, &records.undated_fingerprint]));
    report.rows_in = records.days.len() as u64;
    let previous = provenance::read(&daily).zip(provenance::read(&codes));
    if let Some((daily, codes)) = &previous
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
    let unchanged = if force { Tables::default() } else { unchanged_rows(data, &fingerprints) };
    let tables = compute(data, &records, &movement, unchanged)?;
    bar.message("writing");
    lock.ensure_held()?;
    report.rows_out = (tables.days.len() + tables.codes.len()) as u64;
    report.notes = notes(&tables);
    let entries = || provenance::entries(&all, &report.notes);
    quality_tables::write(&codes, Table::QualityCodes, &tables.codes, entries()?)?;
    let mut entries = entries()?;
    let fingerprints = serde_json::to_string(&fingerprints)?;
    entries.push(KeyValue::new(FINGERPRINTS.to_owned(), fingerprints));
    quality_tables::write(&daily, Table::QualityDaily, &tables.days, entries)?;
    bar.finish();
    report.elapsed = started.elapsed();
    Ok(report)
}

/// Refuses records that lack a date of the manifest, whose figures would be left out.
fn refuse_incomplete(
    data: &Data,
    manifest: Option<&Manifest>,
    records: &DayRecordFolder,
) -> Result<()> {
    let Some(manifest) = manifest else { return Ok(()) };
    let recorded: BTreeSet<NaiveDate> = records.days.iter().map(|day| day.date).collect();
    if let Some(date) = manifest.dates.keys().find(|date| !recorded.contains(date)) {
        let [path, _] = day_record::paths(&data.day_records(), *date);
        bail!("{} is missing; `mobility compress` computes the date again", path.display());
    }
    Ok(())
}

/// For each date, the fingerprint of all inputs of its rows.
fn fingerprints(
    records: &DayRecordFolder,
    movement: &MovementManifest,
    cells: &CellsByDate,
    laus: &str,
) -> BTreeMap<NaiveDate, String> {
    let of = |(number, day): (usize, &DayFile)| {
        let inputs = records.days[number.saturating_sub(PREVIOUS_DATES)..=number].iter();
        let parts = inputs
            .chain(week_later(records, number))
            .flat_map(|day| [day.date.to_string(), day.fingerprint.clone()]);
        let places = [format!("{:x}", cells.fingerprint_of(day.date)), laus.to_owned()];
        let totals = movement.dates.get(&day.date).map(|of_date| of_date.totals);
        (day.date, digest(parts.chain(places).chain([format!("{totals:?}")])))
    };
    records.days.iter().enumerate().map(of).collect()
}

/// The record of the date seven days after the one with this number.
fn week_later(records: &DayRecordFolder, number: usize) -> Option<&DayFile> {
    let date = records.days[number].date.checked_add_days(Days::new(RETURN_DAYS))?;
    // at most so many dates lie between
    let after = records.days.iter().skip(number + 1).take(RETURN_DAYS as usize);
    after.into_iter().find(|day| day.date == date)
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

/// Rows of the previous tables with unchanged inputs; none if the tables cannot be read or
/// come from different runs.
fn unchanged_rows(data: &Data, fingerprints: &BTreeMap<NaiveDate, String>) -> Tables {
    let (daily, codes) = (data.quality_daily(), data.quality_codes());
    let inputs = |path| provenance::read(path).map(|made| made.inputs);
    let read = || -> Option<Tables> {
        if inputs(&daily)? != inputs(&codes)? {
            return None;
        }
        let text = provenance::entry(&daily, FINGERPRINTS)?;
        let previous: BTreeMap<NaiveDate, String> = serde_json::from_str(&text).ok()?;
        let is_unchanged = |date: &NaiveDate| {
            fingerprints.contains_key(date) && previous.get(date) == fingerprints.get(date)
        };
        let mut days: Vec<DayFigures> = quality_tables::read(&daily).ok()?;
        days.retain(|day| is_unchanged(&day.date));
        let mut codes: Vec<CodeRow> = quality_tables::read(&codes).ok()?;
        codes.retain(|row| row.date.as_ref().is_some_and(is_unchanged));
        Some(Tables { days, codes })
    };
    read().unwrap_or_default()
}

/// Adds the rows of all other dates to the unchanged rows.
fn compute(
    data: &Data,
    records: &DayRecordFolder,
    movement: &MovementManifest,
    unchanged: Tables,
) -> Result<Tables> {
    let by_date: HashMap<NaiveDate, &DayFigures> =
        unchanged.days.iter().map(|d| (d.date, d)).collect();
    let changed: Vec<usize> = (0..records.days.len())
        .filter(|number| !by_date.contains_key(&records.days[*number].date))
        .collect();
    let cells = if changed.is_empty() { CellLaus::default() } else { CellLaus::read(data)? };
    let computed = in_chunks(&changed, 1, |numbers| {
        numbers.iter().map(|number| day(records, *number, &cells)).collect()
    })?;
    let mut tables = unchanged;
    for (mut day, codes) in computed {
        if let Some(of_date) = movement.dates.get(&day.date) {
            movement::add_shares(&mut day, &of_date.totals);
        }
        tables.days.push(day);
        tables.codes.extend(codes);
    }
    let undated = day_record::undated(records)?;
    refuse_undated_not_rejected(&undated)?;
    tables.codes.extend(codes::code_rows(None, &undated));
    tables.days.sort_by_key(|day| day.date);
    // by the key columns, with rows without a date first, as both warehouses list them
    tables.codes.sort_by(|a, b| (a.date, &a.file, &a.code).cmp(&(b.date, &b.file, &b.code)));
    add_comparisons(&mut tables.days);
    Ok(tables)
}

/// Computes the rows of one date. The record is dropped afterwards, so memory does not grow with
/// the number of dates.
fn day(
    records: &DayRecordFolder,
    number: usize,
    cells: &CellLaus,
) -> Result<(DayFigures, Vec<CodeRow>)> {
    let file = &records.days[number];
    let record = file.record()?;
    let previous = &records.days[number.saturating_sub(PREVIOUS_DATES)..number];
    let later = week_later(records, number);
    for day in previous.iter().chain(later) {
        if day.users_key()? != record.users_key {
            bail!(
                "the users of {} and {} were digested with different keys and cannot be compared; run \
                 `mobility compress --force`",
                day.path.display(),
                file.path.display()
            );
        }
    }
    let lists = previous.iter().map(DayFile::users).collect::<Result<Vec<_>>>()?;
    let (all, new) = new_users::count(file.users()?, lists)?;
    let returning =
        later.map(|later| new_users::count_again(file.users()?, later.users()?)).transpose()?;
    let users = UserCounts { all, new: (number > 0).then_some(new), returning };
    let figures = figures(&record, users, cells)
        .with_context(|| format!("quality record {}", file.path.display()))?;
    Ok((figures, codes::code_rows(Some(file.date), &record.files)))
}

fn notes(tables: &Tables) -> Vec<String> {
    let sum = |of: fn(&DayFigures) -> u64| tables.days.iter().map(of).sum::<u64>();
    let (warnings, criticals) = (sum(|day| day.warnings), sum(|day| day.criticals));
    if tables.days.is_empty() {
        return vec!["no date has a record yet; run `mobility compress` first".to_owned()];
    }
    let mut notes = without_places(tables);
    notes.extend(match (criticals, warnings) {
        (0, 0) => Vec::new(),
        (0, n) => vec![format!("{}; see `mobility quality`", counted(n, "warning"))],
        (c, n) => {
            vec![format!("{c} critical and {}; see `mobility quality`", counted(n, "warning"))]
        }
    });
    notes
}

/// A message that names the first date on which no event finds a place, if there is one.
fn without_places(tables: &Tables) -> Vec<String> {
    let mut dates = tables.days.iter().filter(|day| is_without_places(day));
    let Some(first) = dates.next() else { return Vec::new() };
    let more = match dates.count() {
        0 => String::new(),
        more => format!(" and of {}", counted(more as u64, "more date")),
    };
    vec![format!(
        "WARNING: no event of {}{more} finds a place, so views about places lack it; `mobility check` shows \
         where events, cell plan and boundaries do not match",
        first.date
    )]
}
