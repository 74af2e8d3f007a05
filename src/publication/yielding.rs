//! Cells that give way whatever the others do, so that linear programs about other cells can do without what they
//! are linked with.
//!
//! In a table that has rows only where there are devices, a withheld count may be zero. Where other counts only have
//! to be as large as it is, it can become so small that it never limits them. A change of the other cells that keeps
//! all other relations is then completed by a change of such cells.

use super::problem::{CellId, Problem, Row};

pub(super) struct Yielding {
    cells: Vec<bool>,
    /// By row: the cell that the row says nothing about, because all others in it give way.
    unlimited: Vec<Option<CellId>>,
}

impl Yielding {
    pub fn of(problem: &Problem) -> Self {
        let cells: Vec<bool> = (0..problem.len()).map(|cell| gives_way(problem, cell)).collect();
        let unlimited = problem.rows.iter().map(|row| {
            let gives_way = |cell: CellId| cells[cell] || is_rest(problem, cell);
            let mut others = row.terms.iter().filter(|(cell, _)| !gives_way(*cell));
            match (others.next(), others.next()) {
                (Some((cell, sign)), None) => is_whole(row, *sign).then_some(*cell),
                _ => None,
            }
        });
        let unlimited = unlimited.collect();
        Yielding { cells, unlimited }
    }

    /// True if the cell can become smaller without breaking a relation.
    pub fn gives_way(&self, cell: CellId) -> bool {
        self.cells[cell]
    }

    /// True if the relation holds whatever the value of the cell is.
    pub fn is_unlimited(&self, row: usize, cell: CellId) -> bool {
        self.unlimited[row] == Some(cell)
    }
}

/// True for a cell that is always withheld, may be zero, and is nowhere more than a part of something larger.
fn gives_way(problem: &Problem, cell: CellId) -> bool {
    let is_part = |(row, sign): &(usize, f64)| {
        let row = &problem.rows[*row];
        match row.is_equation {
            false => *sign > 0.0,
            // what is left of the whole grows
            true => row.terms.iter().any(|(other, other_sign)| {
                *other != cell && other_sign == sign && is_rest(problem, *other)
            }),
        }
    };
    let entry = problem.cells[cell].entry;
    problem.lower(cell) == 0.0
        && problem.is_in_table(cell)
        && problem.is_never_shown(entry)
        && problem.rows_of(cell).iter().all(is_part)
}

/// True for what is left of a number without others: nobody sees it, and one relation defines it.
fn is_rest(problem: &Problem, cell: CellId) -> bool {
    problem.is_difference(cell) && problem.rows_of(cell).len() == 1
}

/// True if a term with this sign is what the row compares the others with, and may be larger than they are.
fn is_whole(row: &Row, sign: f64) -> bool {
    let has_opposite_signs = row.terms.iter().filter(|(_, other)| *other == sign).count() == 1;
    has_opposite_signs && (row.is_equation || sign < 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::publication::{Table, Thresholds};

    #[test]
    fn few_devices_among_more_give_way_and_leave_the_larger_number_alone() {
        let mut problem = Problem::new(Thresholds::default());
        let whole = problem.count("whole", 40, Table::Sparse);
        let few = problem.count("few", 7, Table::Sparse);
        let many = problem.count("many", 30, Table::Sparse);
        problem.contains(whole, &[few]).unwrap();
        problem.contains(whole, &[many]).unwrap();
        let yielding = Yielding::of(&problem);
        assert!(yielding.gives_way(few) && !yielding.gives_way(many) && !yielding.gives_way(whole));
        assert!(yielding.is_unlimited(0, whole) && !yielding.is_unlimited(1, whole));
    }

    #[test]
    fn parts_of_a_sum_and_numbers_that_say_at_least_one_do_not_give_way() {
        let mut problem = Problem::new(Thresholds::default());
        let total = problem.count("total", 40, Table::Sparse);
        let parts = [7, 33].map(|n| problem.count(format!("{n}"), n, Table::Sparse));
        problem.total(total, &parts).unwrap();
        let null = problem.count("null", 3, Table::Complete);
        problem.contains(total, &[null]).unwrap();
        let yielding = Yielding::of(&problem);
        assert!([total, parts[0], parts[1], null].iter().all(|cell| !yielding.gives_way(*cell)));
    }
}
