//! What an outsider can derive about the numbers that are withheld.

use super::change::{Reach, farthest};
use super::problem::{CellId, Problem};
use super::region::Region;
use super::suppression::Suppression;

/// The values of a primary cell that agree with everything that is published.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    pub cell: CellId,
    pub low: f64,
    /// `None` without a limit.
    pub high: Option<f64>,
    /// The least and the greatest value that have to be possible.
    pub needed: (f64, f64),
}

impl Interval {
    /// True if an outsider holds everything possible that has to be.
    pub fn is_wide_enough(&self) -> bool {
        const TOLERANCE: f64 = 1e-6;
        let (low, high) = self.needed;
        self.low <= low + TOLERANCE && self.high.is_none_or(|h| h >= high - TOLERANCE)
    }
}

/// The interval of each cell that is withheld because it is about few devices, by linear programming over all
/// cells that it is linked with. Differences of published counts are among them.
pub fn intervals(problem: &Problem, suppression: &Suppression) -> Vec<Interval> {
    let floors = problem.floors();
    let cells = 0..problem.len();
    let is_hidden = |cell| suppression.is_hidden(cell);
    cells.filter_map(|cell| interval(problem, is_hidden, &floors, cell)).collect()
}

pub(super) fn interval(
    problem: &Problem,
    is_hidden: impl Fn(CellId) -> bool,
    floors: &[f64],
    cell: CellId,
) -> Option<Interval> {
    let needed = problem.needed(cell, floors)?;
    let mut region = Region::around(problem, None, is_hidden, cell);
    while region.grow() {}
    let value = problem.value(cell) as f64;
    let reach = |is_up| match farthest(problem, &region, cell, is_up) {
        Some(Reach::Within(distance)) => Some(distance),
        Some(Reach::Unlimited) => None,
        // the cell counts as known where the solver fails
        None => Some(0.0),
    };
    // no cell can go below its bound
    let below = reach(false).unwrap_or(value);
    Some(Interval { cell, low: value - below, high: reach(true).map(|up| value + up), needed })
}
