//! `movement`: from visits to the tables `segments` and `trips`.
//!
//! The rows of a date depend on its visits and those of the dates beside it, on the cells that are valid on these
//! dates with their LAUs, and on the settings. A date is computed again if any of these changed, and no other.

mod date_visits;
mod places_of_dates;
mod returns;
mod row_file;
mod rows;
mod write_part;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result};
use chrono::{Days, NaiveDate};
use sha2::{Digest, Sha256};

use crate::config::{Config, Data, Stays, Time, Trips};
use crate::datasets::cells_by_date::CellsByDate;
use crate::datasets::file_list::{self, FileList, ListedFile};
use crate::datasets::manifest::Manifest;
use crate::datasets::movement::{MovementDate, MovementManifest, listed};
use crate::datasets::presence::{files_of, folder_name};
use crate::domain::ids::hex;
use crate::domain::numbers::counted;
use crate::domain::tables::Table;
use crate::formats::parquet::checksum;
use crate::progress::Progress;
use crate::progress::StageReport;
use crate::runtime::parallel::{Tasks, cores, in_chunks, on_all_cores};
use crate::storage::folder_update::FolderUpdate;
use crate::storage::lock;
use places_of_dates::PlacesOfDates;
use write_part::{Found, Part, PartWriter};

/// Changes when the same visits would give other rows.
const FORMAT: &str = "movement 2";

/// Dates that are computed at once for each core, so that all cores have work.
const DATES_PER_CORE: usize = 2;

/// The sections of the configuration that the stage uses.
#[derive(Debug, Clone, Copy)]
pub struct Settings<'a> {
    pub data: &'a Data,
    pub time: &'a Time,
    pub stays: &'a Stays,
    pub trips: &'a Trips,
}

impl<'a> From<&'a Config> for Settings<'a> {
    fn from(config: &'a Config) -> Self {
        Settings {
            data: &config.data,
            time: &config.time,
            stays: &config.stays,
            trips: &config.trips,
        }
    }
}

/// The files of visits of each date.
struct Visits {
    folder: PathBuf,
    dates: BTreeMap<NaiveDate, FileList>,
    /// Dates without visits, which an earlier version of the program compressed.
    missing: Vec<NaiveDate>,
}

/// Runs the stage.
///
/// # Errors
/// Visits or cells that are missing or damaged; a folder that cannot be written. The previous rows then stay.
pub fn run(settings: Settings, progress: &Progress, force: bool) -> Result<StageReport> {
    let started = Instant::now();
    let data = settings.data;
    let lock = lock::to_write(&data.processed)?;
    let visits = visits(data)?;
    let cells = CellsByDate::read(&data.cells_with_lau())
        .with_context(|| "run `mobility geojoin` first".to_owned())?;
    let fingerprints = fingerprints(&settings, &visits, &cells);
    let before = MovementManifest::read(data).unwrap_or_default();
    let mut report = StageReport {
        stage: "movement",
        rows_in: visits.dates.values().map(FileList::rows).sum(),
        standing_notes: visits.notes(),
        ..StageReport::default()
    };
    let (kept, damaged) = kept_dates(data, &before, &fingerprints, force)?;
    report.notes.extend(damaged);
    let pending: Vec<NaiveDate> =
        fingerprints.keys().copied().filter(|date| !kept.contains(date)).collect();
    if pending.is_empty() && kept.len() == before.dates.len() {
        report.skipped = true;
        report.rows_out = before.dates.values().map(MovementDate::rows).sum();
        report.elapsed = started.elapsed();
        return Ok(report);
    }
    let [segments, trips] =
        Table::MOVEMENT.map(|table| FolderUpdate::create(&data.movement_table(table)));
    let updates = [segments?, trips?];
    let found = compute(&settings, &visits, &cells, (&pending, &updates), progress)?;
    let without_plan: u64 = found.values().map(|found| found.without_plan).sum();
    if without_plan > 0 {
        report.notes.push(format!(
            "{} at sites that the cell plan no longer has on their date; run `mobility compress`",
            counted(without_plan, "visit")
        ));
    }
    let mut manifest = MovementManifest::default();
    for (date, fingerprint) in fingerprints {
        let of_date = match before.dates.get(&date).filter(|_| kept.contains(&date)) {
            Some(before) => before.clone(),
            None => MovementDate {
                fingerprint,
                segments: listed(updates[0].path(), date)?,
                trips: listed(updates[1].path(), date)?,
                totals: found.get(&date).map(|found| found.totals).unwrap_or_default(),
            },
        };
        manifest.dates.insert(date, of_date);
    }
    count_returns(&settings, &mut manifest, &updates[1], &pending)?;
    report.rows_out = manifest.dates.values().map(MovementDate::rows).sum();
    lock.ensure_held()?;
    let is_kept: BTreeSet<String> = kept.iter().map(|date| folder_name(*date)).collect();
    for update in updates {
        update.commit(|name| !is_kept.contains(name))?;
    }
    manifest.write(data)?;
    report.elapsed = started.elapsed();
    Ok(report)
}

