//! Checks the inputs of the stage without writing anything.

use std::collections::HashMap;

use anyhow::{Result, anyhow};

use super::boundaries::Boundaries;
use super::cells::refuse_rejected;
use super::notes::no_cell_in_a_lau;
use super::properties::OtherCountries;
use super::{Settings, assign_cells, boundaries, population};
use crate::cell_plan::{self, CellPlan, CellVersion};
use crate::config::Lau;
use crate::domain::numbers::{counted, share_of};
use crate::storage::inputs::InputFile;

/// Result of the check of a cell plan that can be used.
pub struct CheckedPlan {
    /// Numbers of cells and versions.
    pub summary: String,
    pub warnings: Vec<String>,
    /// The versions of each cell.
    pub cells: HashMap<String, Vec<CheckedVersion>>,
}

/// A version of a cell.
#[derive(Debug, Clone, Copy)]
pub struct CheckedVersion {
    pub version: CellVersion,
    /// Whether it lies in a LAU; false if the boundaries cannot be read.
    pub is_in_lau: bool,
}

/// Result of the check of LAU boundaries that can be used.
pub struct CheckedLaus {
    /// Number of units, and what was repaired.
    pub summary: String,
    pub warnings: Vec<String>,
}

/// Messages of one kind that are listed.
const MAX_NOTES: usize = 3;

/// Reads the cell plan and the LAU boundaries and summarizes each. If both can be read, also
/// assigns the cells to LAUs.
pub fn check(settings: Settings) -> (Result<CheckedPlan>, Result<CheckedLaus>) {
    let (mut passed_over, mut lau_files) = (None, Vec::new());
    let boundaries = boundaries::files(settings).and_then(|listed| {
        passed_over = listed.passed_over;
        lau_files = listed.files;
        let population = settings.data.population.clone().map(population::file).transpose()?;
        let population = population.as_ref();
        boundaries::read(&lau_files, population, settings)
            .map_err(|error| with_next_error(error, &lau_files, population, settings))
    });
    let cells = check_cells(settings, boundaries.as_ref().ok().map(|b| (b, lau_files.as_slice())));
    let countries = match settings.lau.countries.as_slice() {
        [] => "all countries".to_owned(),
        some => some.join(", "),
    };
    let laus = boundaries.map(|boundaries| {
        let units = counted(boundaries.units.len() as u64, "unit");
        let mut parts = vec![format!("{units} of {countries}")];
        parts.extend(boundaries.notes.iter().take(MAX_NOTES).cloned());
        if let Some(more) = boundaries.notes.len().checked_sub(MAX_NOTES).filter(|n| *n > 0) {
            parts.push(format!("and {more} more, which `mobility geojoin` lists"));
        }
        let warnings = boundaries.warnings.into_iter().chain(passed_over).collect();
        CheckedLaus { summary: parts.join("; "), warnings }
    });
    (cells, laus)
}

/// The error, and the one that would follow if other countries were selected.
fn with_next_error(
    error: anyhow::Error,
    files: &[InputFile],
    population: Option<&InputFile>,
    settings: Settings,
) -> anyhow::Error {
    let Some(other) = error.downcast_ref::<OtherCountries>() else { return error };
    let lau = Lau { countries: other.proposed.clone(), ..settings.lau.clone() };
    match boundaries::read(files, population, Settings { lau: &lau, ..settings }) {
        Ok(_) => error,
        Err(next) => anyhow!("{error}; and then: {next:#}"),
    }
}

fn check_cells(
    settings: Settings,
    boundaries: Option<(&Boundaries, &[InputFile])>,
) -> Result<CheckedPlan> {
    let listed = cell_plan::files(&settings.data.cells)?;
    let plan = CellPlan::read(&listed.files, settings.columns, settings.time.tz())?;
    refuse_rejected(&plan, settings.strict)?;
    let (cells, _) = plan.resolve()?;
    let mut warnings = plan.rejected();
    warnings.extend(plan.without_validity().cloned());
    warnings.extend(listed.passed_over);
    let mut is_in_lau = vec![false; cells.len()];
    if let Some((boundaries, files)) = boundaries {
        let assignments = assign_cells(settings, &cells, boundaries, files)?;
        is_in_lau = assignments.iter().map(|a| a.unit.is_some()).collect();
        if !is_in_lau.contains(&true) {
            warnings.push(no_cell_in_a_lau(settings.lau.crs.as_deref()));
        }
    }
    let mut summary = format!(
        "{} in {}",
        counted(plan.cells().count() as u64, "cell"),
        counted(cells.len() as u64, "version")
    );
    if boundaries.is_some() {
        let inside = is_in_lau.iter().filter(|is_in| **is_in).count() as u64;
        summary.push_str(&format!("; {} in a LAU", share_of(inside, cells.len() as u64)));
    }
    let mut by_id: HashMap<String, Vec<CheckedVersion>> = HashMap::new();
    for (cell, is_in_lau) in cells.into_iter().zip(is_in_lau) {
        let version = CheckedVersion { version: cell.version, is_in_lau };
        by_id.entry(cell.id).or_default().push(version);
    }
    Ok(CheckedPlan { summary, warnings, cells: by_id })
}
