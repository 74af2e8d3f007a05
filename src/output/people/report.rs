//! The documents of the page for a report, which has no server to ask: those of all windows, dates and nights that
//! the report is about.

use anyhow::Result;
use chrono::NaiveDate;
use serde_json::{Map, Value, json};

use super::flows::{COMMUTERS, OVERNIGHT, Which};
use super::settings::Settings;
use super::{overview, present, residents};
use crate::views::Registry;
use crate::warehouse::Warehouse;

/// The newest dates, nights and windows that a report holds.
const MAX_DATES: usize = 31;
const MAX_WINDOWS: usize = 12;
/// Rows of each window and night, the widest first.
const MAX_LINES: usize = 20_000;

/// By route, as the page requests them; restricted to a period with a first and last date. A window is part of it
/// if one of its dates is.
///
/// # Errors
/// A warehouse that cannot be read.
pub fn documents(
    registry: &Registry,
    warehouse: &dyn Warehouse,
    settings: &Settings,
    (from, to): (Option<NaiveDate>, Option<NaiveDate>),
) -> Result<Map<String, Value>> {
    let mut routes = Map::new();
    let mut overview = overview::document(registry, warehouse, settings)?;
    let contains =
        |date: &NaiveDate| from.is_none_or(|from| *date >= from) && to.is_none_or(|to| *date <= to);
    let of_period = |run: &[NaiveDate; 2]| -> Vec<NaiveDate> {
        let dates = run[0].iter_days().take_while(|date| *date <= run[1]);
        dates.filter(contains).collect()
    };
    let newest = |name: &str| -> Result<Vec<NaiveDate>> {
        let runs: Vec<[NaiveDate; 2]> = serde_json::from_value(overview[name].clone())?;
        let dates: Vec<NaiveDate> = runs.iter().flat_map(of_period).collect();
        Ok(dates[dates.len().saturating_sub(MAX_DATES)..].to_vec())
    };
    let (dates, nights) = (newest("dates")?, newest("nights")?);
    let mut windows = overview["windows"].as_array().cloned().unwrap_or_default();
    windows.retain(|window| overlaps(window, from, to));
    windows.drain(..windows.len().saturating_sub(MAX_WINDOWS));
    let starts: Vec<NaiveDate> = windows
        .iter()
        .map(|window| Ok(serde_json::from_value(window["window_start"].clone())?))
        .collect::<Result<_>>()?;
    for date in &dates {
        let present = present::document(registry, warehouse, *date)?;
        routes.insert(format!("/people/present?date={date}"), present);
        let estimates = present::estimates(registry, warehouse, *date)?;
        routes.insert(format!("/people/present-estimate?date={date}"), estimates);
    }
    for window in &starts {
        let residents = residents::document(warehouse, *window)?;
        routes.insert(format!("/people/residents?window={window}"), residents);
        let commuters = COMMUTERS.document(warehouse, *window, Which::All, MAX_LINES)?;
        routes.insert(format!("/people/commuters?window={window}"), commuters);
    }
    for night in &nights {
        let overnight = OVERNIGHT.document(warehouse, *night, Which::All, MAX_LINES)?;
        routes.insert(format!("/people/overnight?night={night}"), overnight);
    }
    let single = |dates: &[NaiveDate]| json!(dates.iter().map(|d| [d, d]).collect::<Vec<_>>());
    overview["dates"] = single(&dates);
    overview["nights"] = single(&nights);
    overview["windows"] = Value::Array(windows);
    routes.insert("/people/overview".to_owned(), overview);
    Ok(routes)
}

/// Whether a window has a date of the period.
fn overlaps(window: &Value, from: Option<NaiveDate>, to: Option<NaiveDate>) -> bool {
    let date = |name: &str| window[name].as_str().and_then(|text| text.parse::<NaiveDate>().ok());
    let (Some(start), Some(end)) = (date("window_start"), date("last_date")) else { return false };
    from.is_none_or(|from| end >= from) && to.is_none_or(|to| start <= to)
}
