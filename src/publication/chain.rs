//! Numbers that have to be withheld together, because each of them contains the next and nothing is left between them:
//! what one of them loses, the others lose as well.

use super::network::{Scratch, TOLERANCE};
use super::problem::{CellId, Row};
use super::state::State;

/// Most numbers that are withheld together.
const LONGEST: usize = 40;

/// Most relations of the cell in question and of its neighbours at which chains begin, and most chains that are tried.
const TRIED: usize = 12;

impl State<'_> {
    /// The cheapest chain of entries with which others can take over from a cell.
    pub fn chain(&self, scratch: &mut Scratch, cell: CellId, target: f64) -> Option<Vec<usize>> {
        let mut chains: Vec<Vec<usize>> = Vec::new();
        for (row, times) in self.problem.rows_of(cell).iter().take(TRIED) {
            let row = &self.problem.rows[*row];
            if row.terms.len() > TRIED {
                continue;
            }
            for (other, of_other) in row.terms.iter().filter(|(other, _)| *other != cell) {
                let entry = self.problem.cells[*other].entry;
                if self.is_candidate(entry) {
                    chains.extend(self.chain_from(cell, (*other, -times * target / of_other)));
                }
            }
        }
        chains.sort_by_cached_key(|entries| (self.price(entries), entries.clone()));
        chains.dedup();
        let is_hopeful = |entries: &Vec<usize>| !self.is_impossible_with((cell, target), entries);
        let mut tried = chains.into_iter().filter(is_hopeful).take(TRIED);
        tried.find(|entries| self.flow_with(scratch, (cell, target), entries).is_some())
    }

    /// The entries that have to be withheld so that a shown cell can move; `None` if one of them cannot be.
    fn chain_from(&self, start: CellId, first: (CellId, f64)) -> Option<Vec<usize>> {
        let mut moved = vec![first];
        let mut next = 0;
        while next < moved.len() {
            let (cell, by) = moved[next];
            next += 1;
            for (row, times) in self.problem.rows_of(cell) {
                let is_known = |other: CellId| {
                    other == start || other != cell && moved.iter().any(|(c, _)| *c == other)
                };
                let row = &self.problem.rows[*row];
                if row.terms.iter().any(|(other, _)| is_known(*other)) {
                    continue;
                }
                let Some(left) = self.left(row, cell, times * by) else { continue };
                let shown = row.terms.iter().filter(|(other, _)| {
                    *other != cell && self.is_candidate(self.problem.cells[*other].entry)
                });
                let cheapest = shown.min_by_key(|(other, _)| {
                    (self.problem.value_of_entry(self.problem.cells[*other].entry), *other)
                });
                let (other, of_other) = cheapest?;
                moved.push((*other, -left / of_other));
                if moved.len() > LONGEST {
                    return None;
                }
            }
        }
        let entries = moved.iter().map(|(cell, _)| self.problem.cells[*cell].entry);
        let mut entries: Vec<usize> = entries.filter(|entry| !self.is_hidden(*entry)).collect();
        entries.sort_unstable();
        entries.dedup();
        Some(entries)
    }

    /// What becomes too much in a relation when a cell moves, and what those that nobody sees cannot make up for; `None`
    /// if they can.
    fn left(&self, row: &Row, cell: CellId, excess: f64) -> Option<f64> {
        let mut left = excess - if row.is_equation { 0.0 } else { row.slack };
        if !row.is_equation && left <= TOLERANCE {
            return None;
        }
        for (other, of_other) in &row.terms {
            if *other == cell || !self.is_cell_hidden(*other) {
                continue;
            }
            // cells can grow without limit
            if -left / of_other > 0.0 {
                return None;
            }
            let room = self.problem.room(*other);
            left -= (room * of_other.abs()).min(left.abs()) * left.signum();
            if left.abs() <= TOLERANCE {
                return None;
            }
        }
        Some(left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::publication::problem::Problem;
    use crate::publication::search::Search;
    use crate::publication::state::End;
    use crate::publication::{Table, Thresholds};

    #[test]
    fn numbers_between_which_nothing_is_left_are_withheld_together() {
        let mut problem = Problem::new(Thresholds::default());
        let values = [("day", 100), ("located", 98), ("hour", 98), ("trips", 60)];
        let [day, located, hour, trips] =
            values.map(|(key, devices)| problem.count(key, devices, Table::Complete));
        // 2 devices are not located
        let rest = problem.contains(day, &[located]).unwrap();
        problem.contains(located, &[hour]).unwrap();
        problem.contains(hour, &[trips]).unwrap();
        let mut search = Search::new(&problem);
        let target = search.state.target(rest, End::High).unwrap();
        assert_eq!(target, 13.0);
        let mut scratch = Scratch::of(&problem);
        let entry = |cell: CellId| problem.cells[cell].entry;
        // less are located only if less are seen, but 60 may make trips nonetheless
        let found = search.state.chain(&mut scratch, rest, target);
        assert_eq!(found, Some(vec![entry(day)]));
        search.hide(entry(day));
        search.show(entry(day));
        assert_eq!(
            search.state.chain_from(rest, (located, -13.0)),
            Some(vec![entry(located), entry(hour)])
        );
        assert_eq!(
            search.state.chain_from(rest, (located, -60.0)),
            Some(vec![entry(located), entry(hour), entry(trips)])
        );
    }
}
