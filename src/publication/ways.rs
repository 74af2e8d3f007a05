//! Cells by the sums that they are in, so that a change is passed on without looking at each of many cells between the
//! same two sums, such as the trips between two places in all hours.

use hashbrown::HashMap;

use super::components::root;
use super::problem::{CellId, Problem, Row};
use super::yielding::Yielding;

/// What passes a change on from a sum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Cell(CellId),
    /// Cells that nobody sees in the same two sums.
    Bundle(usize),
}

/// Where a way leads to from a sum.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum End {
    /// Its cell is in no other sum.
    Free,
    /// Another sum, with the sign of the cell there.
    Sum(usize, f64),
    /// That depends on what makes room for it in other sums; it may be several of these.
    Varying,
}

/// A way from a sum.
#[derive(Debug, Clone, Copy)]
pub(super) struct Exit {
    pub way: Way,
    /// The sign of the cell in the sum.
    pub sign: f64,
    pub end: End,
}

/// Cells that nobody sees in the same two sums, and in no other.
#[derive(Debug)]
pub(super) struct Bundle {
    pub cells: Vec<CellId>,
    /// The two sums, and the numbers by which the cells are multiplied there.
    pub rows: [(usize, f64); 2],
    /// How far all cells together can go down.
    pub room: f64,
}

#[derive(Debug)]
pub(super) struct Ways {
    pub bundles: Vec<Bundle>,
    /// By cell.
    bundle_of: Vec<Option<usize>>,
    /// By cell: how far it can go down.
    rooms: Vec<f64>,
    /// By row.
    exits: Vec<Vec<Exit>>,
    /// By row: true where it says no more than that two cells are equal. No other such rows say so of them.
    twins: Vec<bool>,
}

impl Ways {
    pub fn of(problem: &Problem, yielding: &Yielding) -> Self {
        let twins = twins(problem);
        let mut ways = Ways {
            bundles: Vec::new(),
            bundle_of: vec![None; problem.len()],
            rooms: (0..problem.len()).map(|cell| problem.room(cell)).collect(),
            exits: vec![Vec::new(); problem.rows.len()],
            twins: Vec::new(),
        };
        let mut known: HashMap<(usize, bool, usize, bool), usize> = HashMap::new();
        for cell in 0..problem.len() {
            let rows: Vec<(usize, f64)> = problem
                .rows_of(cell)
                .iter()
                .filter(|(row, _)| problem.rows[*row].is_equation)
                .copied()
                .collect();
            let can_be_bundled = |(row, times): &(usize, f64)| {
                times.abs() == 1.0 && yielding.rest_in(*row).is_none()
            };
            let is_hidden = problem.is_never_shown(problem.cells[cell].entry);
            match rows[..] {
                [a, b] if is_hidden && rows.iter().all(can_be_bundled) => {
                    let number =
                        *known.entry((a.0, a.1 > 0.0, b.0, b.1 > 0.0)).or_insert_with(|| {
                            let number = ways.bundles.len();
                            ways.bundles.push(Bundle {
                                cells: Vec::new(),
                                rows: [a, b],
                                room: 0.0,
                            });
                            for ((row, sign), other) in [(a, b), (b, a)] {
                                let (way, end) = (Way::Bundle(number), End::Sum(other.0, other.1));
                                ways.exits[row].push(Exit { way, sign, end });
                            }
                            number
                        });
                    let bundle = &mut ways.bundles[number];
                    bundle.cells.push(cell);
                    bundle.room += ways.rooms[cell];
                    ways.bundle_of[cell] = Some(number);
                }
                _ => {
                    for (row, times) in &rows {
                        let varies = |other: usize| {
                            twins[other]
                                || yielding.rest_in(other).is_some_and(|(rest, _)| rest != cell)
                        };
                        let end = end(varies, *row, &rows);
                        let (way, sign) = (Way::Cell(cell), times.signum());
                        ways.exits[*row].push(Exit { way, sign, end });
                    }
                }
            }
        }
        Ways { twins, ..ways }
    }

    /// What passes a change on from a sum.
    pub fn from(&self, row: usize) -> &[Exit] {
        &self.exits[row]
    }

    /// The bundle of a cell.
    pub fn bundle_of(&self, cell: CellId) -> Option<usize> {
        self.bundle_of[cell]
    }

    /// The cell that a relation says to be equal to another, with the number by which it is multiplied there.
    pub fn twin(&self, problem: &Problem, row: usize, cell: CellId) -> Option<(CellId, f64)> {
        if !self.twins[row] {
            return None;
        }
        problem.rows[row].terms.iter().find(|(other, _)| *other != cell).copied()
    }

    /// The cells that are always equal to a cell, itself included.
    pub fn equal(&self, problem: &Problem, cell: CellId) -> Vec<CellId> {
        let mut equal = vec![cell];
        let mut next = 0;
        while next < equal.len() {
            for (row, _) in problem.rows_of(equal[next]) {
                let twin = self.twin(problem, *row, equal[next]);
                equal.extend(twin.map(|(twin, _)| twin).filter(|twin| !equal.contains(twin)));
            }
            next += 1;
        }
        equal
    }

    /// How far a cell can go down.
    pub fn room(&self, cell: CellId) -> f64 {
        self.rooms[cell]
    }
}

/// Where a cell leads to from one of the sums that it is in.
fn end(varies: impl Fn(usize) -> bool, row: usize, rows: &[(usize, f64)]) -> End {
    let mut others = rows.iter().filter(|(other, _)| *other != row);
    if others.clone().any(|(other, _)| varies(*other)) {
        return End::Varying;
    }
    match (others.next(), others.next()) {
        (None, _) => End::Free,
        (Some((other, times)), None) => End::Sum(*other, times.signum()),
        _ => End::Varying,
    }
}

/// By row: true where two cells are equal, unless others say so already.
fn twins(problem: &Problem) -> Vec<bool> {
    let mut parents: Vec<CellId> = (0..problem.len()).collect();
    let is_twin = |row: &Row| match row.terms[..] {
        [(a, of_a), (b, of_b)] if row.is_equation && of_a == -of_b => {
            let (a, b) = (root(&mut parents, a), root(&mut parents, b));
            parents[a.max(b)] = a.min(b);
            a != b
        }
        _ => false,
    };
    problem.rows.iter().map(is_twin).collect()
}
