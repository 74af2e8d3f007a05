//! The state of a search for cells to withhold: which entries are withheld, and the changes that prove that
//! primary cells are safe.

use std::rc::Rc;

use super::change::{Change, cheapest, reaching};
use super::exchange::{Part, exchange, is_blocked};
use super::problem::{CellId, Problem};
use super::region::Region;
use super::yielding::Yielding;

/// Steps from a cell to others without which no program is tried, at most.
const MOST_STEPS: usize = 2;
/// Most relations of a program that looks for something cheaper than what was found.
const FARTHER_ROWS: usize = 5_000;

#[derive(Clone, Copy)]
pub(super) enum End {
    Low,
    High,
}

pub(super) const ENDS: [End; 2] = [End::Low, End::High];

pub(super) struct Search<'a> {
    problem: &'a Problem,
    yielding: Yielding,
    /// By entry.
    hidden: Vec<bool>,
    /// By cell: changes that take it to the two ends of the values that must be possible.
    proofs: Vec<[Option<Change>; 2]>,
    /// By cell: changes that take it far to both sides, `None` inside if there is none.
    far: Vec<[Option<Option<Change>>; 2]>,
    /// How many steps from a cell the last program went that found a change.
    steps: std::cell::Cell<usize>,
    /// By cell, see [`Problem::floors`].
    floors: Vec<f64>,
    /// By entry: cells with a proof in which a cell of the entry moves, or once moved.
    users: Vec<Vec<CellId>>,
}

impl<'a> Search<'a> {
    pub fn new(problem: &'a Problem) -> Self {
        let entries = 0..problem.entries.len();
        Search {
            problem,
            yielding: Yielding::of(problem),
            hidden: entries.map(|entry| problem.is_never_shown(entry)).collect(),
            proofs: vec![[None, None]; problem.len()],
            steps: std::cell::Cell::new(0),
            far: vec![[None, None]; problem.len()],
            floors: problem.floors(),
            users: vec![Vec::new(); problem.entries.len()],
        }
    }

    pub fn floors(&self) -> &[f64] {
        &self.floors
    }

    /// The cells whose proofs may not hold any more when the entry is shown.
    pub fn users_of(&self, entry: usize) -> Vec<CellId> {
        let mut users = self.users[entry].clone();
        users.sort_unstable();
        users.dedup();
        users
    }

    fn set_proof(&mut self, cell: CellId, end: End, change: Change) {
        for (moved, _) in change.iter() {
            self.users[self.problem.cells[*moved].entry].push(cell);
        }
        self.proofs[cell][end as usize] = Some(change);
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
        let is_proven = |change: &Change| change.iter().all(|(c, _)| self.is_cell_hidden(*c));
        if self.proofs[cell][end as usize].as_ref().is_some_and(is_proven) {
            return true;
        }
        let Some(target) = self.target(cell, end) else { return true };
        let Some(change) = self.with_whole(cell, target).or_else(|| self.reach(cell, target))
        else {
            return false;
        };
        self.record(&change);
        self.set_proof(cell, end, change);
        true
    }

    /// A change by which a withheld cell moves by the target.
    fn reach(&self, cell: CellId, target: f64) -> Option<Change> {
        let is_hidden = |c: CellId| self.is_cell_hidden(c);
        let part = |c| if is_hidden(c) { Part::Free } else { Part::Never };
        exchange(self.problem, part, cell, target, 0)
            .or_else(|| self.reach_by_program(cell, target))
    }

    /// The same by linear programs alone, which do without the cells that give way.
    fn reach_by_program(&self, cell: CellId, target: f64) -> Option<Change> {
        let is_hidden = |c: CellId| self.is_cell_hidden(c);
        if is_blocked(self.problem, is_hidden, cell, target) {
            return None;
        }
        let mut region = Region::around(self.problem, Some(&self.yielding), is_hidden, cell);
        // cells of a table are alike: what was too small for the last one is hardly ever enough
        let mut steps = 0;
        while steps < self.steps.get() && region.grow() {
            steps += 1;
        }
        loop {
            let change = reaching(self.problem, &region, cell, target);
            if change.is_some() {
                self.steps.set(steps.min(MOST_STEPS));
            }
            if change.is_some() || !region.grow() {
                return change;
            }
            steps += 1;
        }
    }

