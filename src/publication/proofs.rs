//! Proofs that primary cells are safe: changes that take them to the ends of the values that must be possible.

use std::sync::{Arc, Mutex, PoisonError};

use hashbrown::HashSet;

use super::change::Change;
use super::network::Scratch;
use super::parallel::on_each;
use super::problem::CellId;
use super::search::Search;
use super::state::{ENDS, End, State};

/// Cells that a thread looks at together. What is found does not depend on the number of threads.
const TOGETHER: usize = 256;

/// A proof for an end of a cell.
pub(super) type Proof = (CellId, End, Change);

/// What a thread looks for flows with. It is given back at the end.
struct Borrowed<'a> {
    scratch: Scratch,
    to: &'a Mutex<Vec<Scratch>>,
}

impl Drop for Borrowed<'_> {
    fn drop(&mut self) {
        let scratch = std::mem::take(&mut self.scratch);
        self.to.lock().unwrap_or_else(PoisonError::into_inner).push(scratch);
    }
}

impl Search<'_> {
    /// The cells whose proofs may not hold any more when the entry is shown, that for whose sake it was withheld first.
    pub fn users_of(&self, entry: usize) -> Vec<CellId> {
        let mut users = self.users[entry].clone();
        let cause = self.causes[entry];
        users.sort_unstable_by_key(|cell| (Some(*cell) != cause, *cell));
        users.dedup();
        users
    }

    /// True if a proof is known that holds with what is withheld, or if none is needed.
    pub(super) fn is_proven(&self, state: &State, cell: CellId, end: End) -> bool {
        self.proofs[cell][end as usize].as_ref().is_some_and(|change| state.holds(change))
            || (end == End::Low && state.yielding.gives_way(cell))
            || state.is_replaced(cell, end)
    }

    /// Looks for proofs that are quickly found, on all processors.
    pub fn prove(&mut self, cells: &[CellId]) {
        let parts: Vec<&[CellId]> = cells.chunks(TOGETHER).collect();
        let found = on_each(
            &parts,
            || self.borrow_scratch(),
            |borrowed, part| self.flows(&mut borrowed.scratch, part),
        );
        for (cell, end, change) in found.into_iter().flatten() {
            if self.proofs[cell][end as usize].is_none() {
                self.set(cell, end, change);
            }
        }
    }

    fn borrow_scratch(&self) -> Borrowed<'_> {
        let mut kept = self.scratches.lock().unwrap_or_else(PoisonError::into_inner);
        let scratch = kept.pop().unwrap_or_else(|| Scratch::of(self.state.problem));
        Borrowed { scratch, to: &self.scratches }
    }

    fn flows(&self, scratch: &mut Scratch, cells: &[CellId]) -> Vec<Proof> {
        let mut found: Vec<Proof> = Vec::new();
        let mut known = HashSet::new();
        let mut is_hopeful = true;
        for cell in cells {
            for end in ENDS {
                let is_known = known.contains(&(*cell, end as usize))
                    || self.is_proven(&self.state, *cell, end);
                let target = self.state.target(*cell, end).filter(|_| !is_known);
                let Some(target) = target.filter(|target| !self.state.is_blocked(*cell, *target))
                else {
                    continue;
                };
                // where there was none for the last cell, there often is none for the next either
                if !is_hopeful && self.state.is_impossible_with((*cell, target), &[]) {
                    continue;
                }
                let change = self.state.flow(scratch, *cell, target);
                is_hopeful = change.is_some();
                for proof in change.iter().flat_map(|change| self.proven_by(*cell, end, change)) {
                    if known.insert((proof.0, proof.1 as usize)) {
                        found.push(proof);
                    }
                }
            }
        }
        found
    }

    /// For each of some entries that are withheld: what proves that all cells stay safe if it alone is shown; `None` if
    /// one of them does not. On all processors.
    pub fn without_each(&self, entries: &[usize]) -> Vec<Option<Vec<Proof>>> {
        on_each(
            entries,
            || (self.state.clone(), Scratch::of(self.state.problem)),
            |(state, scratch), entry| {
                state.show(*entry);
                let proofs = self.proofs_with((state, scratch), &self.users_of(*entry));
                state.hide(*entry);
                proofs
            },
        )
    }

    /// New proofs for cells that have none that holds; `None` if there is none for one of them.
    fn proofs_with(
        &self,
        (state, scratch): (&State, &mut Scratch),
        cells: &[CellId],
    ) -> Option<Vec<Proof>> {
        let mut found: Vec<Proof> = Vec::new();
        let mut known = HashSet::new();
        for cell in cells {
            for end in ENDS {
                if known.contains(&(*cell, end as usize)) || self.is_proven(state, *cell, end) {
                    continue;
                }
                let Some(target) = state.target(*cell, end) else { continue };
                let earlier = self.earlier(state, *cell, end);
                let change = earlier.or_else(|| state.change(scratch, *cell, target))?;
                for proof in self.proven_by(*cell, end, &change) {
                    if known.insert((proof.0, proof.1 as usize)) {
                        found.push(proof);
                    }
                }
            }
        }
        Some(found)
    }

    /// Takes proofs for ends of cells that have none that holds.
    pub fn take(&mut self, proofs: Vec<Proof>) {
        for (cell, end, change) in proofs {
            if !self.is_proven(&self.state, cell, end) {
                self.set(cell, end, change);
            }
        }
    }

    /// Takes a change as a proof for a cell, and for all others that it takes to an end.
    pub(super) fn record(&mut self, cell: CellId, end: End, change: &Change) {
        self.take(self.proven_by(cell, end, change));
    }

    pub(super) fn set(&mut self, cell: CellId, end: End, change: Change) {
        for (moved, _) in change.iter() {
            self.users[self.state.problem.cells[*moved].entry].push(cell);
        }
        self.proofs[cell][end as usize] = Some(change);
    }

    /// What a change proves: that cells reach their ends which it takes there, and those that have to be at most as large
    /// as a cell which grows.
    fn proven_by(&self, cell: CellId, end: End, change: &Change) -> Vec<Proof> {
        let mut proofs = vec![(cell, end, Arc::clone(change))];
        for (moved, by) in change.iter() {
            for end in ENDS {
                let is_reached =
                    self.state.target(*moved, end).is_some_and(|target| match target > 0.0 {
                        true => *by >= target,
                        false => *by <= target,
                    });
                if is_reached {
                    proofs.push((*moved, end, Arc::clone(change)));
                }
            }
            if *by > 0.0 {
                proofs.extend(self.part_that_grows(*moved, *by, change));
            }
        }
        proofs
    }

    /// A count that can grow with the sum that it adds to, and with nothing else.
    fn part_that_grows(&self, sum: CellId, by: f64, change: &Change) -> Option<Proof> {
        self.state.problem.rows_of(sum).iter().find_map(|(number, _)| {
            let row = &self.state.problem.rows[*number];
            let (part, times) = row.side(1.0).next()?;
            let is_pair = !row.is_equation && row.terms.len() == 2 && row.single(-1.0) == Some(sum);
            if !is_pair || *times != 1.0 || self.state.problem.rows_of(*part).len() != 1 {
                return None;
            }
            let target = self.state.target(*part, End::High)?;
            if target > row.slack + by || !self.is_cell_hidden(*part) {
                return None;
            }
            let others = change.iter().filter(|(cell, _)| cell != part).copied();
            Some((*part, End::High, Arc::new(others.chain([(*part, target)]).collect())))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::publication::change::{Outcome, reaching};
    use crate::publication::pools::tests::sum_of_four;
    use crate::publication::problem::Problem;
    use crate::publication::region::Region;
    use crate::publication::{Table, Thresholds};

    #[test]
    fn where_others_that_are_never_shown_take_over_a_change_is_found() {
        let (problem, cells) = sum_of_four();
        let mut search = Search::new(&problem);
        let mut replaced = 0;
        for (cell, end) in cells.into_iter().flat_map(|cell| ENDS.map(|end| (cell, end))) {
            let target = search.state.target(cell, end).unwrap();
            if search.state.is_replaced(cell, end) {
                replaced += 1;
                assert!(search.state.change_without_flow(cell, target).is_some(), "{cell} {end:?}");
            }
        }
        assert!(replaced >= 6, "{replaced}");
        assert!(search.first_unsafe(&cells).is_none());
    }

    #[test]
    fn what_is_blocked_the_linear_program_does_not_find() {
        let mut problem = Problem::new(Thresholds::default());
        let values = [12, 20, 40, 9, 50, 60, 33, 5, 70];
        let mut cells = Vec::new();
        for (number, value) in values.into_iter().enumerate() {
            cells.push(problem.count(format!("{number}"), value, Table::Complete));
        }
        for line in 0..3 {
            let row = cells[3 * line..3 * line + 3].to_vec();
            let column = vec![cells[line], cells[line + 3], cells[line + 6]];
            for parts in [row, column] {
                let sum = parts.iter().map(|part| problem.value(*part)).sum();
                let total = problem.released(format!("{line} {sum} {}", parts[1]), sum);
                problem.total(total, &parts).unwrap();
            }
        }
        let mut search = Search::new(&problem);
        (0..problem.entries.len()).for_each(|entry| search.show(entry));
        let movable: Vec<CellId> =
            cells.iter().copied().filter(|cell| cell % 3 != 2 && *cell != cells[0]).collect();
        movable.iter().for_each(|cell| search.hide(problem.cells[*cell].entry));
        let mut blocked = 0;
        for cell in &movable {
            for target in [-40.0, -20.0, -5.0, 3.0, 6.0, 30.0, 70.0, 200.0] {
                if !search.is_blocked(*cell, target) {
                    continue;
                }
                blocked += 1;
                let mut region = Region::around(&problem, None, |c| movable.contains(&c), *cell);
                while region.grow() {}
                let outcome = reaching(&problem, &region, *cell, target);
                assert!(matches!(outcome, Outcome::Short(_)), "{cell} by {target}");
            }
        }
        // cells 1 and 3 are alone in a row or column, 4 to 7 are not
        assert!((16..40).contains(&blocked), "{blocked}");
    }
}