impl Visits {
    fn notes(&self) -> Vec<String> {
        let Some(first) = self.missing.first() else { return Vec::new() };
        vec![format!(
            "{} without visits, the first is {first}: an earlier version of the program compressed these dates, and \
             there are no segments and trips of them; `mobility compress --force` computes them",
            counted(self.missing.len() as u64, "date")
        )]
    }

    fn listed(&self, date: NaiveDate) -> impl Iterator<Item = (&str, &ListedFile)> {
        self.dates.get(&date).into_iter().flat_map(FileList::files)
    }

    fn files(&self, date: Option<NaiveDate>) -> Vec<PathBuf> {
        let listed = date.into_iter().flat_map(|date| self.listed(date));
        listed.map(|(name, _)| self.folder.join(name)).collect()
    }
}

fn visits(data: &Data) -> Result<Visits> {
    let manifest = Manifest::read_unverified(&data.compressed_events()).with_context(|| {
        format!(
            "{} is missing or incomplete; run `mobility compress` first",
            data.compressed_events().display()
        )
    })?;
    let folder = data.visits();
    let differences = manifest.differences_of_visits(&folder)?;
    if let Some(text) = file_list::describe(differences.values().flatten()) {
        anyhow::bail!("{text}; `mobility compress` computes such dates again");
    }
    let mut visits = Visits { folder, dates: BTreeMap::new(), missing: Vec::new() };
    for (date, completed) in manifest.dates {
        match completed.visits {
            Some(files) => {
                visits.dates.insert(date, files);
            }
            None if completed.rows > 0 => visits.missing.push(date),
            None => {}
        }
    }
    Ok(visits)
}

/// The date before and the date after a date, with it.
fn around(date: NaiveDate) -> [Option<NaiveDate>; 3] {
    let day = Days::new(1);
    [date.checked_sub_days(day), Some(date), date.checked_add_days(day)]
}

/// For each date, the fingerprint of everything that its rows depend on.
fn fingerprints(
    settings: &Settings,
    visits: &Visits,
    cells: &CellsByDate,
) -> BTreeMap<NaiveDate, String> {
    let Settings { time, stays, trips, .. } = settings;
    let same = format!("{FORMAT} {:?} {stays:?} {trips:?}\n", time.zone);
    let of_date = |date: NaiveDate| {
        let mut hash = Sha256::new();
        hash.update(&same);
        for date in around(date).into_iter().flatten() {
            // without visits it does not matter where cells are
            let Some(files) = visits.dates.get(&date).filter(|files| files.rows() > 0) else {
                continue;
            };
            hash.update(format!("{date} {:x}\n", cells.fingerprint_of(date)));
            for (name, listed) in files.files() {
                hash.update(format!("{name} {} {}\n", listed.checksum, listed.bytes));
            }
        }
        hex(&hash.finalize())
    };
    visits.dates.keys().map(|date| (*date, of_date(*date))).collect()
}

