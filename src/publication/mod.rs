//! Disclosure control: which numbers of published tables are withheld so that nothing is known about few
//! devices. Pure computation over numbers and the relations between them.
//!
//! A [`Problem`] has the cells of all tables that are published together, and what an outsider knows about
//! them: sums, counts that contain others, and counts of devices that may be in several parts. [`suppress`]
//! decides which cells are withheld, and [`intervals`] tells what an outsider can derive about each primary cell.
//! An [`Outsider`] derives the same from published numbers alone.

mod audit;
mod cells;
mod chain;
mod change;
mod choice;
mod components;
mod contradiction;
mod exchange;
mod floors;
mod gate;
mod limits;
mod linked;
mod narrowing;
mod network;
mod outsider;
mod parallel;
mod paths;
mod pools;
mod primary;
mod problem;
mod proofs;
mod region;
mod relating;
mod search;
mod sparse;
mod state;
mod substitution;
mod suppression;
mod ways;
mod yielding;

pub use audit::{Interval, intervals};
pub use gate::{Gate, Refused, suppress};
pub use outsider::Outsider;
pub use parallel::on_each;
pub use primary::{Reason, Thresholds, Zeros};
pub use problem::{CellId, Problem, Table};
pub use relating::Inconsistent;
pub use suppression::{Suppression, Withheld};

#[cfg(test)]
mod enumeration;
#[cfg(test)]
mod tests;
