//! What the page about people shows, as JSON documents that hold no more than is shown: one window, one date,
//! or the devices to and from one LAU.

mod flows;
mod overview;
mod present;
mod report;
mod residents;
mod settings;
mod views;

use anyhow::{Result, anyhow};
use chrono::NaiveDate;
use serde_json::Value;

use crate::errors::UsageError;
use crate::views::Registry;
use crate::warehouse::Warehouse;

use flows::{MAX_LINES, Which};
pub use report::documents;
pub use settings::Settings;
pub use views::VIEWS;

/// A document of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Windows, dates, settings, and which views are missing.
    Overview,
    Residents,
    Present,
    PresentEstimate,
    Commuters,
    Overnight,
}

impl Kind {
    pub const ALL: [Kind; 6] = [
        Kind::Overview,
        Kind::Residents,
        Kind::Present,
        Kind::PresentEstimate,
        Kind::Commuters,
        Kind::Overnight,
    ];

    /// The last segment of the route.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Overview => "overview",
            Kind::Residents => "residents",
            Kind::Present => "present",
            Kind::PresentEstimate => "present-estimate",
            Kind::Commuters => "commuters",
            Kind::Overnight => "overnight",
        }
    }

    /// The parameter with the date that the document is about: the first one of a window, a date, or a night.
    pub fn day(self) -> Option<&'static str> {
        match self {
            Kind::Overview => None,
            Kind::Residents | Kind::Commuters => Some("window"),
            Kind::Present | Kind::PresentEstimate => Some("date"),
            Kind::Overnight => Some("night"),
        }
    }

    /// Whether the document can be restricted to one LAU.
    pub fn has_lau(self) -> bool {
        matches!(self, Kind::Commuters | Kind::Overnight)
    }
}

/// The document `kind` about a day, which only the overview does without.
///
/// # Errors
/// A view that is missing or has rows of single users; a warehouse that cannot be read.
pub fn document(
    registry: &Registry,
    warehouse: &dyn Warehouse,
    settings: &Settings,
    kind: Kind,
    day: NaiveDate,
    lau: Option<&str>,
) -> Result<Value> {
    if kind == Kind::Overview {
        return overview::document(registry, warehouse, settings);
    }
    if let [first, ..] = views::missing(registry).as_slice() {
        return Err(anyhow!(UsageError(format!(
            "the page about people needs the view {first}, which is missing or has rows of single users"
        ))));
    }
    let which = lau.map_or(Which::BetweenLaus, Which::OfLau);
    match kind {
        Kind::Overview | Kind::Residents => residents::document(warehouse, day),
        Kind::Present => present::document(registry, warehouse, day),
        Kind::PresentEstimate => present::estimates(registry, warehouse, day),
        Kind::Commuters => flows::COMMUTERS.document(warehouse, day, which, MAX_LINES),
        Kind::Overnight => flows::OVERNIGHT.document(warehouse, day, which, MAX_LINES),
    }
}
