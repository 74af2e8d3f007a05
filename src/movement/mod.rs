//! Visits, stays and trips from the events of devices in order of time.
//!
//! - `settings`: the sections `[stays]` and `[trips]` of the configuration;
//! - `visit`: consecutive events at one site;
//! - `places`: the sites of a date, their LAUs, and which are near to each other;
//! - `flicker`: phones that the network hands to and fro while they lie still;
//! - `timeline`: the visits of a device on a date and the dates beside it, one after the other;
//! - `segments`: rows of the table `segments`, and `trips`: rows of the table `trips`.
//!
//! Everything here is pure: values in, rows out. The stage `compress` finds the visits, the stage `movement`
//! reads them and writes the rows.

mod dates;
mod flicker;
mod places;
mod segments;
mod settings;
#[cfg(test)]
mod tests;
mod timeline;
mod trips;
mod visit;

pub use dates::{Dates, Day};
pub use places::Places;
pub use segments::{Segment, State, segments};
pub use settings::{Stays, Trips, validate};
pub use timeline::{Stop, Timeline};
pub use trips::{Trip, is_return, trips};
pub use visit::{Visit, VisitBuilder};
