//! `synth`: generates events, a cell plan and LAU boundaries for users who sleep at home, commute and
//! run errands, together with the ground truth. [`lives`] generates devices that behave like real ones.
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
mod lives;
mod people;
mod population;
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

use crate::domain::numbers::{counted, grouped};
use crate::progress::{Progress, StageBar, StageReport};
use crate::storage::atomic::{AtomicFile, AtomicFolder, write_file};
use crate::storage::lock;
use cells::Cells;
use event_files::{EventContext, ROW_BYTES};
use laus::LauMap;
pub use layout::Layout;
use lives::{Network, Workers};
use people::{DayPaths, Person};
use rings::Borders;
pub use settings::Settings;
use settings::days;
use truth::{Laus, Truth};

const EVENTS: &str = "events";
const CELLS: &str = "cells";
const BOUNDARIES: &str = "lau_boundaries";

/// What a run has written under temporary names.
struct Written {
    boundaries: AtomicFolder,
    plan: AtomicFolder,
    events: AtomicFolder,
    tables: Vec<AtomicFile>,
    truth: Truth,
}

/// Writes `events/`, `cells/`, `lau_boundaries/`, `truth_homes.parquet` and `truth.json`; of people also
/// further tables of the ground truth.
///
/// # Errors
/// Sizes out of range, a folder that cannot be written, that another run is using, or that contains data from another
/// source.
pub fn run(settings: &Settings, progress: &Progress) -> Result<StageReport> {
    run_with(Workers::of_machine(), settings, progress)
}

fn run_with(workers: Workers, settings: &Settings, progress: &Progress) -> Result<StageReport> {
    let started = Instant::now();
    settings.check()?;
    let out = &settings.out;
    let lock = lock::to_write(out)?;
    truth::refuse_foreign(out, &[EVENTS, CELLS, BOUNDARIES])?;

    let spinner = progress.spinner("synth", "LAU boundaries and cells");
    let map = LauMap::new(settings)?;
    let Written { boundaries, plan, events, tables, truth } = match settings.people {
        0 => write_users(settings, &map, &spinner, progress)?,
        _ => write_people(settings, &map, &spinner, progress, workers)?,
    };

    lock.ensure_held()?;
    if settings.people == 0 {
        remove_tables_of_people(out)?;
    }
    // the tables first: they alone do not make a later run reject the folder
    tables.into_iter().try_for_each(AtomicFile::commit)?;
    boundaries.commit()?;
    plan.commit()?;
    events.commit()?;
    write_file(&out.join("truth.json"), truth.to_json()?.as_bytes())?;
    let per_day = match settings.people {
        0 => format!("{} events per day", grouped(settings.events)),
        people => format!("{} events of {}", grouped(truth.events()), counted(people, "device")),
    };
    Ok(StageReport {
        stage: "synth",
        rows_out: truth.events(),
        elapsed: started.elapsed(),
        notes: vec![format!(
            "{per_day} on {}, {} users, {} cells ({} outside the main country), {} LAUs in \
             the boundary file ({} of the main country), in {}",
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

/// Users who all have the same few habits, with an exact number of events.
fn write_users(
    settings: &Settings,
    map: &LauMap,
    spinner: &StageBar,
    progress: &Progress,
) -> Result<Written> {
    let cells = Cells::new(settings, map)?;
    let plan = write_cell_plans(settings, &cells)?;
    let people = people::people(settings, &cells);
    let homes_by_unit = population::by_unit(people.iter().map(|p| p.home), &cells, map.units);
    let boundaries = write_boundaries(settings, map, &homes_by_unit)?;
    let homes = AtomicFile::new(&settings.out.join("truth_homes.parquet"))?;
    tables::write_homes(settings, map, &cells, &people, homes.create()?)?;
    spinner.finish();

    let mut truth = truth_of(settings, map, &cells, people.len());
    let outside = outside(map, &cells);
    let events = write_events(settings, &cells, &outside, &people, &mut truth, progress)?;
    Ok(Written { boundaries, plan, events, tables: vec![homes], truth })
}

/// Devices with lives, whose events follow from what they do.
fn write_people(
    settings: &Settings,
    map: &LauMap,
    spinner: &StageBar,
    progress: &Progress,
    workers: Workers,
) -> Result<Written> {
    let network = Network::new(settings, map)?;
    let plan = write_cell_plans(settings, &network.cells)?;
    let devices = lives::devices(settings, &network);
    let homes = devices.iter().filter_map(|device| device.home);
    let homes_by_unit = population::by_unit(homes, &network.cells, map.units);
    let boundaries = write_boundaries(settings, map, &homes_by_unit)?;
    spinner.finish();

    let mut truth = truth_of(settings, map, &network.cells, settings.people as usize);
    let events = AtomicFolder::create(&settings.out.join(EVENTS))?;
    let tables =
        lives::write(settings, &network, &devices, events.path(), &mut truth, progress, workers)?;
    truth.devices = Some(settings.people);
    truth.users = settings.people * (1 + settings.rotations.len() as u64);
    Ok(Written { boundaries, plan, events, tables, truth })
}

fn truth_of(settings: &Settings, map: &LauMap, cells: &Cells, users: usize) -> Truth {
    let mut truth = Truth::new(
        settings.seed,
        users as u64,
        cells.len() as u64,
        Laus { main: map.main_units, second: map.units - map.main_units },
    );
    truth.cells_outside_ee = outside(map, cells).iter().filter(|o| **o).count() as u64;
    truth.cells_at_sea = cells.unit.iter().filter(|unit| unit.is_none()).count() as u64;
    truth
}

/// For each cell, whether it is outside the main country.
fn outside(map: &LauMap, cells: &Cells) -> Vec<bool> {
    cells.unit.iter().map(|unit| unit.is_none_or(|u| u >= map.main_units)).collect()
}

/// Removes tables of an earlier data set, which would describe other events than those of this run.
fn remove_tables_of_people(out: &Path) -> Result<()> {
    for name in lives::OF_PEOPLE_ALONE {
        let path = out.join(name);
        match fs::remove_file(&path) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                return Err(e).with_context(|| format!("cannot remove {}", path.display()));
            }
            _ => {}
        }
    }
    Ok(())
}

fn write_boundaries(
    settings: &Settings,
    map: &LauMap,
    homes_by_unit: &[u32],
) -> Result<AtomicFolder> {
    let population = population::of_units(settings.seed, homes_by_unit);
    let folder = AtomicFolder::create(&settings.out.join(BOUNDARIES))?;
    let borders = Borders::new(map.lattice, settings.seed, map.units);
    let name = settings.layout.boundary_file();
    let mut out = BufWriter::new(create(&folder.path().join(name))?);
    boundaries::write(map, &borders, &population, settings, &mut out)
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

fn create(path: &Path) -> Result<File> {
    let folder = path.parent().unwrap_or(Path::new(""));
    fs::create_dir_all(folder)
        .and_then(|()| File::create(path))
        .with_context(|| format!("cannot write {}", path.display()))
}
