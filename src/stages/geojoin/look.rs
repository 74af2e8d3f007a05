//! What boundary files hold, for a configuration that does not exist yet.

use std::collections::BTreeMap;

use anyhow::Result;

use super::{Settings, assign_cells, boundaries};
use crate::cell_plan::{self, CellPlan};
use crate::config::Lau;

/// A value of the property `columns.cntr_code`, empty for units without one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Country {
    pub code: String,
    /// LAUs.
    pub units: u64,
    /// Versions of cells in them.
    pub cells: u64,
}

/// The number of boundary files, and the names of the properties of the first one.
///
/// # Errors
/// A path without a boundary file; a file that cannot be read.
pub fn properties(settings: Settings) -> Result<(usize, Vec<String>)> {
    let listed = boundaries::files(settings)?;
    let files: Vec<_> = boundaries::main_files(&listed.files).collect();
    let names = match files.first() {
        Some(file) => boundaries::properties(file, settings)?,
        None => Vec::new(),
    };
    Ok((files.len(), names))
}

/// The countries of all units, those with most cells first.
///
/// # Errors
/// Boundaries or a cell plan that cannot be read.
pub fn countries(settings: Settings) -> Result<Vec<Country>> {
    let lau = Lau { countries: Vec::new(), ..settings.lau.clone() };
    let settings = Settings { lau: &lau, ..settings };
    let files = boundaries::files(settings)?.files;
    let boundaries = boundaries::read(&files, None, settings)?;
    let units: Vec<&str> = boundaries.units.values().map(|unit| unit.country.as_str()).collect();
    let mut counts: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for country in &units {
        counts.entry(country).or_default().0 += 1;
    }
    let listed = cell_plan::files(&settings.data.cells)?;
    let plan = CellPlan::read(&listed.files, settings.columns, settings.time.tz())?;
    let (cells, _) = plan.resolve()?;
    for assignment in assign_cells(settings, &cells, &boundaries, &files)? {
        if let Some(unit) = assignment.unit {
            counts.entry(units[unit as usize]).or_default().1 += 1;
        }
    }
    let country = |(code, (units, cells)): (&str, (u64, u64))| Country {
        code: code.to_owned(),
        units,
        cells,
    };
    let mut countries: Vec<Country> = counts.into_iter().map(country).collect();
    countries.sort_by_key(|country| std::cmp::Reverse((country.cells, country.units)));
    Ok(countries)
}
