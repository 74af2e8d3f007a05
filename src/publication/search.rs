//! The state of a search for cells to withhold: which entries are withheld, and the changes that prove that
//! primary cells are safe.

use super::change::{Change, Outcome, cheapest, reaching};
use super::exchange::{Part, exchange};
use super::network::flow;
use super::problem::{CellId, Problem};
use super::region::Region;
use super::ways::Ways;
use super::yielding::Yielding;

/// Most relations of a program that looks for something cheaper than what was found.
const FARTHER_ROWS: usize = 5_000;

/// Most cells of a program that looks for a proof, as long as something else can be withheld. What is farther away
/// hardly ever helps, and to find that it does not takes long.
const NEAR_CELLS: usize = 400;

#[derive(Debug, Clone, Copy)]
pub(super) enum End {
    Low,
    High,
}

pub(super) const ENDS: [End; 2] = [End::Low, End::High];

pub(super) struct Search<'a> {
    pub(super) problem: &'a Problem,
    pub(super) yielding: Yielding,
    pub(super) ways: Ways,
    /// By entry.
    hidden: Vec<bool>,
    /// By cell: changes that take it to the two ends of the values that must be possible.
    pub(super) proofs: Vec<[Option<Change>; 2]>,
    /// By cell, see [`Problem::floors`].
    floors: Vec<f64>,
    /// Most cells of a program that looks for a proof.
    most_cells: usize,
    /// By entry: cells with a proof in which a cell of the entry moves, or once moved.
    pub(super) users: Vec<Vec<CellId>>,
}

impl<'a> Search<'a> {
    pub fn new(problem: &'a Problem) -> Self {
        let entries = 0..problem.entries.len();
        let yielding = Yielding::of(problem);
        Search {
            problem,
            ways: Ways::of(problem, &yielding),
            yielding,
            hidden: entries.map(|entry| problem.is_never_shown(entry)).collect(),
            proofs: vec![[None, None]; problem.len()],
            floors: problem.floors(),
            most_cells: NEAR_CELLS,
            users: vec![Vec::new(); problem.entries.len()],
        }
    }

    /// Looks for proofs in small programs alone.
    pub fn look_nearby(&mut self) {
        self.most_cells = NEAR_CELLS;
    }

    /// True if a cell is safe, by proofs however large the programs get.
    pub fn is_safe_by_all(&mut self, cell: CellId) -> bool {
        self.look_everywhere();
        let is_safe = self.first_unsafe(&[cell]).is_none();
        self.look_nearby();
        is_safe
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
        self.hidden[self.problem.cells[cell].entry]
    }

    pub fn hide(&mut self, entry: usize) {
        self.hidden[entry] = true;
    }

    pub fn show(&mut self, entry: usize) {
        self.hidden[entry] = false;
    }

    /// True if the entry may be withheld for the sake of others.
    pub fn is_candidate(&self, entry: usize) -> bool {
        !self.hidden[entry] && !self.problem.is_always_shown(entry)
    }

    /// Looks for the first of some primary cells that is not safe, and for the end that cannot be reached.
    pub fn first_unsafe(&mut self, cells: &[CellId]) -> Option<(CellId, End)> {
        cells.iter().find_map(|cell| {
            ENDS.into_iter().find(|end| !self.is_reachable(*cell, *end)).map(|end| (*cell, end))
        })
    }

    /// True if published numbers leave an end of the values that must be possible for a cell. The cells
    /// around it are tried first, then those around these, and at last all that are linked.
    fn is_reachable(&mut self, cell: CellId, end: End) -> bool {
        if self.is_proven(cell, end) {
            return true;
        }
        let Some(target) = self.target(cell, end) else { return true };
        match self.change(cell, target) {
            Some(change) => self.record(cell, end, &change),
            None => return false,
        }
        true
    }

    /// A change that takes a cell as far as that; `None` if there is none, or if it was not found nearby.
    fn change(&self, cell: CellId, target: f64) -> Option<Change> {
        if self.is_blocked(cell, target) {
            return None;
        }
        let may_move = |c: CellId| self.is_cell_hidden(c);
        let part = |c| if self.is_cell_hidden(c) { Part::Free } else { Part::Never };
        let quick = flow(self.problem, (&self.yielding, &self.ways), may_move, cell, target)
            .or_else(|| exchange(self.problem, part, cell, target, 0));
        if quick.is_some() {
            return quick;
        }
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

    /// How far the cell must be able to move; `None` if it need not move.
    pub(super) fn target(&self, cell: CellId, end: End) -> Option<f64> {
        let (low, high) = self.problem.needed(cell, &self.floors)?;
        let value = self.problem.value(cell) as f64;
        let target = match end {
            End::Low => (low - value).min(0.0),
            End::High => (high - value).max(0.0),
        };
        (target != 0.0).then_some(target)
    }

    /// Entries to withhold so that the cell reaches the end; `None` if there are none.
    pub fn choose(&self, cell: CellId, end: End) -> Option<Vec<usize>> {
        let target = self.target(cell, end)?;
        let one = self.unblocking(cell, target).map(|entry| vec![entry]);
        one.or_else(|| self.single(cell, target)).or_else(|| self.several(cell, target))
    }

    /// The cheapest entry with which others can take over from the cell.
    fn single(&self, cell: CellId, target: f64) -> Option<Vec<usize>> {
        let price = |entry: usize| self.problem.value_of_entry(entry);
        let mut below = u128::MAX;
        let mut found = None;
        loop {
            let part = |c: CellId| {
                let entry = self.problem.cells[c].entry;
                match self.hidden[entry] {
                    true => Part::Free,
                    false if self.problem.is_always_shown(entry) || price(entry) >= below => {
                        Part::Never
                    }
                    false => Part::For(price(entry)),
                }
            };
            let Some(change) = exchange(self.problem, part, cell, target, 1) else { break found };
            let mut entries = change.iter().map(|(c, _)| self.problem.cells[*c].entry);
            // nothing is chosen where the cell is safe already
            let entry = entries.find(|entry| !self.hidden[*entry])?;
            below = price(entry);
            found = Some(vec![entry]);
        }
    }

    /// Entries that a linear program finds.
    fn several(&self, cell: CellId, target: f64) -> Option<Vec<usize>> {
        let total: f64 = self.problem.cells.iter().map(|c| c.value as f64).sum();
        let cost = |other: CellId| {
            let entry = self.problem.cells[other].entry;
            // the number of cells decides, and the value between equal numbers
            (!self.hidden[entry]).then(|| {
                self.problem.entries[entry]
                    .iter()
                    .map(|c| 1.0 + self.problem.value(*c) as f64 / (total + 1.0))
                    .sum()
            })
        };
        let may_move = |c: CellId| !self.problem.is_always_shown(self.problem.cells[c].entry);
        let mut region = Region::around(self.problem, Some(&self.yielding), may_move, cell);
        let mut found = None;
        loop {
            let has_grown = region.grow();
            // cells one step farther away may be cheaper, but not so much that a large program is worth it
            if found.is_some() && (!has_grown || region.rows.len() > FARTHER_ROWS) {
                break;
            }
            let change = cheapest(self.problem, &region, cell, target, cost);
            let is_last = found.is_some() || !has_grown;
            found = change.or(found);
            if is_last {
                break;
            }
        }
        let entries = found?.iter().map(|(c, _)| self.problem.cells[*c].entry).collect::<Vec<_>>();
        let mut chosen: Vec<usize> = entries.into_iter().filter(|e| !self.hidden[*e]).collect();
        chosen.sort_unstable();
        chosen.dedup();
        Some(chosen)
    }
}
