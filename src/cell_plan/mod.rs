//! The cell plan: rows of its files, and the versions of each cell over time.

mod rows;
mod versions;

use std::collections::BTreeSet;

use anyhow::{Result, bail};

pub use rows::{CellPlan, PlanRow};
pub use versions::CellVersion;

use crate::config::Config;
use crate::formats::csv;
use crate::storage::inputs::{InputFile, list};

/// A cell in one of its versions.
#[derive(Debug, Clone)]
pub struct Cell {
    pub id: String,
    pub version: CellVersion,
}

/// Lists the files of the cell plan.
///
/// # Errors
/// A path that does not exist or holds no such file.
pub fn files(config: &Config) -> Result<Vec<InputFile>> {
    list("data.cells", &config.data.cells, &[&["parquet"][..], &csv::EXTENSIONS].concat())
}

/// The cell plan as the checks on events need it.
#[derive(Debug, Default)]
pub struct PlannedCells {
    /// By cell id, versions without overlap in order of time.
    pub cells: Vec<(String, Vec<CellVersion>)>,
    /// Cells with a row whose coordinates cannot be used.
    pub bad_coordinates: BTreeSet<String>,
}

/// Reads the cell plan alone.
///
/// # Errors
/// As [`run`] has them for the cell plan.
pub fn planned_cells(config: &Config) -> Result<PlannedCells> {
    let plan = CellPlan::read(&files(config)?, &config.columns)?;
    let mut cells: Vec<(String, Vec<CellVersion>)> = Vec::new();
    for cell in resolved(&plan)?.0 {
        match cells.last_mut() {
            Some((id, versions)) if *id == cell.id => versions.push(cell.version),
            _ => cells.push((cell.id, vec![cell.version])),
        }
    }
    Ok(PlannedCells { cells, bad_coordinates: plan.bad_coordinates })
}

/// Versions without overlap, by cell id and time; and how many cells had overlapping ones.
///
/// # Errors
/// Two rows that contradict each other about the same days.
pub fn resolved(plan: &CellPlan) -> Result<(Vec<Cell>, u64)> {
    let mut cells = Vec::new();
    let mut overlapping = 0;
    for rows in plan.cells() {
        let id = &rows[0].cell;
        // identical rows collapse
        let mut kept: Vec<&PlanRow> = Vec::with_capacity(rows.len());
        for row in rows {
            if !kept.iter().any(|k| k.version == row.version) {
                kept.push(row);
            }
        }
        let versions: Vec<CellVersion> = kept.iter().map(|r| r.version).collect();
        let (versions, overlapped) = match versions::resolve(&versions) {
            Ok(resolved) => resolved,
            Err(d) => bail!(
                "two cell plans disagree about cell {id}: {} and {}, valid on the same days; remove the wrong row",
                plan.place(kept[d.first]),
                plan.place(kept[d.second])
            ),
        };
        overlapping += u64::from(overlapped);
        cells.extend(versions.into_iter().map(|version| Cell { id: id.clone(), version }));
    }
    Ok((cells, overlapping))
}