    /// The same for what is left of a number without others, which stay: it moves as far as the number does. A
    /// number has many such differences, and one change of it serves for all of them, since a part of a change
    /// is a change.
    fn with_whole(&mut self, cell: CellId, target: f64) -> Option<Change> {
        let problem = self.problem;
        let [(number, times)] = problem.rows_of(cell) else { return None };
        if !self.yielding.is_rest(cell) {
            return None;
        }
        let row = &problem.rows[*number];
        let is_whole = |other: &CellId| self.yielding.is_whole(*number, *other);
        let (whole, whole_times) = *row.terms.iter().find(|(other, _)| is_whole(other))?;
        if !self.is_cell_hidden(whole) {
            return None;
        }
        let needed = -target * times / whole_times;
        let end = if needed > 0.0 { End::High } else { End::Low };
        let change = self.farthest(whole, end)?;
        let moved = change.iter().find(|(moved, _)| *moved == whole)?.1;
        if moved.abs() < needed.abs() {
            return None;
        }
        // the parts stay, whatever moves in the relations that they are in
        let moves = |other: CellId| change.iter().any(|(moved, _)| *moved == other);
        let parts = row.terms.iter().map(|(part, _)| *part).filter(|part| *part != whole);
        let mut relations = parts.clone().flat_map(|part| problem.rows_of(part));
        let is_touched = relations.any(|(other, _)| {
            other != number && problem.rows[*other].terms.iter().any(|(c, _)| moves(*c))
        });
        if is_touched || parts.clone().any(moves) {
            return None;
        }
        let scaled = change.iter().map(|(moved_cell, by)| (*moved_cell, by * needed / moved));
        Some(Rc::new(scaled.chain([(cell, target)]).collect()))
    }

    /// A change by which a withheld cell moves as far as any primary cell has to.
    fn farthest(&mut self, cell: CellId, end: End) -> Option<Change> {
        let is_current = |change: &Option<Change>| {
            change.iter().flat_map(|change| change.iter()).all(|(c, _)| self.is_cell_hidden(*c))
        };
        if let Some(known) = self.far[cell][end as usize].as_ref().filter(|known| is_current(known))
        {
            return known.clone();
        }
        let target = match end {
            End::Low => self.problem.lower(cell) - self.problem.value(cell) as f64,
            End::High => self.problem.most_few_devices() as f64,
        };
        let found = self.reach_by_program(cell, target);
        self.far[cell][end as usize] = Some(found.clone());
        found
    }

    /// How far the cell must be able to move; `None` if it need not move.
    fn target(&self, cell: CellId, end: End) -> Option<f64> {
        let (low, high) = self.problem.needed(cell, &self.floors)?;
        let value = self.problem.value(cell) as f64;
        let target = match end {
            End::Low => (low - value).min(0.0),
            End::High => (high - value).max(0.0),
        };
        (target != 0.0).then_some(target)
    }

    /// Takes a change as a proof for all primary cells that it takes to an end.
    fn record(&mut self, change: &Change) {
        for (cell, moved) in change.iter() {
            for end in ENDS {
                let target = self.target(*cell, end);
                let is_reached = match target {
                    Some(target) if target > 0.0 => *moved >= target,
                    Some(target) => *moved <= target,
                    None => false,
                };
                if is_reached && self.proofs[*cell][end as usize].is_none() {
                    self.set_proof(*cell, end, change.clone());
                }
            }
        }
    }

    /// Entries to withhold so that the cell reaches the end; `None` if there are none.
    pub fn choose(&self, cell: CellId, end: End) -> Option<Vec<usize>> {
        let target = self.target(cell, end)?;
        self.single(cell, target).or_else(|| self.several(cell, target))
    }

    /// The cheapest entry with which others can take over from the cell.
    fn single(&self, cell: CellId, target: f64) -> Option<Vec<usize>> {
        let price = |entry: usize| -> u128 {
            self.problem.entries[entry].iter().map(|c| u128::from(self.problem.value(*c))).sum()
        };
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
