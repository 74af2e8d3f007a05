//! What is withheld at some point of a search, and how far cells can move then.

use std::collections::VecDeque;
use std::sync::Arc;

use super::change::{Change, Outcome, reaching};
use super::contradiction::is_impossible;
use super::exchange::{Part, exchange};
use super::network::{Scratch, flow};
use super::pools::Pools;
use super::problem::{CellId, Problem};
use super::region::Region;
use super::ways::Ways;
use super::yielding::Yielding;

/// Most cells of a program that looks for a proof, as long as something else can be withheld. What is farther away
/// hardly ever helps, and to find that it does not takes long.
const NEAR_CELLS: usize = 400;

/// Changes that others start from, of each size, and the least numbers of cells that those of a size move. They take
/// longest to find, and what moves in one of them is much the same in the next.
const BASES: usize = 8;
const SIZES: [usize; 2] = [1_000, 100];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Low,
    High,
}

pub(super) const ENDS: [End; 2] = [End::Low, End::High];

/// Copies share everything but what is withheld.
#[derive(Clone)]
pub(super) struct State<'a> {
    pub problem: &'a Problem,
    pub yielding: Arc<Yielding>,
    pub ways: Arc<Ways>,
    pools: Arc<Pools>,
    /// By cell, see [`Problem::floors`].
    floors: Arc<Vec<f64>>,
    /// The sum of the values of all cells.
    pub total: f64,
    /// By entry.
    hidden: Vec<bool>,
    /// By cell.
    hidden_cells: Vec<bool>,
    /// Most cells of a program that looks for a proof.
    most_cells: usize,
    /// By size: the last large changes that were found, the newest first.
    bases: [VecDeque<Change>; SIZES.len()],
}

impl<'a> State<'a> {
    pub fn new(problem: &'a Problem) -> Self {
        let entries = 0..problem.entries.len();
        let hidden: Vec<bool> = entries.map(|entry| problem.is_never_shown(entry)).collect();
        let yielding = Arc::new(Yielding::of(problem));
        State {
            problem,
            ways: Arc::new(Ways::of(problem, &yielding)),
            yielding,
            pools: Arc::new(Pools::of(problem)),
            hidden_cells: problem.cells.iter().map(|cell| hidden[cell.entry]).collect(),
            hidden,
            floors: Arc::new(problem.floors()),
            total: problem.cells.iter().map(|cell| cell.value as f64).sum(),
            most_cells: NEAR_CELLS,
            bases: Default::default(),
        }
    }

    /// Remembers a change, so that others start from it, if it is a large one.
    pub fn remember(&mut self, change: &Change) {
        if let Some(size) = SIZES.iter().position(|least| change.len() >= *least) {
            self.bases[size].truncate(BASES - 1);
            self.bases[size].push_front(Arc::clone(change));
        }
    }

    /// Looks for proofs in small programs alone.
    pub fn look_nearby(&mut self) {
        self.most_cells = NEAR_CELLS;
    }

    /// Looks for proofs however large the programs get.
    pub fn look_everywhere(&mut self) {
        self.most_cells = usize::MAX;
    }

    pub fn floors(&self) -> &[f64] {
        &self.floors
    }

    pub fn is_hidden(&self, entry: usize) -> bool {
        self.hidden[entry]
    }

    pub fn is_cell_hidden(&self, cell: CellId) -> bool {
        self.hidden_cells[cell]
    }

    pub fn hide(&mut self, entry: usize) {
        self.set(entry, true);
    }

    pub fn show(&mut self, entry: usize) {
        self.set(entry, false);
    }

    fn set(&mut self, entry: usize, is_hidden: bool) {
        self.hidden[entry] = is_hidden;
        for cell in &self.problem.entries[entry] {
            self.hidden_cells[*cell] = is_hidden;
        }
    }

    /// True if the entry may be withheld for the sake of others.
    pub fn is_candidate(&self, entry: usize) -> bool {
        !self.hidden[entry] && !self.problem.is_always_shown(entry)
    }

    /// What it costs to withhold entries: the number of cells, and the sum of their values.
    pub fn price(&self, entries: &[usize]) -> (usize, u128) {
        let cells = entries.iter().map(|entry| self.problem.entries[*entry].len()).sum();
        (cells, entries.iter().map(|entry| self.problem.value_of_entry(*entry)).sum())
    }

    /// How far the cell must be able to move; `None` if it need not move.
    pub fn target(&self, cell: CellId, end: End) -> Option<f64> {
        let (low, high) = self.problem.needed(cell, &self.floors)?;
        let value = self.problem.value(cell) as f64;
        let target = match end {
            End::Low => (low - value).min(0.0),
            End::High => (high - value).max(0.0),
        };
        (target != 0.0).then_some(target)
    }

