//! A shortcut to proofs that a cell is safe, for cells that are in two sums at most: what one cell gains or loses is
//! passed on from sum to sum, as a flow in a network. The trips between places are like that, since each goes out
//! of one place and into another. What is found is checked like any change, and where nothing is found the linear
//! program decides.

use std::collections::BTreeMap;
use std::sync::Arc;

use hashbrown::{HashMap, HashSet};

use super::change::Change;
use super::problem::{CellId, Problem};
use super::ways::{Way, Ways};
use super::yielding::Yielding;

/// Paths by which the change of a cell is balanced at most.
const PATHS: usize = 500;
const TOLERANCE: f64 = 1e-9;

/// A change by which `cell` moves by `target`, and other cells that may move so that all relations hold; `None` if
/// none was found.
pub(super) fn flow(
    problem: &Problem,
    (yielding, ways): (&Yielding, &Ways),
    may_move: impl Fn(CellId) -> bool,
    cell: CellId,
    target: f64,
) -> Option<Change> {
    let mut network = Network {
        problem,
        yielding,
        ways,
        touched: HashSet::new(),
        may_move,
        start: cell,
        fixed: vec![cell],
        moved: HashMap::new(),
        excess: BTreeMap::new(),
    };
    network.push(cell, target);
    network.follow(cell)?;
    network.balance()?;
    network.give_way()?;
    let mut moved: Vec<(CellId, f64)> = network.moved.into_iter().collect();
    moved.retain(|(_, change)| change.abs() > TOLERANCE);
    moved.sort_unstable_by_key(|(cell, _)| *cell);
    Some(Arc::new(moved))
}

struct Network<'a, F> {
    problem: &'a Problem,
    yielding: &'a Yielding,
    ways: &'a Ways,
    /// Bundles of which cells moved.
    touched: HashSet<usize>,
    may_move: F,
    /// The cell that is to move.
    start: CellId,
    /// Those that move with it, and no other way than they do.
    fixed: Vec<CellId>,
    moved: HashMap<CellId, f64>,
    /// By how much the sums of equations are too large.
    excess: BTreeMap<usize, f64>,
}

/// A step of a path: a sum that is out of balance, and the cell by which it came to be.
struct Step {
    row: usize,
    /// The sign of what is too much.
    sign: f64,
    before: Option<usize>,
    way: Way,
    direction: f64,
}

