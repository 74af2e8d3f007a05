//! Which cells are withheld.

use std::fmt;

use super::audit::interval;
use super::components::components;
use super::problem::{CellId, Problem};
use super::search::{Proofs, Search};
use super::suppression::{Suppression, Withheld};

/// With up to so many entries that could be withheld, all choices are compared, unless their number times that of the
/// cells is larger than the other number.
const COMPARED: usize = 12;
const COMPARED_CELLS: usize = 1 << 20;

/// Entries that are tried at the same time. What is found does not depend on the number of threads.
const TOGETHER: usize = 16;

/// A primary cell that cannot be made safe, because what gives it away was released earlier or cannot be withheld.
#[derive(Debug, Clone, PartialEq)]
pub struct Refused {
    pub key: String,
    /// What an outsider could derive, with everything withheld that can be.
    pub low: f64,
    pub high: Option<f64>,
    pub needed: (f64, f64),
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (low, high) = self.needed;
        write!(f, "{} would be known to be at least {}", self.key, self.low)?;
        if let Some(high) = self.high {
            write!(f, " and at most {high}")?;
        }
        write!(
            f,
            ", although everything that can be withheld is; {low} to {high} must be possible. An earlier release or a \
             number that is always shown gives it away: leave out the view or the dates"
        )
    }
}

impl std::error::Error for Refused {}

/// Decides which cells are withheld: those about few devices, and as few others as are needed so that an
/// outsider cannot narrow these down. Where few cells are linked, the choice is the best by the number of
/// cells, then the sum of their values, then their keys; else it is found step by step, and no single cell of
/// it could be shown. The same problem always gives the same result.
///
/// # Errors
/// A primary cell that cannot be made safe.
pub fn suppress(problem: &Problem) -> Result<Suppression, Refused> {
    Gate::default().suppress(problem)
}

/// Decides about a problem that grows with what was decided. What was found out about safe cells is kept.
#[derive(Default)]
pub struct Gate {
    proofs: Proofs,
    /// Number of relations that these know.
    relations: usize,
}

impl Gate {
    /// Decides which cells are withheld, see [`suppress`]. Since the last time, cells and relations may have been added
    /// to the problem.
    ///
    /// # Errors
    /// A primary cell that cannot be made safe.
    pub fn suppress(&mut self, problem: &Problem) -> Result<Suppression, Refused> {
        let mut search = Search::with(problem, std::mem::take(&mut self.proofs), self.relations);
        // relations with numbers of the release
        let has_new: Vec<bool> = problem
            .rows
            .iter()
            .map(|row| row.terms.iter().any(|(cell, _)| problem.is_in_table(*cell)))
            .collect();
        for component in components(problem) {
            let cells = component.iter().flat_map(|entry| &problem.entries[*entry]);
            let mut rows = cells.clone().flat_map(|cell| problem.rows_of(*cell));
            let is_new = rows.any(|(row, _)| has_new[*row]);
            // about what no number of the release is linked with, nothing new is said
            if is_new || cells.clone().any(|cell| problem.is_in_table(*cell)) {
                protect(problem, &mut search, &component)?;
            }
        }
        let suppression = suppression(problem, &search);
        self.proofs = search.into_proofs();
        self.relations = problem.rows.len();
        Ok(suppression)
    }
}

fn suppression(problem: &Problem, search: &Search) -> Suppression {
    let withheld = |cell: CellId| {
        if !problem.is_in_table(cell) || !search.is_cell_hidden(cell) {
            return None;
        }
        let entry = problem.cells[cell].entry;
        let mut of_entry = problem.entries[entry].iter();
        match of_entry.any(|c| problem.cells[*c].primary.is_some()) {
            true => Some(Withheld::Primary),
            // a row that does not exist is not withheld
            false if problem.is_never_shown(entry) => None,
            false => Some(Withheld::Secondary),
        }
    };
    let cells = 0..problem.len();
    let hidden = cells.clone().map(|cell| search.is_cell_hidden(cell)).collect();
    Suppression::new(cells.map(withheld).collect(), hidden)
}

