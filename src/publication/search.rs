//! A search for cells to withhold: what is withheld, and the changes that prove that primary cells are safe.

use std::sync::Mutex;

use hashbrown::HashSet;

use super::change::Change;
use super::network::Scratch;
use super::problem::{CellId, Problem};
use super::state::{ENDS, End, State};

/// By cell: changes that take it to the two ends of the values that must be possible.
pub(super) type Proofs = Vec<[Option<Change>; 2]>;

pub(super) struct Search<'a> {
    pub(super) state: State<'a>,
    scratch: Scratch,
    /// What threads look for flows with, since making it takes the time of all cells.
    pub(super) scratches: Mutex<Vec<Scratch>>,
    pub(super) proofs: Proofs,
    /// Those of an earlier search. They hold again when what they move is withheld again.
    earlier: Proofs,
    /// By entry: cells with a proof in which a cell of the entry moves, or once moved.
    pub(super) users: Vec<Vec<CellId>>,
    /// By entry: the cell for whose sake it was withheld.
    pub(super) causes: Vec<Option<CellId>>,
}

impl<'a> Search<'a> {
    #[cfg(test)]
    pub fn new(problem: &'a Problem) -> Self {
        Search::with(problem, Proofs::new(), 0)
    }

    /// Starts with proofs of an earlier search, of the first cells of the problem. Those that move cells of relations that
    /// were added to the first ones are forgotten.
    pub fn with(problem: &'a Problem, known: Proofs, relations: usize) -> Self {
        let added = problem.rows.iter().skip(relations).flat_map(|row| &row.terms);
        let added: HashSet<CellId> = added.map(|(cell, _)| *cell).collect();
        let entries = problem.entries.len();
        let mut search = Search {
            state: State::new(problem),
            scratch: Scratch::of(problem),
            scratches: Mutex::default(),
            proofs: vec![[None, None]; problem.len()],
            users: vec![Vec::new(); entries],
            causes: vec![None; entries],
            earlier: vec![[None, None]; problem.len()],
        };
        for (cell, ends) in known.into_iter().enumerate() {
            for (end, change) in ENDS.into_iter().zip(ends) {
                let is_kept = |change: &Change| change.iter().all(|(c, _)| !added.contains(c));
                match change.filter(is_kept) {
                    Some(change) if search.state.holds(&change) => search.set(cell, end, change),
                    other => search.earlier[cell][end as usize] = other,
                }
            }
        }
        search
    }

    pub fn into_proofs(self) -> Proofs {
        self.proofs
    }

    /// True if a cell is safe, by proofs however large the programs get.
    pub fn is_safe_by_all(&mut self, cell: CellId) -> bool {
        self.state.look_everywhere();
        let is_safe = self.first_unsafe(&[cell]).is_none();
        self.state.look_nearby();
        is_safe
    }

    pub fn is_hidden(&self, entry: usize) -> bool {
        self.state.is_hidden(entry)
    }

    pub fn is_cell_hidden(&self, cell: CellId) -> bool {
        self.state.is_cell_hidden(cell)
    }

    pub fn hide(&mut self, entry: usize) {
        self.state.hide(entry);
    }

    /// Withholds an entry for the sake of a cell.
    pub fn hide_for(&mut self, cell: CellId, entry: usize) {
        self.state.hide(entry);
        self.causes[entry] = Some(cell);
    }

    pub fn show(&mut self, entry: usize) {
        self.state.show(entry);
    }

    /// True if the other cells of a relation cannot make up for the move of a cell, however far they go.
    #[cfg(test)]
    pub fn is_blocked(&self, cell: CellId, target: f64) -> bool {
        self.state.is_blocked(cell, target)
    }

    /// Looks for the first of some primary cells that is not safe, and for the end that cannot be reached.
    pub fn first_unsafe(&mut self, cells: &[CellId]) -> Option<(CellId, End)> {
        cells.iter().find_map(|cell| {
            ENDS.into_iter().find(|end| !self.is_reachable(*cell, *end)).map(|end| (*cell, end))
        })
    }

    /// Entries to withhold so that the cell reaches the end; `None` if there are none.
    pub fn choose(&mut self, cell: CellId, end: End) -> Option<Vec<usize>> {
        self.state.choose(&mut self.scratch, cell, end)
    }

    /// True if published numbers leave an end of the values that must be possible for a cell. The cells
    /// around it are tried first, then those around these, and at last all that are linked.
    fn is_reachable(&mut self, cell: CellId, end: End) -> bool {
        if self.is_proven(&self.state, cell, end) {
            return true;
        }
        let Some(target) = self.state.target(cell, end) else { return true };
        let earlier = self.earlier(&self.state, cell, end);
        let change = earlier.or_else(|| self.state.change(&mut self.scratch, cell, target));
        let Some(change) = change else { return false };
        self.state.remember(&change);
        self.record(cell, end, &change);
        true
    }

    /// A proof of an earlier search that holds.
    pub(super) fn earlier(&self, state: &State, cell: CellId, end: End) -> Option<Change> {
        self.earlier[cell][end as usize].as_ref().filter(|change| state.holds(change)).cloned()
    }
}
