//! What is withheld next for the sake of a cell that is not safe.

use super::change::cheapest;
use super::contradiction::blocking;
use super::exchange::{Part, exchange};
use super::network::Scratch;
use super::problem::CellId;
use super::region::Region;
use super::state::{End, State};

/// Most relations of a program that looks for something cheaper than what was found.
const FARTHER_ROWS: usize = 5_000;

/// Entries that are tried to help a cell.
const TRIED: usize = 12;

/// Most cells of a relation, and most relations of a cell, among whose neighbours entries are looked for.
const BESIDE: usize = 100;

impl State<'_> {
    /// Entries to withhold so that the cell reaches the end; `None` if there are none.
    pub fn choose(&self, scratch: &mut Scratch, cell: CellId, end: End) -> Option<Vec<usize>> {
        let target = self.target(cell, end)?;
        let one = self.unblocking(scratch, cell, target).map(|entry| vec![entry]);
        one.or_else(|| self.single(cell, target))
            .or_else(|| self.equal(scratch, cell, target))
            .or_else(|| self.blocking(scratch, cell, target).map(|entry| vec![entry]))
            .or_else(|| self.chain(scratch, cell, target))
            .or_else(|| self.several(cell, target))
    }

    /// The cheapest entry that has to be withheld, and with which others can take over from the cell: one in a relation
    /// in which they cannot otherwise.
    fn unblocking(&self, scratch: &mut Scratch, cell: CellId, target: f64) -> Option<usize> {
        let row = &self.problem.rows[self.blocked_row(cell, target)?];
        let entries = row.terms.iter().map(|(cell, _)| self.problem.cells[*cell].entry);
        self.cheapest_that_helps(scratch, (cell, target), entries)
    }

    /// The cheapest entry without which it is shown that the cell cannot move, and with which others can take over.
    fn blocking(&self, scratch: &mut Scratch, cell: CellId, target: f64) -> Option<usize> {
        let may_move = |c: CellId| self.is_cell_hidden(c);
        let cells = blocking(self.problem, may_move, cell, target)?;
        let entries = cells.into_iter().map(|cell| self.problem.cells[cell].entry);
        self.cheapest_that_helps(scratch, (cell, target), entries)
    }

    /// The cheapest of some entries with which others can take over from the cell.
    fn cheapest_that_helps(
        &self,
        scratch: &mut Scratch,
        (cell, target): (CellId, f64),
        entries: impl Iterator<Item = usize>,
    ) -> Option<usize> {
        let price = |entry: &usize| -> (usize, u128, usize) {
            let cells = self.problem.entries[*entry].len();
            (cells, self.problem.value_of_entry(*entry), *entry)
        };
        let mut entries: Vec<usize> = entries.filter(|entry| self.is_candidate(*entry)).collect();
        entries.sort_unstable_by_key(price);
        entries.dedup();
        let is_hopeful = |entry: &usize| !self.is_impossible_with((cell, target), &[*entry]);
        let mut tried = entries.into_iter().filter(is_hopeful).take(TRIED);
        tried.find(|entry| self.flow_with(scratch, (cell, target), &[*entry]).is_some())
    }

    /// The cheapest entries with one and the same number, near the cell, with which others can take over from it. Some
    /// tables show a number that others show too, and nothing is gained by withholding it in one of them.
    fn equal(&self, scratch: &mut Scratch, cell: CellId, target: f64) -> Option<Vec<usize>> {
        let beside = |cell: CellId| {
            let rows = self.problem.rows_of(cell).iter().map(|(row, _)| &self.problem.rows[*row]);
            let rows = rows.filter(|row| row.terms.len() <= BESIDE);
            rows.flat_map(|row| &row.terms).map(|(other, _)| *other)
        };
        let is_near = |c: &CellId| self.problem.rows_of(*c).len() <= BESIDE;
        let (hidden, mut others): (Vec<CellId>, Vec<CellId>) =
            beside(cell).partition(|c| self.is_cell_hidden(*c));
        let farther = hidden.into_iter().filter(is_near).flat_map(beside);
        others.extend(farther.filter(|c| !self.is_cell_hidden(*c)));
        others.sort_unstable();
        others.dedup();
        let mut sets: Vec<Vec<usize>> = others
            .into_iter()
            .filter_map(|other| {
                let equal = self.ways.equal(self.problem, other);
                let entries = equal.into_iter().map(|c| self.problem.cells[c].entry);
                let mut entries: Vec<usize> = entries.filter(|e| !self.is_hidden(*e)).collect();
                entries.sort_unstable();
                entries.dedup();
                let can_be_withheld = entries.iter().all(|entry| self.is_candidate(*entry));
                can_be_withheld.then_some(entries)
            })
            .collect();
        sets.sort_by_cached_key(|entries| (self.price(entries), entries.clone()));
        sets.dedup();
        let is_hopeful = |entries: &Vec<usize>| !self.is_impossible_with((cell, target), entries);
        let mut tried = sets.into_iter().take(TRIED).filter(is_hopeful);
        tried.find(|entries| self.flow_with(scratch, (cell, target), entries).is_some())
    }

    /// The cheapest entry with which others can take over from the cell.
    fn single(&self, cell: CellId, target: f64) -> Option<Vec<usize>> {
        let price = |entry: usize| self.problem.value_of_entry(entry);
        let mut below = u128::MAX;
        let mut found = None;
        loop {
            let part = |c: CellId| {
                let entry = self.problem.cells[c].entry;
                match self.is_hidden(entry) {
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
            let entry = entries.find(|entry| !self.is_hidden(*entry))?;
            below = price(entry);
            found = Some(vec![entry]);
        }
    }

    /// Entries that a linear program finds.
    fn several(&self, cell: CellId, target: f64) -> Option<Vec<usize>> {
        let cost = |other: CellId| {
            let entry = self.problem.cells[other].entry;
            // the number of cells decides, and the value between equal numbers
            (!self.is_hidden(entry)).then(|| {
                self.problem.entries[entry]
                    .iter()
                    .map(|c| 1.0 + self.problem.value(*c) as f64 / (self.total + 1.0))
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
        let mut chosen: Vec<usize> = entries.into_iter().filter(|e| !self.is_hidden(*e)).collect();
        chosen.sort_unstable();
        chosen.dedup();
        Some(chosen)
    }
}

#[cfg(test)]
mod tests;