impl<F: Fn(CellId) -> bool> Network<'_, F> {
    fn push(&mut self, cell: CellId, change: f64) {
        self.push_from(cell, change, None);
    }

    /// Moves a cell. What becomes too much in a sum of which a rest is left moves the rest, as far as it can.
    fn push_from(&mut self, cell: CellId, change: f64, from: Option<usize>) {
        *self.moved.entry(cell).or_default() += change;
        self.touched.extend(self.ways.bundle_of(cell));
        let problem = self.problem;
        for (row, times) in problem.rows_of(cell) {
            if !problem.rows[*row].is_equation || Some(*row) == from {
                continue;
            }
            let mut excess = times * change;
            let before = self.excess.entry(*row).or_default();
            if *before * excess < 0.0 {
                let both = before.abs().min(excess.abs()) * excess.signum();
                *before += both;
                excess -= both;
            }
            if let Some((rest, of_rest)) = self.rest(*row, cell).filter(|_| excess != 0.0) {
                let change = -excess / of_rest;
                let room = self.room(rest, change.signum(), Some(*row));
                let change = change.signum() * change.abs().min(room);
                excess += change * of_rest;
                self.push_from(rest, change, Some(*row));
            }
            *self.excess.entry(*row).or_default() += excess;
        }
    }

    /// What is left in a sum, for cells other than itself.
    fn rest(&self, row: usize, cell: CellId) -> Option<(CellId, f64)> {
        let rest = self.yielding.rest_in(row)?;
        (rest.0 != cell && !self.fixed.contains(&rest.0)).then_some(rest)
    }

    /// How far a cell can move in a direction while rests make room for it.
    fn room(&self, cell: CellId, direction: f64, from: Option<usize>) -> f64 {
        let mut room = match direction < 0.0 {
            true => self.problem.value(cell) as f64 - self.problem.lower(cell) + self.change(cell),
            false => f64::INFINITY,
        };
        if from.is_none() {
            return room.max(0.0);
        }
        for (row, times) in self.problem.rows_of(cell).iter().filter(|(row, _)| Some(*row) != from)
        {
            if let Some((rest, of_rest)) = self.rest(*row, cell) {
                let direction = -times * direction / of_rest;
                room = room.min(self.room(rest, direction.signum(), Some(*row)));
            }
        }
        room.max(0.0)
    }

    fn change(&self, cell: CellId) -> f64 {
        self.moved.get(&cell).copied().unwrap_or_default()
    }

    /// By how much the sum of a relation that is no equation is too large.
    fn too_much(&self, row: usize) -> f64 {
        let row = &self.problem.rows[row];
        let sum: f64 = row.terms.iter().map(|(cell, times)| times * self.change(*cell)).sum();
        sum - row.slack
    }

    /// Moves what has to be at least as large as the cell.
    fn follow(&mut self, cell: CellId) -> Option<()> {
        for (number, _) in self.problem.rows_of(cell) {
            let row = &self.problem.rows[*number];
            let excess = if row.is_equation { 0.0 } else { self.too_much(*number) };
            if excess > TOLERANCE && row.single(-1.0) != Some(cell) {
                let whole = row.single(-1.0)?;
                if !(self.may_move)(whole) {
                    return None;
                }
                self.push(whole, excess);
                self.fixed.push(whole);
            }
        }
        Some(())
    }

    /// Passes on what is too much until all equations hold.
    fn balance(&mut self) -> Option<()> {
        for _ in 0..PATHS {
            let broken = self.excess.iter().find(|(_, excess)| excess.abs() > TOLERANCE);
            let Some((row, excess)) = broken.map(|(row, excess)| (*row, *excess)) else {
                return Some(());
            };
            // wide paths first, so that few are needed
            let size = excess.abs();
            let path = [size, size / 4.0, TOLERANCE]
                .into_iter()
                .find_map(|least| self.path(row, excess.signum(), least))?;
            let room = path.iter().map(|(way, direction)| self.room_of(*way, *direction));
            let room = room.fold(f64::INFINITY, f64::min);
            let (last, direction) = path[path.len() - 1];
            let amount = size.min(room).min(self.end(last, direction));
            for (way, direction) in path {
                self.push_along(way, direction * amount);
            }
        }
        None
    }

    /// The sums that a way is in, with the numbers by which it is multiplied there.
    fn rows_of(&self, way: Way) -> &[(usize, f64)] {
        match way {
            Way::Cell(cell) => self.problem.rows_of(cell),
            Way::Bundle(number) => &self.ways.bundles[number].rows,
        }
    }

    /// How far a way can move in a direction.
    fn room_of(&self, way: Way, direction: f64) -> f64 {
        let number = match way {
            Way::Cell(cell) if self.fixed.contains(&cell) || !(self.may_move)(cell) => return 0.0,
            Way::Cell(cell) => return self.room(cell, direction, None),
            Way::Bundle(number) => number,
        };
        let bundle = &self.ways.bundles[number];
        match (self.touched.contains(&number), direction < 0.0) {
            (false, true) => bundle.room,
            (false, false) => f64::INFINITY,
            (true, _) => {
                let cells = bundle.cells.iter().filter(|cell| !self.fixed.contains(cell));
                cells.map(|cell| self.room(*cell, direction, None)).sum()
            }
        }
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
            let excess = self.excess.get(row).copied().unwrap_or_default();
            if self.problem.rows[*row].is_equation && excess * times * direction < 0.0 {
                least = least.min(excess.abs());
            }
        }
        least
    }

    /// Ways with their directions that pass on what is too much in a sum, to one with too little or to a cell that is
    /// in no other sum. Each can move by `least`.
    fn path(&self, row: usize, sign: f64, least: f64) -> Option<Vec<(Way, f64)>> {
        let first = Step { row, sign, before: None, way: Way::Cell(self.start), direction: 0.0 };
        let mut steps = vec![first];
        let mut seen: HashSet<(usize, bool)> = HashSet::new();
        seen.insert((row, sign > 0.0));
        let mut next = 0;
        while next < steps.len() {
            let Step { row, sign, .. } = steps[next];
            for way in self.ways.from(row) {
                let own = self.rows_of(*way).iter().find(|(own, _)| *own == row);
                let Some((_, times)) = own else { continue };
                let direction = -sign * times.signum();
                // where it leads to, unless it leads to several sums
                let Some(end) = self.other_end(*way, row, direction, least) else { continue };
                let leads_on = end.is_none_or(|(other, sign)| {
                    self.has_opposite(other, sign) || !seen.contains(&(other, sign > 0.0))
                });
                if !leads_on || self.room_of(*way, direction) < least {
                    continue;
                }
                match end {
                    Some((other, sign)) if !self.has_opposite(other, sign) => {
                        seen.insert((other, sign > 0.0));
                        let before = Some(next);
                        steps.push(Step { row: other, sign, before, way: *way, direction });
                    }
                    _ => return Some(path(&steps, next, *way, direction)),
                }
            }
            next += 1;
        }
        None
    }

    /// True if a sum has too much of what a move would take away.
    fn has_opposite(&self, row: usize, sign: f64) -> bool {
        self.excess.get(&row).is_some_and(|excess| excess * sign < -TOLERANCE)
    }

    /// The other sum that a way changes, with the sign of the change, if there is one; nothing if there are several.
    /// Rests make room for changes in sums that have one.
    fn other_end(
        &self,
        way: Way,
        row: usize,
        direction: f64,
        least: f64,
    ) -> Option<Option<(usize, f64)>> {
        let mut others = self.rows_of(way).iter().filter(|(other, times)| {
            let Way::Cell(cell) = way else { return *other != row };
            *other != row
                && self.problem.rows[*other].is_equation
                && !self.rest(*other, cell).is_some_and(|(rest, of_rest)| {
                    let direction = -times * direction / of_rest;
                    self.room(rest, direction.signum(), Some(*other)) >= least
                })
        });
        let other = others.next().map(|(other, times)| (*other, times.signum() * direction));
        others.next().is_none().then_some(other)
    }

    /// Makes cells smaller that have to be at most as large as others, and checks all relations.
    fn give_way(&mut self) -> Option<()> {
        let mut moved: Vec<CellId> = self.moved.keys().copied().collect();
        moved.sort_unstable();
        for cell in moved {
            for (number, _) in self.problem.rows_of(cell) {
                let row = &self.problem.rows[*number];
                if row.is_equation {
                    continue;
                }
                let mut excess = self.too_much(*number);
                for (part, times) in row.side(1.0) {
                    let is_alone = self.problem.rows_of(*part).len() == 1;
                    if excess > TOLERANCE && is_alone && (self.may_move)(*part) {
                        let by = (excess / times).min(self.room(*part, -1.0, None));
                        if *part != self.start && by > 0.0 {
                            self.push(*part, -by);
                            excess -= by * times;
                        }
                    }
                }
                if excess > TOLERANCE {
                    return None;
                }
            }
        }
        let is_possible = |(cell, change): (&CellId, &f64)| {
            let value = self.problem.value(*cell) as f64 + change;
            let is_allowed = *cell == self.start || (self.may_move)(*cell);
            is_allowed && value >= self.problem.lower(*cell) - TOLERANCE
        };
        let holds = self.excess.values().all(|excess| excess.abs() <= TOLERANCE);
        (holds && self.moved.iter().all(is_possible)).then_some(())
    }
}

fn path(steps: &[Step], last: usize, way: Way, direction: f64) -> Vec<(Way, f64)> {
    let mut path = vec![(way, direction)];
    let mut step = &steps[last];
    while let Some(before) = step.before {
        path.push((step.way, step.direction));
        step = &steps[before];
    }
    path.reverse();
    path
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
            let change = flow(&problem, (&yielding, &ways), movable, cell, target);
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
