//! Present devices, and people estimated from them, at every full hour of a date.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use anyhow::{Context, Result};
use chrono::{DateTime, NaiveDate};
use serde_json::{Value, json};

use crate::output::query_columns::Columns;
use crate::views::Registry;
use crate::warehouse::{Select, Warehouse};

/// Rows of a view by hour and LAU, which have a place in the arrays of the document each.
struct Grid {
    hours: Vec<i64>,
    laus: Vec<String>,
    /// The place of each row, as (hour, LAU).
    places: Vec<(usize, usize)>,
}

impl Grid {
    /// `hours` are all hours of the date, so that each has an array although nobody is located.
    fn new(rows: &Columns, hours: Vec<i64>) -> Result<Self> {
        let ids: Vec<String> =
            rows.texts("lau_id")?.into_iter().map(Option::unwrap_or_default).collect();
        let times = rows.times("hour")?;
        let laus: Vec<String> = ids.iter().collect::<BTreeSet<_>>().into_iter().cloned().collect();
        let lau_places: HashMap<&str, usize> =
            laus.iter().enumerate().map(|(i, id)| (id.as_str(), i)).collect();
        let place = |(id, time): (&String, &i64)| {
            let hour = hours.binary_search(time).ok()?;
            Some((hour, lau_places[id.as_str()]))
        };
        let places = ids.iter().zip(&times).map(place).collect::<Option<Vec<_>>>();
        let places = places.context("a view of present devices has an hour without coverage")?;
        Ok(Grid { hours, laus, places })
    }

    /// An array for each hour with a value for each LAU; `empty` where there is no row.
    fn fill<T: Copy>(&self, values: &[T], empty: T) -> Vec<Vec<T>> {
        let mut filled = vec![vec![empty; self.laus.len()]; self.hours.len()];
        for ((hour, lau), value) in self.places.iter().zip(values) {
            filled[*hour][*lau] = *value;
        }
        filled
    }
}

/// The hours of a date, with the devices located at each and those seen on the date.
struct Coverage {
    hours: Vec<i64>,
    located: Vec<i64>,
    active: Vec<i64>,
}

/// The devices in each LAU at each hour by role, and how many are located.
///
/// # Errors
/// A warehouse that cannot be read.
pub fn document(registry: &Registry, warehouse: &dyn Warehouse, date: NaiveDate) -> Result<Value> {
    let Coverage { hours, located, active } = coverage(registry, warehouse, date)?;
    let rows = of_date(registry, warehouse, "present_per_lau", date)?;
    let grid = Grid::new(&rows, hours)?;
    let (roles, devices) = (rows.texts("role")?, rows.counts("devices")?);
    let mut by_role: BTreeMap<&str, Vec<Vec<i64>>> = BTreeMap::new();
    for ((role, n), (hour, lau)) in roles.iter().zip(&devices).zip(&grid.places) {
        let blank = || vec![vec![0; grid.laus.len()]; grid.hours.len()];
        by_role.entry(role.as_deref().unwrap_or_default()).or_insert_with(blank)[*hour][*lau] += n;
    }
    Ok(json!({
        "date": date,
        "window": window_of(warehouse, date)?,
        "hours": texts(&grid.hours),
        "located": located,
        "active": active,
        "laus": grid.laus,
        "devices": by_role,
    }))
}

/// The estimates in each LAU at each hour; all four values are null where no device has a home.
///
/// # Errors
/// A warehouse that cannot be read.
pub fn estimates(registry: &Registry, warehouse: &dyn Warehouse, date: NaiveDate) -> Result<Value> {
    let hours = coverage(registry, warehouse, date)?.hours;
    let rows = of_date(registry, warehouse, "present_estimate", date)?;
    let grid = Grid::new(&rows, hours)?;
    let values = |name: &str| Ok::<_, anyhow::Error>(grid.fill(&rows.numbers(name)?, None));
    Ok(json!({
        "date": date,
        "hours": texts(&grid.hours),
        "laus": grid.laus,
        "estimate": values("estimate")?,
        "lower": values("lower")?,
        "upper": values("upper")?,
        "coverage": values("coverage")?,
    }))
}

fn coverage(registry: &Registry, warehouse: &dyn Warehouse, date: NaiveDate) -> Result<Coverage> {
    let rows = of_date(registry, warehouse, "present_coverage", date)?;
    Ok(Coverage {
        hours: rows.times("hour")?,
        located: rows.counts("located")?,
        active: rows.counts("active")?,
    })
}

/// The rows of a view of one date, in the order of the view.
fn of_date(
    registry: &Registry,
    warehouse: &dyn Warehouse,
    view: &str,
    date: NaiveDate,
) -> Result<Columns> {
    let view =
        registry.by_sql_name(view).with_context(|| format!("the view {view} does not exist"))?;
    let select = Select { from: Some(date), to: Some(date), ..Select::all(view.into()) };
    Columns::read(warehouse.select(&select)?)
}

/// The window whose homes apply to a date.
fn window_of(warehouse: &dyn Warehouse, date: NaiveDate) -> Result<Option<NaiveDate>> {
    let sql = format!("SELECT window_start FROM anchor_windows WHERE date = DATE '{date}'");
    let starts = Columns::read(warehouse.sql(&sql)?)?.dates("window_start")?;
    Ok(starts.into_iter().flatten().next())
}

/// Hours as text such as `2024-10-01 08:00:00`; the second of two equal ones has a fraction.
fn texts(hours: &[i64]) -> Vec<String> {
    let text = |us: &i64| DateTime::from_timestamp_micros(*us).map(|t| t.naive_utc().to_string());
    hours.iter().filter_map(text).collect()
}
