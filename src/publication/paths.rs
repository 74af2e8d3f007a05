//! Paths from sum to sum, by which what is too much in one of them is passed on.

use super::network::{Arrivals, Network, Step, TOLERANCE};
use super::problem::CellId;
use super::ways::{End, Exit, Way};

/// Most ways of a sum at which paths may end that are looked at from there.
const LOOKED_BACK: usize = 5_000;

impl<F: Fn(CellId) -> bool> Network<'_, F> {
    /// The sums that a way is in, with the numbers by which it is multiplied there.
    pub(super) fn rows_of(&self, way: Way) -> &[(usize, f64)] {
        match way {
            Way::Cell(cell) => self.problem.rows_of(cell),
            Way::Bundle(number) => &self.ways.bundles[number].rows,
        }
    }

    /// True unless a way is a cell that is shown, or that moves no other way than it does.
    fn can_move(&self, way: Way) -> bool {
        match way {
            Way::Cell(cell) => (self.may_move)(cell) && !self.fixed.contains(&cell),
            Way::Bundle(_) => true,
        }
    }

    /// How far a way can move in a direction.
    pub(super) fn room_of(&self, way: Way, direction: f64) -> f64 {
        let number = match way {
            Way::Cell(_) if !self.can_move(way) => return 0.0,
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

    /// Ways with their directions that pass on what is too much in a sum, to one with too little or to a cell that is
    /// in no other sum, or if there is no such path and detours are allowed, to a cell in several other sums. Each can
    /// move by `least`. No more is looked for after `most` ways.
    pub(super) fn path(
        &mut self,
        (row, sign): (usize, f64),
        least: f64,
        most: usize,
    ) -> Option<Vec<(Way, f64)>> {
        let mut steps = std::mem::take(&mut self.scratch.steps);
        let mut seen = std::mem::take(&mut self.scratch.seen);
        let mut arrivals = std::mem::take(&mut self.scratch.arrivals);
        steps.clear();
        arrivals.clear();
        if self.scratch.number == u32::MAX {
            seen.fill([0; 2]);
            self.scratch.number = 0;
        }
        self.scratch.number += 1;
        self.look_back(row, least, &mut arrivals);
        let found = self.find_path((row, sign), (least, most), (&mut steps, &mut seen, &arrivals));
        (self.scratch.steps, self.scratch.seen) = (steps, seen);
        self.scratch.arrivals = arrivals;
        found
    }

    /// Notes the last ways of paths, those to sums that are out of balance, so that the search for a path need not come
    /// that far.
    fn look_back(&self, start: usize, least: f64, arrivals: &mut Arrivals) {
        let targets = self.scratch.excess.used().iter().copied();
        for target in targets.filter(|row| *row != start && self.excess(*row).abs() > TOLERANCE) {
            let exits = self.ways.from(target);
            if exits.len() > LOOKED_BACK {
                continue;
            }
            for Exit { way, sign, end } in exits {
                let End::Sum(other, times) = end else { continue };
                let direction = -self.excess(target).signum() * sign;
                if self.room_of(*way, direction) >= least {
                    let has_too_much = times * direction < 0.0;
                    arrivals.entry((*other, has_too_much)).or_insert((*way, direction));
                }
            }
        }
    }

    fn find_path(
        &self,
        (row, sign): (usize, f64),
        (least, most): (f64, usize),
        (steps, seen, arrivals): (&mut Vec<Step>, &mut [[u32; 2]], &Arrivals),
    ) -> Option<Vec<(Way, f64)>> {
        let number = self.scratch.number;
        let side = |sign: f64| usize::from(sign > 0.0);
        steps.push(Step { row, sign, before: None, way: Way::Cell(self.start), direction: 0.0 });
        seen[row][side(sign)] = number;
        if let Some((way, direction)) = arrivals.get(&(row, sign > 0.0)) {
            return Some(path(steps, 0, *way, *direction));
        }
        let mut detour = None;
        let (mut next, mut looked_at) = (0, 0);
        while next < steps.len() && looked_at < most {
            let Step { row, sign, .. } = steps[next];
            looked_at += self.ways.from(row).len();
            for Exit { way, sign: times, end } in self.ways.from(row) {
                let direction = -sign * times;
                // what is not worth going on with is most, and is left out before anything else is looked at
                let is_worth_it = |(other, sign): (usize, f64)| {
                    seen[other][side(sign)] != number || self.has_opposite(other, sign)
                };
                let end = match end {
                    End::Free => None,
                    End::Sum(other, times) => Some((*other, times.signum() * direction)),
                    End::Varying => {
                        if !self.can_move(*way) {
                            continue;
                        }
                        match self.other_end(*way, row, direction, least) {
                            Some(end) => end,
                            None => {
                                if detour.is_none()
                                    && self.is_detour_allowed
                                    && self.room_of(*way, direction) >= least
                                {
                                    detour = Some((next, *way, direction));
                                }
                                continue;
                            }
                        }
                    }
                };
                if !end.is_none_or(is_worth_it) || self.room_of(*way, direction) < least {
                    continue;
                }
                match end {
                    Some((other, sign)) if !self.has_opposite(other, sign) => {
                        seen[other][side(sign)] = number;
                        let before = Some(next);
                        steps.push(Step { row: other, sign, before, way: *way, direction });
                        if let Some((way, direction)) = arrivals.get(&(other, sign > 0.0)) {
                            return Some(path(steps, steps.len() - 1, *way, *direction));
                        }
                    }
                    _ => return Some(path(steps, next, *way, direction)),
                }
            }
            next += 1;
        }
        let (last, way, direction) = detour?;
        Some(path(steps, last, way, direction))
    }

    /// True if a sum has too much of what a move would take away.
    fn has_opposite(&self, row: usize, sign: f64) -> bool {
        self.excess(row) * sign < -TOLERANCE
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
mod tests;