    /// True if the cell reaches the end because others that are never shown take its place.
    pub fn is_replaced(&self, cell: CellId, end: End) -> bool {
        self.target(cell, end)
            .is_some_and(|target| self.pools.take_over(self.problem, cell, target))
    }

    /// A change that takes a cell as far as that; `None` if there is none, or if it was not found nearby.
    pub fn change(&self, scratch: &mut Scratch, cell: CellId, target: f64) -> Option<Change> {
        if self.is_blocked(cell, target) {
            return None;
        }
        if let Some(change) = self.flow(scratch, cell, target) {
            return Some(change);
        }
        if self.is_impossible_with((cell, target), &[]) {
            return None;
        }
        self.flow_after_others(scratch, (cell, target))
            .or_else(|| self.change_without_flow(cell, target))
    }

    /// True if it is shown that a cell could not move as far as that even if other entries were withheld as well.
    pub fn is_impossible_with(&self, (cell, target): (CellId, f64), others: &[usize]) -> bool {
        let may_move =
            |c: CellId| self.is_cell_hidden(c) || others.contains(&self.problem.cells[c].entry);
        is_impossible(self.problem, may_move, cell, target)
    }

    /// True if a change moves only cells that nobody sees.
    pub fn holds(&self, change: &Change) -> bool {
        change.iter().all(|(cell, _)| self.is_cell_hidden(*cell))
    }

    /// A flow after one of the last large changes.
    fn flow_after_others(
        &self,
        scratch: &mut Scratch,
        (cell, target): (CellId, f64),
    ) -> Option<Change> {
        let may_move = |c: CellId| self.is_cell_hidden(c);
        let mut bases = self.bases.iter().flatten().filter(|base| self.holds(base));
        bases.find_map(|base| {
            let known = (&*self.yielding, &*self.ways, &mut *scratch);
            flow(self.problem, known, base, may_move, (cell, target))
        })
    }

    /// The same as a flow among the cells that are withheld.
    pub fn flow(&self, scratch: &mut Scratch, cell: CellId, target: f64) -> Option<Change> {
        self.flow_with(scratch, (cell, target), &[])
    }

    /// The same if other entries were withheld as well.
    pub fn flow_with(
        &self,
        scratch: &mut Scratch,
        (cell, target): (CellId, f64),
        others: &[usize],
    ) -> Option<Change> {
        let may_move =
            |c: CellId| self.is_cell_hidden(c) || others.contains(&self.problem.cells[c].entry);
        flow(self.problem, (&self.yielding, &self.ways, scratch), &[], may_move, (cell, target))
    }

    /// A change that takes a cell as far as that, where no flow does.
    pub fn change_without_flow(&self, cell: CellId, target: f64) -> Option<Change> {
        let part = |c| if self.is_cell_hidden(c) { Part::Free } else { Part::Never };
        if let Some(change) = exchange(self.problem, part, cell, target, 0) {
            return Some(change);
        }
        let may_move = |c: CellId| self.is_cell_hidden(c);
        let mut region = Region::around(self.problem, Some(&self.yielding), may_move, cell);
        loop {
            match reaching(self.problem, &region, cell, target) {
                Outcome::Reached(change) => return Some(change),
                Outcome::Short(tight) => {
                    let is_too_large = region.cells.len() > self.most_cells;
                    if is_too_large || !region.grow_by(|row| tight.contains(&row)) {
                        return None;
                    }
                }
            }
        }
    }

    /// True if the other cells of a relation cannot make up for the move of a cell, however far they go.
    pub fn is_blocked(&self, cell: CellId, target: f64) -> bool {
        self.blocked_row(cell, target).is_some()
    }

    /// The relation in which the other cells cannot make up for the move of a cell, however far they go.
    pub fn blocked_row(&self, cell: CellId, target: f64) -> Option<usize> {
        let is_blocked = |(number, times): &&(usize, f64)| {
            let row = &self.problem.rows[*number];
            let mut left = times * target - if row.is_equation { 0.0 } else { row.slack };
            if left <= 0.0 && !row.is_equation {
                return false;
            }
            for (other, of_other) in &row.terms {
                if *other == cell || !self.is_cell_hidden(*other) {
                    continue;
                }
                // cells can grow without limit
                if (-left / of_other) > 0.0 {
                    return false;
                }
                let room = self.problem.room(*other);
                let by = room * of_other.abs();
                if by >= left.abs() {
                    return false;
                }
                left -= by * left.signum();
            }
            left != 0.0
        };
        self.problem.rows_of(cell).iter().find(is_blocked).map(|(row, _)| *row)
    }
}