fn protect(problem: &Problem, search: &mut Search, component: &[usize]) -> Result<(), Refused> {
    search.state.look_nearby();
    let cells = component.iter().flat_map(|entry| &problem.entries[*entry]).copied();
    let is_audited =
        |cell: &CellId| problem.cells[*cell].primary.is_some_and(|p| p.needed.is_some());
    let mut primaries: Vec<CellId> = cells.filter(is_audited).collect();
    // there are many of these components, such as single numbers that are not published
    if primaries.is_empty() {
        return Ok(());
    }
    primaries.sort_by(|a, b| problem.key(*a).cmp(problem.key(*b)));
    search.prove(&primaries);
    if search.first_unsafe(&primaries).is_none() {
        return Ok(());
    }
    let mut candidates: Vec<usize> =
        component.iter().copied().filter(|entry| search.state.is_candidate(*entry)).collect();
    candidates.sort_by(|a, b| price(problem, *a).cmp(&price(problem, *b)));
    let cells: usize = component.iter().map(|entry| problem.entries[*entry].len()).sum();
    let is_compared = candidates.len() <= COMPARED && cells << candidates.len() <= COMPARED_CELLS;
    let is_safe = match is_compared {
        true => {
            search.state.look_everywhere();
            compare(problem, search, &primaries, &candidates)
        }
        false => {
            let is_safe = step_by_step(search, &primaries, &candidates);
            release(search, &candidates);
            is_safe
        }
    };
    if is_safe {
        return Ok(());
    }
    for entry in candidates {
        search.hide(entry);
    }
    search.state.look_everywhere();
    let Some((exposed, _)) = search.first_unsafe(&primaries) else { return Ok(()) };
    let found =
        interval(problem, |cell| search.is_cell_hidden(cell), search.state.floors(), exposed);
    let (low, high, needed) =
        found.map_or((0.0, None, (0.0, 0.0)), |found| (found.low, found.high, found.needed));
    Err(Refused { key: problem.key(exposed).to_owned(), low, high, needed })
}

/// What it costs to withhold an entry: the number of cells, the sum of their values, and the key that decides
/// between equals.
fn price(problem: &Problem, entry: usize) -> (usize, u128, &str) {
    let cells = &problem.entries[entry];
    (cells.len(), problem.value_of_entry(entry), problem.key(cells[0]))
}

/// Withholds the best of all sets of candidates with which the primary cells are safe; false if there is none.
fn compare(
    problem: &Problem,
    search: &mut Search,
    primaries: &[CellId],
    candidates: &[usize],
) -> bool {
    let members = |set: u32| {
        let numbers = 0..candidates.len();
        numbers.filter(move |number| set >> number & 1 == 1).map(|number| candidates[number])
    };
    let cost = |set: u32| {
        let prices: Vec<_> = members(set).map(|entry| price(problem, entry)).collect();
        let mut keys: Vec<&str> = prices.iter().map(|(_, _, key)| *key).collect();
        keys.sort_unstable();
        let cells: usize = prices.iter().map(|(cells, ..)| cells).sum();
        let values: u128 = prices.iter().map(|(_, values, _)| values).sum();
        (cells, values, keys)
    };
    let mut sets: Vec<u32> = (1..1 << candidates.len()).collect();
    sets.sort_by_cached_key(|set| cost(*set));
    // the cell that failed last is tried first
    let mut order = primaries.to_vec();
    for set in sets {
        for entry in members(set) {
            search.hide(entry);
        }
        let Some((cell, _)) = search.first_unsafe(&order) else { return true };
        for entry in members(set) {
            search.show(entry);
        }
        if let Some(place) = order.iter().position(|c| *c == cell) {
            order[..=place].rotate_right(1);
        }
    }
    false
}

/// Withholds candidates until the primary cells are safe, one after the other; false if that cannot be. What
/// is withheld later makes no cell less safe.
fn step_by_step(search: &mut Search, primaries: &[CellId], candidates: &[usize]) -> bool {
    primaries.iter().all(|cell| {
        while let Some((cell, end)) = search.first_unsafe(&[*cell]) {
            match search.choose(cell, end) {
                Some(chosen) if !chosen.is_empty() => {
                    chosen.into_iter().for_each(|entry| search.hide_for(cell, entry));
                }
                // what is withheld is enough, though not what is near
                Some(_) if search.is_safe_by_all(cell) => {}
                // the solver found nothing: whatever is left
                _ if candidates.iter().all(|entry| search.is_hidden(*entry)) => return false,
                _ => candidates.iter().for_each(|entry| search.hide(*entry)),
            }
        }
        true
    })
}

/// Shows candidates again that prove needless, those that cost most first. What is needed while others are
/// withheld is needed when they are shown, so that no candidate has to be tried twice.
fn release(search: &mut Search, candidates: &[usize]) {
    let candidates = candidates.iter().rev().copied();
    let hidden: Vec<usize> = candidates.filter(|entry| search.is_hidden(*entry)).collect();
    for entries in hidden.chunks(TOGETHER) {
        let found = search.without_each(entries);
        for (entry, proofs) in entries.iter().zip(found) {
            let Some(proofs) = proofs else { continue };
            search.show(*entry);
            search.take(proofs);
            // proofs need not hold where another entry has been shown since
            if search.first_unsafe(&search.users_of(*entry)).is_some() {
                search.hide(*entry);
            }
        }
    }
}

#[cfg(test)]
mod tests;
