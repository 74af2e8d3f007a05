//! A shortcut to proofs that a cell is safe, for cells that are in two sums at most: what one cell gains or loses is
//! passed on from sum to sum, as a flow in a network. The trips between places are like that, since each goes out
//! of one place and into another. What is found is checked like any change, and where nothing is found the linear
//! program decides.

use std::sync::Arc;

use hashbrown::{HashMap, HashSet};

use super::change::Change;
use super::contradiction::is_impossible;
use super::problem::{CellId, Problem};
use super::sparse::Sparse;
use super::ways::{Way, Ways};
use super::yielding::Yielding;

/// Paths by which the change of a cell is balanced at most.
const PATHS: usize = 500;
/// Paths after which it is asked whether there can be such a change at all. Most changes need fewer.
const HOPEFUL: usize = 5;
/// Ways that are looked at for a wide path. Where it takes more, several narrow ones are found sooner.
const WIDE_SEARCH: usize = 2_000;
/// Paths that may end at a cell in several other sums.
const DETOURS: usize = 40;
pub(super) const TOLERANCE: f64 = 1e-9;

/// The ways that end paths, with their directions, by the sums from which they do, and whether these have too much.
pub(super) type Arrivals = HashMap<(usize, bool), (Way, f64)>;

/// What looking for flows needs, to be used again for the next.
#[derive(Default)]
pub(super) struct Scratch {
    pub(super) moved: Sparse,
    pub(super) excess: Sparse,
    pub(super) sums: Sparse,
    pub(super) steps: Vec<Step>,
    /// By row: the last paths that led there with too little and with too much.
    pub(super) seen: Vec<[u32; 2]>,
    pub(super) arrivals: Arrivals,
    /// Number of the path.
    pub(super) number: u32,
}

impl Scratch {
    pub fn of(problem: &Problem) -> Self {
        let rows = problem.rows.len();
        Scratch {
            moved: Sparse::new(problem.len()),
            excess: Sparse::new(rows),
            sums: Sparse::new(rows),
            steps: Vec::new(),
            seen: vec![[0; 2]; rows],
            arrivals: Arrivals::new(),
            number: 0,
        }
    }
}

/// A change by which `cell` moves by `target`, and other cells that may move so that all relations hold; `None` if
/// none was found. It starts from the change `base`, by which all relations hold and only cells move that may.
pub(super) fn flow(
    problem: &Problem,
    (yielding, ways, scratch): (&Yielding, &Ways, &mut Scratch),
    base: &[(CellId, f64)],
    may_move: impl Fn(CellId) -> bool,
    (cell, target): (CellId, f64),
) -> Option<Change> {
    scratch.moved.clear();
    scratch.excess.clear();
    scratch.sums.clear();
    let mut network = Network {
        problem,
        yielding,
        ways,
        touched: HashSet::new(),
        may_move,
        start: cell,
        target,
        fixed: vec![cell],
        is_detour_allowed: false,
        scratch,
    };
    base.iter().for_each(|(moved, by)| network.start_from(*moved, *by));
    let left = target - network.change(cell);
    network.push(cell, left);
    network.follow(cell)?;
    network.balance()?;
    network.give_way()?;
    let moved = &network.scratch.moved;
    let mut moved: Vec<(CellId, f64)> =
        moved.used().iter().map(|cell| (*cell, moved.get(*cell))).collect();
    moved.retain(|(_, change)| change.abs() > TOLERANCE);
    moved.sort_unstable_by_key(|(cell, _)| *cell);
    Some(Arc::new(moved))
}

pub(super) struct Network<'a, F> {
    pub(super) problem: &'a Problem,
    pub(super) yielding: &'a Yielding,
    pub(super) ways: &'a Ways,
    /// Bundles of which cells moved.
    pub(super) touched: HashSet<usize>,
    pub(super) may_move: F,
    /// The cell that is to move.
    pub(super) start: CellId,
    /// How far it is to move.
    target: f64,
    /// Those that move with it, and no other way than they do.
    pub(super) fixed: Vec<CellId>,
    /// True if a path may end at a cell that is in several other sums. What becomes too much in these is passed on by
    /// further paths.
    pub(super) is_detour_allowed: bool,
    /// How far cells have moved, by how much the sums of equations are too large, and how far those of other relations
    /// have moved.
    pub(super) scratch: &'a mut Scratch,
}

/// A step of a path: a sum that is out of balance, and the way by which it came to be.
#[derive(Clone, Copy)]
pub(super) struct Step {
    pub row: usize,
    /// The sign of what is too much.
    pub sign: f64,
    pub before: Option<usize>,
    pub way: Way,
    pub direction: f64,
}

