//! The cell plan: rows of its files, and the versions of each cell over time.

mod dates;
mod known_rows;
mod rejected;
mod rows;
mod versions;

use std::collections::BTreeSet;

use anyhow::{Result, bail};
use chrono_tz::Tz;

pub use rows::{CellPlan, PlanRow};
pub use versions::CellVersion;

use crate::config::{Columns, Data};
use crate::formats::table;
use crate::storage::inputs::{self, Listed};

/// One version of a cell.
#[derive(Debug, Clone)]
pub struct Cell {
    pub id: String,
    pub version: CellVersion,
}

/// Lists the files of the cell plan; `paths` are those of `data.cells`.
///
/// # Errors
/// A path that does not exist or contains no such file.
pub fn files(paths: &[String]) -> Result<Listed> {
    inputs::list_all("data.cells", paths, &table::EXTENSIONS, |_| false)
}

/// The cell plan as the checks on events need it.
#[derive(Debug, Default)]
pub struct PlannedCells {
    /// By cell id, non-overlapping versions in order of time.
    pub cells: Vec<(String, Vec<CellVersion>)>,
    /// Ids of cells with invalid coordinates in at least one row.
    pub bad_coordinates: BTreeSet<String>,
}

/// Reads the cell plan of `data.cells`; `zone` is that of `time.zone`.
///
/// # Errors
/// Files that cannot be read, and rows that contradict each other.
pub fn planned_cells(data: &Data, columns: &Columns, zone: Option<Tz>) -> Result<PlannedCells> {
    let files = files(&data.cells)?.files;
    let plan = CellPlan::read_new(&data.plan_rows(), &files, columns, zone)?;
    let mut cells: Vec<(String, Vec<CellVersion>)> = Vec::new();
    for cell in plan.resolve()?.0 {
        match cells.last_mut() {
            Some((id, versions)) if *id == cell.id => versions.push(cell.version),
            _ => cells.push((cell.id, vec![cell.version])),
        }
    }
    Ok(PlannedCells { cells, bad_coordinates: plan.bad_coordinates })
}

impl CellPlan {
    /// Non-overlapping versions, by cell id and time, and the number of cells with versions that
    /// overlapped at different places.
    ///
    /// # Errors
    /// Two rows with different places for the same cell and days.
    pub fn resolve(&self) -> Result<(Vec<Cell>, u64)> {
        let mut cells = Vec::new();
        let mut overlapping = 0;
        for rows in self.cells() {
            let id = &rows[0].cell;
            let mut distinct: Vec<&PlanRow> = Vec::with_capacity(rows.len());
            for row in rows {
                if !distinct.iter().any(|k| k.version == row.version) {
                    distinct.push(row);
                }
            }
            let versions: Vec<CellVersion> = distinct.iter().map(|r| r.version).collect();
            let (versions, overlapped) = match versions::resolve(&versions) {
                Ok(resolved) => resolved,
                Err(conflict) => bail!(
                    "two cell plans disagree about cell {id}: {} and {}, valid on the same days; \
                     remove the wrong row",
                    self.place(distinct[conflict.first]),
                    self.place(distinct[conflict.second])
                ),
            };
            overlapping += u64::from(overlapped);
            cells.extend(versions.into_iter().map(|version| Cell { id: id.clone(), version }));
        }
        Ok((cells, overlapping))
    }
}
