//! `geojoin`: assigns each cell of the cell plan to the LAU it lies in.
//!
//! [`boundaries`] reads the LAU units, [`lau_index`] finds the unit of a point, [`assign`] applies
//! it to all cells.

mod assign;
mod boundaries;
mod cells;
mod check;
mod editions;
mod grid;
pub mod lau_index;
pub mod look;
mod notes;
mod population;
mod properties;
mod repair;

use std::path::PathBuf;
use std::time::Instant;

use anyhow::Result;
use geo::Coord;
use sha2::{Digest, Sha256};

use crate::cell_plan::{self, Cell, CellPlan};
use crate::config::{Columns, Config, Data, Geojoin, GeojoinMethod, Lau, Time};
use crate::datasets::geodata::{self, CellLau};
use crate::domain::ids::hex;
use crate::domain::numbers::counted;
use crate::formats::parquet::provenance;
use crate::progress::Progress;
use crate::progress::StageReport;
use crate::runtime::parallel::in_chunks;
use crate::storage::inputs::{InputFile, ensure_unchanged, fingerprint};
use crate::storage::lock;
use assign::Assignment;
use boundaries::Boundaries;
pub use check::{CheckedLaus, CheckedPlan, CheckedVersion, check};
use lau_index::LauIndex;

/// Minimum number of cells per thread: creating a projection takes as long as projecting these.
const CELLS_PER_THREAD: usize = 100_000;

/// The parts of the config that the stage needs.
#[derive(Debug, Clone, Copy)]
pub struct Settings<'a> {
    pub data: &'a Data,
    pub columns: &'a Columns,
    pub time: &'a Time,
    pub lau: &'a Lau,
    pub geojoin: &'a Geojoin,
    /// Fail if the cell plan has rejected rows.
    pub strict: bool,
}

impl<'a> From<&'a Config> for Settings<'a> {
    fn from(config: &'a Config) -> Self {
        Settings {
            data: &config.data,
            columns: &config.columns,
            time: &config.time,
            lau: &config.lau,
            geojoin: &config.geojoin,
            strict: config.strict,
        }
    }
}

/// The inputs of the stage.
pub struct Inputs {
    pub cells: Vec<InputFile>,
    /// Boundary files and their companions.
    pub laus: Vec<InputFile>,
    /// The file that `data.population` names.
    pub population: Option<InputFile>,
    /// Messages that name files beside them which are not read.
    pub passed_over: Vec<String>,
}

impl Inputs {
    /// All files.
    pub fn all(&self) -> Vec<InputFile> {
        [self.cells.clone(), self.of_laus()].concat()
    }

    /// The files from which the LAUs are read.
    fn of_laus(&self) -> Vec<InputFile> {
        [self.laus.as_slice(), self.population.as_slice()].concat()
    }
}

/// Lists cell plan files and LAU files.
///
/// # Errors
/// A path that does not exist or contains no such file.
pub fn inputs(settings: Settings) -> Result<Inputs> {
    let cells = cell_plan::files(&settings.data.cells)?;
    let laus = boundaries::files(settings)?;
    let passed_over = [cells.passed_over, laus.passed_over].into_iter().flatten().collect();
    let population = settings.data.population.clone().map(population::file).transpose()?;
    Ok(Inputs { cells: cells.files, laus: laus.files, population, passed_over })
}

/// Fingerprint of the boundaries and the file with the population, if there is one.
fn fingerprint_of_laus(settings: Settings, laus: &[InputFile]) -> String {
    let Settings { columns, lau, .. } = settings;
    fingerprint(laus, &format!("lau 3 {columns:?} {lau:?}"))
}

/// Fingerprint of the cells with their LAUs. It depends on the versions of the cells and not on the files from which
/// they were read: a file with the same plan for another date changes nothing.
fn fingerprint_of_cells(settings: Settings, cells: &[Cell], laus: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(format!("cells 2 {:?} {laus}\n", settings.geojoin));
    for cell in cells {
        hash.update(format!("{}\n{:?}\n", cell.id, cell.version.bits()));
    }
    hex(&hash.finalize())
}

