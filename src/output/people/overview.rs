//! What the page needs before it shows anything: the windows, the dates, the settings, and what is missing.

use anyhow::Result;
use serde_json::{Value, json};

use super::settings::Settings;
use super::views::missing;
use crate::output::query_columns::{Columns, date_runs};
use crate::views::Registry;
use crate::warehouse::Warehouse;

/// Dates are stated as runs of consecutive ones, so that the document does not grow with their number.
///
/// # Errors
/// A warehouse that cannot be read.
pub fn document(
    registry: &Registry,
    warehouse: &dyn Warehouse,
    settings: &Settings,
) -> Result<Value> {
    let missing = missing(registry);
    if !missing.is_empty() {
        return Ok(json!({
            "settings": settings, "missing": missing, "windows": [], "dates": [], "nights": [],
            "laus": 0, "laus_with_population": 0,
        }));
    }
    let laus = Columns::read(
        warehouse.sql("SELECT COUNT(*) AS laus, COUNT(population) AS populated FROM lau")?,
    )?;
    let count = |name: &str| Ok::<_, anyhow::Error>(laus.counts(name)?.first().copied());
    Ok(json!({
        "settings": settings,
        "missing": missing,
        "windows": windows(warehouse)?,
        "dates": date_runs(warehouse, "SELECT date AS day FROM devices_per_date ORDER BY date")?,
        "nights": date_runs(warehouse, "SELECT night AS day FROM devices_per_night ORDER BY night")?,
        "laus": count("laus")?,
        "laus_with_population": count("populated")?,
    }))
}

/// The windows in order, each with what tells whether it is complete.
fn windows(warehouse: &dyn Warehouse) -> Result<Vec<Value>> {
    let rows = Columns::read(warehouse.sql(
        "SELECT window_start, last_date, dates, nights, complete, rotation \
         FROM calendar_windows ORDER BY window_start",
    )?)?;
    let (starts, ends) = (rows.dates("window_start")?, rows.dates("last_date")?);
    let (dates, nights) = (rows.counts("dates")?, rows.counts("nights")?);
    let (complete, rotation) = (rows.flags("complete")?, rows.flags("rotation")?);
    let window = |i: usize| {
        json!({
            "window_start": starts[i], "last_date": ends[i], "dates": dates[i], "nights": nights[i],
            "complete": complete[i], "rotation": rotation[i],
        })
    };
    Ok((0..rows.num_rows()).map(window).collect())
}
