//! Cells by the sums that they are in, so that a change is passed on without looking at each of many cells between the
//! same two sums, such as the trips between two places in all hours.

use hashbrown::HashMap;

use super::problem::{CellId, Problem};
use super::yielding::Yielding;

/// What passes a change on from a sum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Cell(CellId),
    /// Cells that nobody sees in the same two sums.
    Bundle(usize),
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
    /// By row.
    ways: Vec<Vec<Way>>,
}

impl Ways {
    pub fn of(problem: &Problem, yielding: &Yielding) -> Self {
        let mut ways = Ways {
            bundles: Vec::new(),
            bundle_of: vec![None; problem.len()],
            ways: vec![Vec::new(); problem.rows.len()],
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
                            ways.ways[a.0].push(Way::Bundle(number));
                            ways.ways[b.0].push(Way::Bundle(number));
                            number
                        });
                    let bundle = &mut ways.bundles[number];
                    bundle.cells.push(cell);
                    bundle.room += problem.value(cell) as f64 - problem.lower(cell);
                    ways.bundle_of[cell] = Some(number);
                }
                _ => rows.iter().for_each(|(row, _)| ways.ways[*row].push(Way::Cell(cell))),
            }
        }
        ways
    }

    /// What passes a change on from a sum.
    pub fn from(&self, row: usize) -> &[Way] {
        &self.ways[row]
    }

    /// The bundle of a cell.
    pub fn bundle_of(&self, cell: CellId) -> Option<usize> {
        self.bundle_of[cell]
    }
}
