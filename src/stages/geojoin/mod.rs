//! `geojoin`: the cell plan and LAU boundaries to cells with the LAU they lie in.

mod assign;
mod boundaries;
mod check;
pub mod index;
mod output;

use std::collections::BTreeMap;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use geo::Coord;
use proj::Proj;

use crate::cell_plan::{self, Cell, CellPlan, CellVersion};
use crate::config::{Config, GeojoinMethod};
use crate::domain::numbers::{counted, grouped};
use crate::formats::parquet::provenance::made_from;
use crate::progress::Progress;
use crate::progress::StageReport;
use crate::runtime::parallel::in_chunks;
use crate::storage::inputs::{InputFile, fingerprint, unchanged};
use crate::storage::lock;
use assign::{Assigned, Match};
use boundaries::{Boundaries, GRID};
pub use check::{Checked, check};
use index::Locator;

/// Said of a plan that lies elsewhere than the boundaries.
const NOWHERE: &str = "not one cell lies in a LAU; LAU views will be empty. Are lau.countries and the cell plan of one country?";

/// Cells for which a thread is started: a projection takes as long to make as to project these.
const CELLS_A_THREAD: usize = 100_000;

/// Lists cell plan files and LAU files.
///
/// # Errors
/// A path that does not exist or holds no such file.
pub fn inputs(config: &Config) -> Result<(Vec<InputFile>, Vec<InputFile>)> {
    Ok((cell_plan::files(config)?, boundaries::files(config)?))
}

fn current_fingerprint(config: &Config, cells: &[InputFile], laus: &[InputFile]) -> String {
    let settings = format!(
        "geojoin {:?} {:?} {:?} {}",
        config.columns, config.lau, config.geojoin, config.strict
    );
    fingerprint(&[cells, laus].concat(), &settings)
}

/// Runs the stage.
///
/// # Errors
/// Inputs that cannot be read or contradict themselves, rejected rows when `strict`, an output
/// folder that cannot be written. The earlier outputs then stand.
pub fn run(config: &Config, progress: &Progress, force: bool) -> Result<StageReport> {
    let started = Instant::now();
    let _lock = lock::to_write(&config.data.processed)?;
    let (cell_files, lau_files) = inputs(config)?;
    let mark = current_fingerprint(config, &cell_files, &lau_files);
    let bytes_in = cell_files.iter().chain(&lau_files).map(|f| f.bytes).sum();
    let mut report = StageReport { stage: "geojoin", bytes_in, ..StageReport::default() };
    let earlier = made_from(&config.data.cells_with_lau()).zip(made_from(&config.data.lau_units()));
    if let Some((cells, laus)) = earlier
        && !force
        && cells.inputs == mark
        && laus.inputs == mark
    {
        report = StageReport { rows_in: cells.rows, rows_out: cells.rows, skipped: true, ..report };
        report.notes = cells.notes;
        report.elapsed = started.elapsed();
        return Ok(report);
    }
    let bar = progress.spinner("geojoin", "reading the cell plan");
    // a file that is replaced meanwhile looks damaged; that it changed says more
    let or_changed =
        |error| unchanged(&cell_files).and_then(|()| unchanged(&lau_files)).err().unwrap_or(error);
    let plan = CellPlan::read(&cell_files, &config.columns).map_err(or_changed)?;
    refuse_rejected(config, &plan)?;
    let (cells, overlapping) = cell_plan::resolved(&plan)?;
    bar.message("reading LAU boundaries");
    let found = boundaries::read(&lau_files, config).map_err(or_changed)?;
    bar.message("placing cells");
    let placing = Instant::now();
    let locator = Locator::new(found.units.values().map(|u| &u.geometry));
    let places = in_chunks(&cells, CELLS_A_THREAD, |cells| {
        let points = projected(cells)?;
        let assigned = assign::within(&locator, &points);
        Ok(points.into_iter().zip(assigned).collect())
    })?;
    let (points, mut assigned): (Vec<Coord>, Vec<Assigned>) = places.into_iter().unzip();
    progress.detail(&format!(
        "geojoin: {} reprojected and joined in {:.3} s",
        counted(cells.len() as u64, "cell version"),
        placing.elapsed().as_secs_f64()
    ));
    refuse_swapped(&cells, &found, &assigned)?;
    if config.geojoin.method == GeojoinMethod::Nearest {
        let outside: Vec<Coord> = select(&points, &assigned);
        let mut abroad =
            boundaries::abroad(&lau_files, config, &outside).map_err(or_changed)?.into_iter();
        let abroad: Vec<bool> = assigned
            .iter()
            .map(|a| a.how == Match::Outside && abroad.next().unwrap_or(false))
            .collect();
        assign::nearest(&locator, &points, &abroad, config.geojoin.max_distance_m, &mut assigned);
    }
    // its edges take as much memory as the boundaries themselves
    drop(locator);
    report.notes = notes(&plan, &cells, &found, &assigned, overlapping);
    unchanged(&cell_files)?;
    unchanged(&lau_files)?;
    bar.message("writing");
    output::write_laus(&config.data.lau_units(), &found, &mark)?;
    output::write_cells(
        &config.data.cells_with_lau(),
        &cells,
        &assigned,
        &found,
        &mark,
        &report.notes,
    )?;
    bar.finish();
    report.rows_in = plan.rows;
    report.rows_out = cells.len() as u64;
    report.elapsed = started.elapsed();
    Ok(report)
}

