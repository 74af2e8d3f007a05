//! All checks on events.
//!
//! - `codes`: what can be wrong with a row, in which order, and how such rows are counted;
//! - `settings`: the section `[checks]` of the configuration;
//! - `row`: checks on a row by itself: user, time, folder, cell;
//! - `open_run`, `duplicates`: exact duplicates, found while events are read and afterwards;
//! - `sequence`: checks on a user's events of a date in order of time: two places, hops, ping-pong,
//!   busy users;
//! - `locations`: where cells are on a date, and distances;
//! - `expected_dates`: the dates of which events are expected.
//!
//! Everything here is pure: values in, codes out. The stage `compress` reads the events and writes
//! the results.
//!
//! Spark applies the same checks in SQL, in `sql/spark/compress/judge.sql`. A change here needs the same
//! change there; `tests/spark/` compares the two engines on every code.

mod codes;
pub mod duplicates;
pub mod event_run;
mod expected_dates;
pub mod locations;
pub mod open_run;
pub mod row;
pub mod sequence;
mod settings;

pub use codes::{Code, Disposition, Limits};
pub use expected_dates::{ExpectedDates, Gap};
pub use settings::Checks;
