//! Checks the inputs of the stage without writing anything.

use anyhow::Result;

use super::boundaries::Boundaries;
use super::cells::{project, refuse_rejected, refuse_swapped};
use super::lau_index::LauIndex;
use super::notes::NO_CELL_IN_A_LAU;
use super::{Settings, assign, boundaries};
use crate::cell_plan::{self, CellPlan};
use crate::domain::numbers::counted;

/// Result of the check of a cell plan that can be used.
pub struct CheckedPlan {
    /// Numbers of cells and versions.
    pub summary: String,
    pub warnings: Vec<String>,
}

/// Reads the cell plan and the LAU boundaries and summarizes each. If both can be read, also
/// assigns the cells to LAUs.
pub fn check(settings: Settings) -> (Result<CheckedPlan>, Result<String>) {
    let boundaries =
        boundaries::files(settings).and_then(|files| boundaries::read(&files, settings));
    let cells = check_cells(settings, boundaries.as_ref().ok());
    let countries = match settings.lau.countries.as_slice() {
        [] => "all countries".to_owned(),
        some => some.join(", "),
    };
    let units = |b: Boundaries| counted(b.units.len() as u64, "unit");
    (cells, boundaries.map(|b| format!("{} of {countries}", units(b))))
}

fn check_cells(settings: Settings, boundaries: Option<&Boundaries>) -> Result<CheckedPlan> {
    let files = cell_plan::files(&settings.data.cells)?;
    let plan = CellPlan::read(&files, settings.columns, settings.time.tz())?;
    refuse_rejected(&plan, settings.strict)?;
    let (cells, _) = plan.resolve()?;
    let mut warnings = plan.rejected();
    warnings.extend(cell_plan::passed_over(&settings.data.cells)?);
    let points = project(&cells)?;
    if let Some(boundaries) = boundaries {
        let index = LauIndex::new(boundaries.units.values().map(|u| &u.geometry));
        let assignments = assign::within(&index, &points);
        refuse_swapped(&cells, boundaries.extent(), &assignments)?;
        if assignments.iter().all(|a| a.unit.is_none()) {
            warnings.push(NO_CELL_IN_A_LAU.to_owned());
        }
    }
    let summary = format!(
        "{} in {}",
        counted(plan.cells().count() as u64, "cell"),
        counted(cells.len() as u64, "version")
    );
    Ok(CheckedPlan { summary, warnings })
}