/// The dates whose rows are current, and a message about those with damaged files.
fn kept_dates(
    data: &Data,
    before: &MovementManifest,
    fingerprints: &BTreeMap<NaiveDate, String>,
    force: bool,
) -> Result<(BTreeSet<NaiveDate>, Option<String>)> {
    let (mut kept, mut damaged) = (BTreeSet::new(), Vec::new());
    for (date, of_date) in &before.dates {
        if force || fingerprints.get(date) != Some(&of_date.fingerprint) {
            continue;
        }
        match file_list::describe(&before.differences(data, *date)?) {
            None => {
                kept.insert(*date);
            }
            Some(text) => damaged.push(text),
        }
    }
    let message = damaged.first().map(|first| {
        let dates = counted(damaged.len() as u64, "date");
        format!("{dates} computed again because of damaged outputs: {first}")
    });
    Ok((kept, message))
}

/// Counts the trips that lead back on the next date, of the dates that are new and of those before them.
fn count_returns(
    settings: &Settings,
    manifest: &mut MovementManifest,
    update: &FolderUpdate,
    pending: &[NaiveDate],
) -> Result<()> {
    let is_new: BTreeSet<NaiveDate> = pending.iter().copied().collect();
    let trips = |date: NaiveDate| {
        let folder = if is_new.contains(&date) { update.path() } else { update.target() };
        files_of(folder, date)
    };
    let with_next = |date: &NaiveDate| Some((*date, date.checked_add_days(Days::new(1))?));
    let pairs = manifest.dates.keys().filter_map(with_next);
    let changed: Vec<(NaiveDate, NaiveDate)> =
        pairs.filter(|(date, next)| is_new.contains(date) || is_new.contains(next)).collect();
    let counted = in_chunks(&changed, 1, |pairs| {
        let count = |(date, next): &(NaiveDate, NaiveDate)| {
            Ok((*date, returns::on_next_date(settings, *date, &trips(*date)?, &trips(*next)?)?))
        };
        pairs.iter().map(count).collect()
    })?;
    for (date, count) in counted {
        if let Some(of_date) = manifest.dates.get_mut(&date) {
            of_date.totals.returning_trips_next_date = count;
        }
    }
    Ok(())
}

/// Computes dates on all cores, some at a time; returns what was found on each of them.
fn compute(
    settings: &Settings,
    visits: &Visits,
    cells: &CellsByDate,
    (pending, updates): (&[NaiveDate], &[FolderUpdate; 2]),
    progress: &Progress,
) -> Result<BTreeMap<NaiveDate, Found>> {
    let bytes = pending.iter().flat_map(|date| visits.listed(*date)).map(|(_, file)| file.bytes);
    let bar = progress.bar("movement", bytes.sum());
    let mut places = PlacesOfDates::read(settings.data, settings.stays)?;
    let mut all: BTreeMap<NaiveDate, Found> = BTreeMap::new();
    for dates in pending.chunks(DATES_PER_CORE * cores()) {
        let needed: BTreeSet<NaiveDate> =
            dates.iter().flat_map(|date| around(*date)).flatten().collect();
        let files = needed.iter().flat_map(|date| visits.files(Some(*date)));
        checksum::verify(files)?;
        places.prepare(needed.iter().map(|date| (*date, cells.fingerprint_of(*date))));
        let mut tasks = Vec::new();
        for date in dates {
            let beside = around(*date).map(|date| visits.files(date));
            for (number, (name, listed)) in visits.listed(*date).enumerate() {
                let own = visits.folder.join(name);
                let bytes = listed.bytes;
                tasks.push(Part { date: *date, number, own, bytes, beside: beside.clone() });
            }
        }
        let in_turn = Tasks::new(&tasks);
        let places = &places;
        let found = on_all_cores(tasks.len(), || {
            let mut writer = PartWriter::default();
            let mut found = Vec::new();
            in_turn.each(|part| {
                let days = around(part.date).map(|date| places.of(date));
                found.push((part.date, writer.write(settings, part, days, updates)?));
                bar.add_bytes(part.bytes);
                Ok(())
            })?;
            Ok(found)
        })?;
        for (date, part) in found.into_iter().flatten() {
            all.entry(date).or_default().add(&part);
        }
    }
    bar.finish();
    Ok(all)
}