impl<F: Fn(CellId) -> bool> Network<'_, F> {
    /// Moves a cell as a change does by which all relations hold.
    fn start_from(&mut self, cell: CellId, change: f64) {
        self.scratch.moved.add(cell, change);
        self.touched.extend(self.ways.bundle_of(cell));
        for (row, times) in self.problem.rows_of(cell) {
            if !self.problem.rows[*row].is_equation {
                self.scratch.sums.add(*row, times * change);
            }
        }
    }

    pub(super) fn push(&mut self, cell: CellId, change: f64) {
        self.push_from(cell, change, None);
    }

    /// Moves a cell. What becomes too much in a sum of which a rest is left moves the rest, as far as it can.
    fn push_from(&mut self, cell: CellId, change: f64, from: Option<usize>) {
        self.scratch.moved.add(cell, change);
        self.touched.extend(self.ways.bundle_of(cell));
        let problem = self.problem;
        for (row, times) in problem.rows_of(cell) {
            if !problem.rows[*row].is_equation {
                self.scratch.sums.add(*row, times * change);
                continue;
            }
            if Some(*row) == from {
                continue;
            }
            let mut excess = times * change;
            let before = self.excess(*row);
            if before * excess < 0.0 {
                let both = before.abs().min(excess.abs()) * excess.signum();
                self.scratch.excess.add(*row, both);
                excess -= both;
            }
            if let Some((rest, of_rest)) = self.rest(*row, cell).filter(|_| excess != 0.0) {
                let change = -excess / of_rest;
                let room = self.room(rest, change.signum(), Some(*row));
                let change = change.signum() * change.abs().min(room);
                excess += change * of_rest;
                self.push_from(rest, change, Some(*row));
            }
            self.scratch.excess.add(*row, excess);
        }
    }

    /// What makes up for a cell in a sum: what is left there, or what is always equal to the cell.
    pub(super) fn rest(&self, row: usize, cell: CellId) -> Option<(CellId, f64)> {
        let equal = || {
            let twin = self.ways.twin(self.problem, row, cell);
            twin.filter(|(twin, _)| (self.may_move)(*twin))
        };
        let rest = self.yielding.rest_in(row).or_else(equal)?;
        (rest.0 != cell && !self.fixed.contains(&rest.0)).then_some(rest)
    }

    /// By how much the sum of an equation is too large.
    pub(super) fn excess(&self, row: usize) -> f64 {
        self.scratch.excess.get(row)
    }

    /// How far a cell can move in a direction while rests make room for it.
    pub(super) fn room(&self, cell: CellId, direction: f64, from: Option<usize>) -> f64 {
        let mut room = match direction < 0.0 {
            true => self.ways.room(cell) + self.change(cell),
            false => f64::INFINITY,
        };
        if from.is_none() {
            return room.max(0.0);
        }
        for (row, times) in self.problem.rows_of(cell).iter().filter(|(row, _)| Some(*row) != from)
        {
            if let Some((rest, of_rest)) = self.rest(*row, cell) {
                let direction = -times * direction / of_rest;
                let of_rest = self.room(rest, direction.signum(), Some(*row));
                if of_rest < room && !self.is_made_up_for(*row, *times, cell, from) {
                    room = of_rest;
                }
            }
        }
        room.max(0.0)
    }

    /// True if what a cell changes in a sum is taken back by the cell that is equal to it, and that moves first.
    fn is_made_up_for(&self, row: usize, times: f64, cell: CellId, from: Option<usize>) -> bool {
        let first = from.and_then(|from| self.ways.twin(self.problem, from, cell));
        first.is_some_and(|(first, _)| self.problem.rows[row].terms.contains(&(first, -times)))
    }

    pub(super) fn change(&self, cell: CellId) -> f64 {
        self.scratch.moved.get(cell)
    }

    /// Passes on what is too much until all equations hold.
    fn balance(&mut self) -> Option<()> {
        let mut detours = 0;
        for number in 0..PATHS {
            let is_asked = number == HOPEFUL;
            if is_asked && is_impossible(self.problem, &self.may_move, self.start, self.target) {
                return None;
            }
            let rows = self.scratch.excess.used().iter().copied();
            let broken = rows.filter(|row| self.excess(*row).abs() > TOLERANCE).min();
            let Some(row) = broken else { return Some(()) };
            let excess = self.excess(row);
            let size = excess.abs();
            let mut path = self.widest_path(row, excess);
            let is_detour = path.is_none();
            if is_detour && detours < DETOURS {
                detours += 1;
                self.is_detour_allowed = true;
                path = self.widest_path(row, excess);
                self.is_detour_allowed = false;
            }
            let path = path?;
            let room = path.iter().map(|(way, direction)| self.room_of(*way, *direction));
            let room = room.fold(f64::INFINITY, f64::min);
            let (last, direction) = path[path.len() - 1];
            let amount = size.min(room).min(self.end(last, direction));
            for (way, direction) in path {
                self.push_along(way, direction * amount);
            }
            // what took a detour does not go back
            if let (true, Way::Cell(cell)) = (is_detour, last) {
                self.fixed.push(cell);
            }
        }
        None
    }

    /// A path for what is too much in a sum. Wide ones are looked for first, so that few are needed.
    fn widest_path(&mut self, row: usize, excess: f64) -> Option<Vec<(Way, f64)>> {
        let size = excess.abs();
        let mut widths =
            [(size, WIDE_SEARCH), (size / 4.0, WIDE_SEARCH), (TOLERANCE, usize::MAX)].into_iter();
        widths.find_map(|(least, most)| self.path((row, excess.signum()), least, most))
    }

    fn push_along(&mut self, way: Way, change: f64) {
        let number = match way {
            Way::Cell(cell) => return self.push(cell, change),
            Way::Bundle(number) => number,
        };
        let ways = self.ways;
        let mut left = change;
        for cell in &ways.bundles[number].cells {
            if left == 0.0 || self.fixed.contains(cell) {
                continue;
            }
            let by = self.room(*cell, left.signum(), None).min(left.abs()) * left.signum();
            if by != 0.0 {
                self.push(*cell, by);
                left -= by;
            }
        }
    }

    /// How much of a move of the last way of a path the sum at its end can take.
    fn end(&self, way: Way, direction: f64) -> f64 {
        let mut least = f64::INFINITY;
        for (row, times) in self.rows_of(way) {
            let excess = self.excess(*row);
            if self.problem.rows[*row].is_equation && excess * times * direction < 0.0 {
                least = least.min(excess.abs());
            }
        }
        least
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::publication::change::{Outcome, reaching};
    use crate::publication::region::Region;
    use crate::publication::{Table, Thresholds};

    /// Trips of two hours from and to three places, with the sums that leave and arrive, which do not move. Each trip has
    /// a device.
    fn trips() -> (Problem, Vec<CellId>) {
        let mut problem = Problem::new(Thresholds::default());
        let values = [5, 2, 9, 1, 7, 3, 4, 12, 8, 2, 6, 1, 3, 3, 5, 10, 2, 4];
        let sums: Vec<CellId> = values
            .into_iter()
            .enumerate()
            .map(|(number, trips): (usize, u64)| {
                let devices =
                    problem.count(format!("{number:02}"), trips.div_ceil(2), Table::Sparse);
                problem.sum(format!("trips {number:02}"), trips, 1, devices).unwrap()
            })
            .collect();
        for place in 0..3 {
            let leaving = sums.iter().enumerate().filter(|(n, _)| n / 3 % 3 == place);
            let arriving = sums.iter().enumerate().filter(|(n, _)| n % 3 == place);
            let ways: [Vec<CellId>; 2] =
                [leaving.map(|(_, c)| *c).collect(), arriving.map(|(_, c)| *c).collect()];
            for (way, parts) in ways.iter().enumerate() {
                let sum = parts.iter().map(|part| problem.value(*part)).sum();
                let total = problem.released(format!("{way} {place}"), sum);
                problem.total(total, parts).unwrap();
            }
        }
        (problem, sums)
    }

    #[test]
    fn flows_keep_all_relations_and_are_found_where_there_are_some() {
        let (problem, sums) = trips();
        let yielding = Yielding::of(&problem);
        let ways = Ways::of(&problem, &yielding);
        let movable = |cell: CellId| problem.is_in_table(cell);
        let cells = sums.iter().flat_map(|sum| [*sum, sum - 1]);
        let (mut found, mut impossible) = (0, 0);
        for (cell, target) in cells.flat_map(|c| [-9.0, -2.0, 4.0, 14.0, 40.0].map(|t| (c, t))) {
            if target < -(problem.value(cell) as f64) {
                continue;
            }
            let mut region = Region::around(&problem, None, movable, cell);
            while region.grow() {}
            let is_possible =
                matches!(reaching(&problem, &region, cell, target), Outcome::Reached(_));
            let mut scratch = Scratch::of(&problem);
            let change =
                flow(&problem, (&yielding, &ways, &mut scratch), &[], movable, (cell, target));
            assert_eq!(change.is_some(), is_possible, "{} by {target}", problem.key(cell));
            let Some(change) = change else {
                impossible += 1;
                continue;
            };
            found += 1;
            let by = |cell| change.iter().find(|(c, _)| *c == cell).map_or(0.0, |(_, by)| *by);
            assert_eq!(by(cell), target);
            for row in &problem.rows {
                let sum: f64 = row.terms.iter().map(|(cell, times)| times * by(*cell)).sum();
                assert!(sum == 0.0 || !row.is_equation && sum <= row.slack, "{change:?}");
            }
            let is_there = |(cell, by): &(CellId, f64)| problem.value(*cell) as f64 + by >= 0.0;
            assert!(change.iter().all(is_there), "{change:?}");
        }
        assert!(found > 60 && impossible > 3, "{found} {impossible}");
    }
}
