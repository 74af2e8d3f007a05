//! The messages of the stage: rejected rows, overlapping versions, and how the LAUs were found.

use std::collections::BTreeMap;

use super::assign::Assignment;
use super::boundaries::Boundaries;
use crate::cell_plan::{Cell, CellPlan};
use crate::datasets::geodata::LauMatch;
use crate::domain::numbers::{counted, grouped};

/// Warning for a plan and boundaries of different areas.
pub const NO_CELL_IN_A_LAU: &str = "no cell lies in a LAU; LAU views will be empty. Are lau.countries and the cell plan of the same country?";

/// All messages; `overlapping` is the number of cells with overlapping versions.
pub fn notes(
    plan: &CellPlan,
    cells: &[Cell],
    boundaries: &Boundaries,
    assignments: &[Assignment],
    overlapping: u64,
) -> Vec<String> {
    let mut notes = plan.rejected();
    if plan.cut_to_days > 0 {
        notes.push(format!(
            "validity dates with a time of day were cut to whole days: {}",
            grouped(plan.cut_to_days)
        ));
    }
    if overlapping > 0 {
        notes.push(format!(
            "{} had overlapping versions at different places; on each day the version with the \
             latest start is used",
            counted(overlapping, "cell")
        ));
    }
    notes.extend(boundaries.notes.iter().cloned());
    let mut by_match: BTreeMap<LauMatch, u64> = BTreeMap::new();
    assignments.iter().for_each(|a| *by_match.entry(a.lau_match).or_default() += 1);
    let counts: Vec<String> =
        by_match.iter().map(|(m, n)| format!("{} {}", grouped(*n), m.name())).collect();
    notes.push(format!(
        "{} in {}: {}",
        counted(cells.len() as u64, "cell version"),
        counted(boundaries.units.len() as u64, "LAU"),
        counts.join(", ")
    ));
    if assignments.iter().all(|a| a.unit.is_none()) {
        notes.push(format!("WARNING: {NO_CELL_IN_A_LAU}"));
    }
    notes
}