fn refuse_rejected(config: &Config, plan: &CellPlan) -> Result<()> {
    if config.strict && plan.rejected_rows() > 0 {
        bail!("{}; strict = true makes this fatal", plan.rejected().join("; "));
    }
    Ok(())
}

fn select(points: &[Coord], assigned: &[Assigned]) -> Vec<Coord> {
    let outside = points.iter().zip(assigned).filter(|(_, a)| a.how == Match::Outside);
    outside.map(|(p, _)| *p).collect()
}

/// Cells in metres of the grid.
fn projected(cells: &[Cell]) -> Result<Vec<Coord>> {
    let proj =
        Proj::new_known_crs("EPSG:4326", GRID, None).context("PROJ has no way to the grid")?;
    let mut points: Vec<(f64, f64)> =
        cells.iter().map(|c| (c.version.lon, c.version.lat)).collect();
    if !points.is_empty() {
        proj.convert_array(&mut points).context("cells cannot be projected")?;
    }
    Ok(points.into_iter().map(|(x, y)| Coord { x, y }).collect())
}

/// Latitude and longitude of one region are often both in range when swapped; that no cell is
/// where the units are, but all are when swapped, gives it away.
fn refuse_swapped(cells: &[Cell], found: &Boundaries, assigned: &[Assigned]) -> Result<()> {
    let Some(extent) = found.extent() else { return Ok(()) };
    if cells.is_empty() || assigned.iter().any(|a| a.unit.is_some()) {
        return Ok(());
    }
    let swap = |c: &Cell| {
        let version = CellVersion { lon: c.version.lat, lat: c.version.lon, ..c.version };
        (version.lat.abs() <= 90.0).then(|| Cell { id: c.id.clone(), version })
    };
    let swapped = projected(&cells.iter().filter_map(swap).collect::<Vec<_>>())?;
    let hits = swapped
        .iter()
        .filter(|p| {
            (extent.min().x..=extent.max().x).contains(&p.x)
                && (extent.min().y..=extent.max().y).contains(&p.y)
        })
        .count();
    if hits * 2 > cells.len() {
        bail!(
            "cell plan: no cell lies where the LAUs are, but {hits} of {} do with latitude and longitude swapped; swap columns.latitude and columns.longitude",
            cells.len()
        );
    }
    Ok(())
}

fn notes(
    plan: &CellPlan,
    cells: &[Cell],
    found: &Boundaries,
    assigned: &[Assigned],
    overlapping: u64,
) -> Vec<String> {
    let mut notes = plan.rejected();
    if plan.cut_to_days > 0 {
        notes.push(format!(
            "validities with a time of day were cut to whole days: {}",
            grouped(plan.cut_to_days)
        ));
    }
    if overlapping > 0 {
        notes.push(format!(
            "{} had overlapping versions at different places; the latest start won on each day",
            counted(overlapping, "cell")
        ));
    }
    notes.extend(found.notes.iter().cloned());
    let mut by_match: BTreeMap<Match, u64> = BTreeMap::new();
    assigned.iter().for_each(|a| *by_match.entry(a.how).or_default() += 1);
    let counts: Vec<String> =
        by_match.iter().map(|(m, n)| format!("{} {}", grouped(*n), m.word())).collect();
    notes.push(format!(
        "{} in {}: {}",
        counted(cells.len() as u64, "cell version"),
        counted(found.units.len() as u64, "LAU"),
        counts.join(", ")
    ));
    if assigned.iter().all(|a| a.unit.is_none()) {
        notes.push(format!("WARNING: {NOWHERE}"));
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tallinn_lands_where_other_tools_put_it_to_the_millimetre() {
        let version = CellVersion { start: None, end: None, lon: 24.7536, lat: 59.4370 };
        let point = projected(&[Cell { id: "1".to_owned(), version }]).unwrap()[0];
        assert!((point.x - 5_153_013.446_7).abs() < 0.001, "{point:?}");
        assert!((point.y - 4_124_198.393_1).abs() < 0.001, "{point:?}");
    }
}
