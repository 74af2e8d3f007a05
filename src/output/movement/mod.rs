//! What the page about movement shows, as JSON documents that hold no more than is shown: one date, or the trips
//! of an hour, or those to and from one LAU.

mod about;
mod day;
mod flows;
mod matrix;
mod sums;
mod views;

use anyhow::{Result, anyhow};
use serde_json::{Value, json};

use crate::errors::UsageError;
use crate::output::query_columns::{Columns, date_runs};
use crate::views::Registry;
use crate::warehouse::Warehouse;

pub use about::About;
pub use views::VIEWS;

/// A document of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Dates, and which views are missing.
    Overview,
    /// Time by state, trips by distance and by device, and time in each LAU.
    Day,
    /// Trips between LAUs.
    Flows,
}

impl Kind {
    pub const ALL: [Kind; 3] = [Kind::Overview, Kind::Day, Kind::Flows];

    /// The last segment of the route.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Overview => "overview",
            Kind::Day => "day",
            Kind::Flows => "flows",
        }
    }

    /// The parameters of the route.
    pub fn parameters(self) -> &'static [&'static str] {
        match self {
            Kind::Overview => &[],
            Kind::Day => &["date"],
            Kind::Flows => &["date", "hour", "lau"],
        }
    }
}

/// # Errors
/// A view that is missing or has rows of single users; a warehouse that cannot be read.
pub fn document(
    registry: &Registry,
    warehouse: &dyn Warehouse,
    kind: Kind,
    about: &About,
) -> Result<Value> {
    let missing = views::missing(registry);
    match (kind, missing.as_slice()) {
        (Kind::Overview, _) => overview(warehouse, &missing),
        (_, [first, ..]) => Err(anyhow!(UsageError(format!(
            "the page about movement needs the view {first}, which is missing or has rows of single users"
        )))),
        (Kind::Day, []) => day::document(warehouse, about.date),
        (Kind::Flows, []) => flows::document(warehouse, about),
    }
}

/// The dates, as runs of consecutive ones, and the number of LAUs.
fn overview(warehouse: &dyn Warehouse, missing: &[&str]) -> Result<Value> {
    if !missing.is_empty() {
        return Ok(json!({ "missing": missing, "dates": [], "laus": 0 }));
    }
    let laus = Columns::read(warehouse.sql("SELECT COUNT(*) AS laus FROM lau")?)?;
    let dates = "SELECT DISTINCT date AS day FROM trips_per_device ORDER BY day";
    Ok(json!({
        "missing": missing,
        "dates": date_runs(warehouse, dates)?,
        "laus": laus.counts("laus")?.first(),
    }))
}
