//! Cells of the plan: checks on the plan as a whole, and positions in metres.

use anyhow::{Context, Result, bail};
use geo::{Coord, Rect};
use proj::Proj;

use super::assign::Assignment;
use super::grid::GRID;
use crate::cell_plan::{Cell, CellPlan, CellVersion};

/// Positions of cells on the grid, metres.
///
/// # Errors
/// A position that PROJ cannot convert.
pub fn project(cells: &[Cell]) -> Result<Vec<Coord>> {
    let proj = Proj::new_known_crs("EPSG:4326", GRID, None)
        .with_context(|| format!("PROJ cannot convert EPSG:4326 to {GRID}"))?;
    let mut points: Vec<(f64, f64)> =
        cells.iter().map(|c| (c.version.lon, c.version.lat)).collect();
    if !points.is_empty() {
        proj.convert_array(&mut points)
            .with_context(|| format!("cell positions cannot be converted to {GRID}"))?;
    }
    Ok(points.into_iter().map(|(x, y)| Coord { x, y }).collect())
}

/// Refuses a plan with rejected rows if `strict`.
///
/// # Errors
/// The reasons of the rejected rows.
pub fn refuse_rejected(plan: &CellPlan, strict: bool) -> Result<()> {
    if strict && plan.rejected_rows() > 0 {
        bail!("{}; strict = true makes this fatal", plan.rejected().join("; "));
    }
    Ok(())
}

/// Refuses a plan with swapped latitude and longitude. In many regions both values remain in
/// range when swapped, so the test is that no cell lies in a unit, but most cells lie in `extent`
/// once they are swapped back.
///
/// # Errors
/// A plan that looks swapped.
pub fn refuse_swapped(
    cells: &[Cell],
    extent: Option<Rect>,
    assignments: &[Assignment],
) -> Result<()> {
    let Some(extent) = extent else { return Ok(()) };
    if cells.is_empty() || assignments.iter().any(|a| a.unit.is_some()) {
        return Ok(());
    }
    let swap = |c: &Cell| {
        let version = CellVersion { lon: c.version.lat, lat: c.version.lon, ..c.version };
        (version.lat.abs() <= 90.0).then(|| Cell { id: c.id.clone(), version })
    };
    let swapped = project(&cells.iter().filter_map(swap).collect::<Vec<_>>())?;
    let hits = swapped
        .iter()
        .filter(|p| {
            (extent.min().x..=extent.max().x).contains(&p.x)
                && (extent.min().y..=extent.max().y).contains(&p.y)
        })
        .count();
    if hits * 2 > cells.len() {
        bail!(
            "cell plan: no cell lies where the LAUs are, but {hits} of {} do with latitude and \
             longitude swapped; swap columns.latitude and columns.longitude, or, if the plan is right, \
             write the LAU file with x (longitude) first",
            cells.len()
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_projected_position_of_tallinn_agrees_with_other_tools_to_the_millimetre() {
        let version = CellVersion { start: None, end: None, lon: 24.7536, lat: 59.4370 };
        let point = project(&[Cell { id: "1".to_owned(), version }]).unwrap()[0];
        assert!((point.x - 5_153_013.446_7).abs() < 0.001, "{point:?}");
        assert!((point.y - 4_124_198.393_1).abs() < 0.001, "{point:?}");
    }
}
