//! The messages of the stage: rejected rows, overlapping versions, and how the LAUs were found.

use std::collections::BTreeMap;

use super::assign::Assignment;
use super::boundaries::Boundaries;
use crate::cell_plan::{Cell, CellPlan};
use crate::datasets::geodata::LauMatch;
use crate::domain::numbers::{counted, grouped};

/// Warning for a plan and boundaries of different areas; `crs` is that of `lau.crs`.
pub fn no_cell_in_a_lau(crs: Option<&str>) -> String {
    let question = match crs {
        Some(crs) => format!(", and is {crs}, as lau.crs says, the CRS of the file?"),
        None => "?".to_owned(),
    };
    format!(
        "no cell lies in a LAU; LAU views will be empty. Are lau.countries and the cell plan of the same \
         country{question}"
    )
}

/// Messages about the cell plan; `overlapping` is the number of cells with overlapping versions.
pub fn of_plan(plan: &CellPlan, overlapping: u64) -> Vec<String> {
    let mut notes = plan.rejected();
    notes.extend(plan.without_validity().map(|warning| format!("WARNING: {warning}")));
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
    notes
}

/// Messages about the boundaries and how the LAUs of the cells were found; `crs` is that of `lau.crs`.
pub fn of_laus(
    cells: &[Cell],
    boundaries: &Boundaries,
    assignments: &[Assignment],
    crs: Option<&str>,
) -> Vec<String> {
    let warnings = boundaries.warnings.iter();
    let mut notes: Vec<String> = warnings.map(|warning| format!("WARNING: {warning}")).collect();
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
        notes.push(format!("WARNING: {}", no_cell_in_a_lau(crs)));
    }
    notes
}
