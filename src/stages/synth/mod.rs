//! `synth`: generates events, a cell plan and LAU boundaries for users who sleep at home, commute and
//! run errands, together with the ground truth.
//!
//! All random numbers are derived from the seed, by purpose and file, so the same settings give the
//! same bytes on any number of threads. All outputs are written under temporary names and renamed
//! together at the end, the ground truth last.

mod boundaries;
mod cells;
mod event_files;
mod event_writer;
mod events;
mod lattice;
mod laus;
mod layout;
mod people;
mod random;
mod rings;
mod settings;
mod tables;
mod truth;

#[cfg(test)]
mod tests;

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result};
use chrono::{Days, NaiveDate};

use crate::domain::numbers::{counted, grouped};
use crate::progress::Progress;
use crate::progress::StageReport;
use crate::storage::atomic::{AtomicFile, AtomicFolder, write_file};
use crate::storage::lock;
use cells::Cells;
use event_files::{EventContext, ROW_BYTES};
use laus::LauMap;
pub use layout::Layout;
use people::{DayPaths, Person};
use rings::Borders;
pub use settings::Settings;
use truth::{Laus, Truth};

const EVENTS: &str = "events";
const CELLS: &str = "cells";
const BOUNDARIES: &str = "lau_boundaries";

/// Writes `events/`, `cells/`, `lau_boundaries/`, `truth_homes.parquet` and `truth.json`.
///
/// # Errors
/// Sizes out of range, a folder that cannot be written, that another run is using, or that contains data from another
/// source.
pub fn run(settings: &Settings, progress: &Progress) -> Result<StageReport> {
    let started = Instant::now();
    settings.check()?;
    let out = &settings.out;
    let lock = lock::to_write(out)?;
    truth::refuse_foreign(out, &[EVENTS, CELLS, BOUNDARIES])?;

    let spinner = progress.spinner("synth", "LAU boundaries and cells");
    let map = LauMap::new(settings)?;
    let boundaries = write_boundaries(settings, &map)?;
    let cells = Cells::new(settings, &map)?;
    let plan = write_cell_plans(settings, &cells)?;
    let people = people::people(settings, &cells);
    let homes = AtomicFile::new(&out.join("truth_homes.parquet"))?;
    tables::write_homes(settings, &map, &cells, &people, homes.create()?)?;
    spinner.finish();

    let mut truth = Truth::new(
        settings.seed,
        people.len() as u64,
        cells.len() as u64,
        Laus { main: map.main_units, second: map.units - map.main_units },
    );
    let outside: Vec<bool> =
        cells.unit.iter().map(|unit| unit.is_none_or(|u| u >= map.main_units)).collect();
    truth.cells_outside_ee = outside.iter().filter(|o| **o).count() as u64;
    truth.cells_at_sea = cells.unit.iter().filter(|unit| unit.is_none()).count() as u64;
    let events = write_events(settings, &cells, &outside, &people, &mut truth, progress)?;

    lock.ensure_held()?;
    // the homes first: they alone do not make a later run reject the folder
    homes.commit()?;
    boundaries.commit()?;
    plan.commit()?;
    events.commit()?;
    write_file(&out.join("truth.json"), truth.to_json()?.as_bytes())?;
    Ok(StageReport {
        stage: "synth",
        rows_out: truth.events(),
        elapsed: started.elapsed(),
        notes: vec![format!(
            "{} events per day on {}, {} users, {} cells ({} outside the main country), {} LAUs in \
             the boundary file ({} of the main country), in {}",
            grouped(settings.events),
            counted(u64::from(settings.days), "day"),
            grouped(truth.users),
            grouped(truth.cells),
            grouped(truth.cells_outside_ee),
            grouped(settings.layout.units_written(map.main_units, map.units).into()),
            grouped(map.main_units.into()),
            out.display()
        )],
        ..StageReport::default()
    })
}

fn write_boundaries(settings: &Settings, map: &LauMap) -> Result<AtomicFolder> {
    let folder = AtomicFolder::create(&settings.out.join(BOUNDARIES))?;
    let borders = Borders::new(map.lattice, settings.seed, map.units);
    let name = settings.layout.boundary_file();
    let mut out = BufWriter::new(create(&folder.path().join(name))?);
    boundaries::write(map, &borders, settings, &mut out)
        .and_then(|()| out.flush().map_err(Into::into))
        .and_then(|()| out.get_ref().sync_all().map_err(Into::into))
        .with_context(|| format!("cannot write {name}"))?;
    Ok(folder)
}

fn write_cell_plans(settings: &Settings, cells: &Cells) -> Result<AtomicFolder> {
    let folder = AtomicFolder::create(&settings.out.join(CELLS))?;
    for day in days(settings) {
        let name = format!("part-0.{}", settings.layout.extension());
        let file = folder.path().join(settings.layout.day_folder(day)).join(name);
        tables::write_cell_plan(cells, settings, create(&file)?)
            .context("cannot write the cell plan")?;
    }
    Ok(folder)
}

fn write_events(
    settings: &Settings,
    cells: &Cells,
    outside: &[bool],
    people: &[Person],
    truth: &mut Truth,
    progress: &Progress,
) -> Result<AtomicFolder> {
    let folder = AtomicFolder::create(&settings.out.join(EVENTS))?;
    let rows = settings.events * u64::from(settings.days);
    let bar = progress.bar("synth", rows * ROW_BYTES);
    let user_ids = event_files::user_ids(settings.seed, people.len() as u64);
    let layout = settings.layout;
    let context = EventContext { seed: settings.seed, layout, user_ids: &user_ids, cells, outside };
    for day in days(settings) {
        let paths = DayPaths::new(settings.seed, people, cells, day);
        let into = folder.path().join(layout.day_folder(day));
        let count = event_files::write_day(&context, &paths, day, settings.events, &into, &bar)?;
        truth.add_day(day, &count);
    }
    bar.finish();
    Ok(folder)
}

fn days(settings: &Settings) -> impl Iterator<Item = NaiveDate> {
    let start = settings.start;
    (0..u64::from(settings.days)).filter_map(move |n| start.checked_add_days(Days::new(n)))
}

fn create(path: &Path) -> Result<File> {
    let folder = path.parent().unwrap_or(Path::new(""));
    fs::create_dir_all(folder)
        .and_then(|()| File::create(path))
        .with_context(|| format!("cannot write {}", path.display()))
}
