//! What the stage would say of its inputs, without writing anything.

use anyhow::Result;

use super::boundaries;
use super::boundaries::Boundaries;
use super::index::Locator;
use super::{NOWHERE, assign, projected, refuse_rejected, refuse_swapped};
use crate::cell_plan::{self, CellPlan};
use crate::config::Config;
use crate::domain::numbers::counted;

/// What is in the cell plan.
pub struct Checked {
    pub said: String,
    /// What does not stop the stage, but should be looked at.
    pub doubts: Vec<String>,
}

/// Reads the cell plan and the LAU boundaries and says what is in either. Cells are placed where
/// both can be read.
pub fn check(config: &Config) -> (Result<Checked>, Result<String>) {
    let found = boundaries::files(config).and_then(|files| boundaries::read(&files, config));
    let cells = check_cells(config, found.as_ref().ok());
    let countries = match config.lau.countries.as_slice() {
        [] => "all countries".to_owned(),
        some => some.join(", "),
    };
    let units = |b: Boundaries| counted(b.units.len() as u64, "unit");
    (cells, found.map(|b| format!("{} of {countries}", units(b))))
}

fn check_cells(config: &Config, found: Option<&Boundaries>) -> Result<Checked> {
    let files = cell_plan::files(config)?;
    let plan = CellPlan::read(&files, &config.columns)?;
    refuse_rejected(config, &plan)?;
    let (cells, _) = cell_plan::resolved(&plan)?;
    let mut doubts = plan.rejected();
    let points = projected(&cells)?;
    if let Some(found) = found {
        let locator = Locator::new(found.units.values().map(|u| &u.geometry));
        let assigned = assign::within(&locator, &points);
        refuse_swapped(&cells, found, &assigned)?;
        if assigned.iter().all(|a| a.unit.is_none()) {
            doubts.push(NOWHERE.to_owned());
        }
    }
    let said = format!(
        "{} in {}",
        counted(plan.cells().count() as u64, "cell"),
        counted(cells.len() as u64, "version")
    );
    Ok(Checked { said, doubts })
}