/// Runs the stage.
///
/// # Errors
/// Inputs that cannot be read or are inconsistent, rejected rows if `strict`, an output folder that
/// cannot be written. Previous outputs are then unchanged.
pub fn run(settings: Settings, progress: &Progress, force: bool) -> Result<StageReport> {
    let started = Instant::now();
    let data = settings.data;
    let lock = lock::to_write(&data.processed)?;
    let inputs = inputs(settings)?;
    let (all, of_laus) = (inputs.all(), inputs.of_laus());
    let Inputs { cells: cell_files, laus: lau_files, population, passed_over } = inputs;
    let bytes_in = all.iter().map(|f| f.bytes).sum();
    let mut report = StageReport { stage: "geojoin", bytes_in, ..StageReport::default() };
    let bar = progress.spinner("geojoin", "reading the cell plan");
    // a file that is replaced while it is read looks damaged; report the change instead
    let or_changed = |error| ensure_unchanged(&all).err().unwrap_or(error);
    let zone = settings.time.tz();
    let plan = CellPlan::read_new(&data.plan_rows(), &cell_files, settings.columns, zone);
    let plan = plan.map_err(or_changed)?;
    cells::refuse_rejected(&plan, settings.strict)?;
    let (cells, overlapping) = plan.resolve()?;
    report.rows_in = plan.rows;
    report.rows_out = cells.len() as u64;
    report.notes = notes::of_plan(&plan, overlapping);
    let of_laus = fingerprint_of_laus(settings, &of_laus);
    let of_cells = fingerprint_of_cells(settings, &cells, &of_laus);
    let before = |path: PathBuf, fingerprint: &str| {
        provenance::read(&path).filter(|made| made.inputs == fingerprint && !force)
    };
    let has_laus = before(data.lau_units(), &of_laus).is_some();
    if let Some(before) = before(data.cells_with_lau(), &of_cells).filter(|_| has_laus) {
        ensure_unchanged(&cell_files)?;
        lock.ensure_held()?;
        plan.remember(&data.plan_rows())?;
        bar.finish();
        report.skipped = true;
        report.notes.extend(before.notes);
        report.notes.extend(passed_over);
        report.elapsed = started.elapsed();
        return Ok(report);
    }
    bar.message("reading LAU boundaries");
    let boundaries =
        boundaries::read(&lau_files, population.as_ref(), settings).map_err(or_changed)?;
    bar.message("assigning cells to LAUs");
    let assigning = Instant::now();
    let assignments =
        assign_cells(settings, &cells, &boundaries, &lau_files).map_err(or_changed)?;
    progress.detail(&format!(
        "geojoin: {} reprojected and joined in {:.3} s",
        counted(cells.len() as u64, "cell version"),
        assigning.elapsed().as_secs_f64()
    ));
    let found = notes::of_laus(&cells, &boundaries, &assignments, settings.lau.crs.as_deref());
    ensure_unchanged(&all)?;
    bar.message("writing");
    lock.ensure_held()?;
    if !has_laus {
        geodata::write_laus(&data.lau_units(), boundaries.units.iter(), &of_laus)?;
    }
    let laus = laus(&boundaries, &assignments);
    geodata::write_cells(&data.cells_with_lau(), &cells, &laus, &of_cells, &found)?;
    plan.remember(&data.plan_rows())?;
    bar.finish();
    report.notes.extend(found);
    report.notes.extend(passed_over);
    report.elapsed = started.elapsed();
    Ok(report)
}

/// Assigns all cells by the configured method. The index takes as much memory as the boundaries,
/// so it is dropped before the outputs are built.
fn assign_cells(
    settings: Settings,
    cells: &[Cell],
    boundaries: &Boundaries,
    lau_files: &[InputFile],
) -> Result<Vec<Assignment>> {
    let index = LauIndex::new(boundaries.units.values().map(|u| &u.geometry));
    let assigned = in_chunks(cells, CELLS_PER_THREAD, |cells| {
        let points = cells::project(cells)?;
        let assignments = assign::within(&index, &points);
        Ok(points.into_iter().zip(assignments).collect())
    })?;
    let (points, mut assignments): (Vec<Coord>, Vec<Assignment>) = assigned.into_iter().unzip();
    cells::refuse_swapped(cells, boundaries.extent(), &assignments)?;
    if settings.geojoin.method == GeojoinMethod::Nearest {
        let outside: Vec<Coord> = points
            .iter()
            .zip(&assignments)
            .filter(|(_, a)| a.is_outside())
            .map(|(point, _)| *point)
            .collect();
        let excluded = boundaries::in_excluded_countries(lau_files, settings, &outside)?;
        let mut excluded = excluded.into_iter();
        let excluded: Vec<bool> = assignments
            .iter()
            .map(|a| a.is_outside() && excluded.next().unwrap_or(false))
            .collect();
        let max_distance_m = settings.geojoin.max_distance_m;
        assign::nearest(&index, &points, &excluded, max_distance_m, &mut assignments);
    }
    Ok(assignments)
}

/// The assignments with ids in place of positions.
fn laus<'a>(boundaries: &'a Boundaries, assignments: &[Assignment]) -> Vec<CellLau<'a>> {
    let ids: Vec<&String> = boundaries.units.keys().collect();
    let lau = |a: &Assignment| CellLau {
        lau_id: a.unit.map(|unit| ids[unit as usize].as_str()),
        lau_match: a.lau_match,
        distance_m: a.distance_m,
    };
    assignments.iter().map(lau).collect()
}
