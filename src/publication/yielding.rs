//! Cells that give way whatever the others do, so that linear programs about other cells can do without what they
//! are linked with.
//!
//! In a table that has rows only where there are devices, a withheld count may be zero. Where other counts only have
//! to be as large as it is, it can become so small that it never limits them. A change of the other cells that keeps
//! all other relations is then completed by a change of such cells.

use super::problem::{CellId, Problem, Row};

pub(super) struct Yielding {
    cells: Vec<bool>,
    rests: Vec<bool>,
    /// By row: the cell that is at least as large as all others in it together.
    wholes: Vec<Option<CellId>>,
}

impl Yielding {
    pub fn of(problem: &Problem) -> Self {
        let cells = 0..problem.len();
        Yielding {
            cells: cells.clone().map(|cell| gives_way(problem, cell)).collect(),
            rests: cells.map(|cell| is_rest(problem, cell)).collect(),
            wholes: problem.rows.iter().map(|row| whole(problem, row)).collect(),
        }
    }

    /// True if the cell can become smaller without breaking a relation.
    pub fn gives_way(&self, cell: CellId) -> bool {
        self.cells[cell]
    }

    /// True for what is left of a number without others: nobody sees it, and one relation defines it.
    pub fn is_rest(&self, cell: CellId) -> bool {
        self.rests[cell]
    }

    /// True if a relation says that the cell is at least as large as all others in it together.
    pub fn is_whole(&self, row: usize, cell: CellId) -> bool {
        self.wholes[row] == Some(cell)
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

fn is_rest(problem: &Problem, cell: CellId) -> bool {
    problem.is_difference(cell) && problem.rows_of(cell).len() == 1
}

/// The cell that a row compares with all others. In an equation, what is left of it is among these.
fn whole(problem: &Problem, row: &Row) -> Option<CellId> {
    let of_sign = |sign: f64| row.terms.iter().filter(move |(_, s)| *s == sign);
    let single = |sign: f64| match (of_sign(sign).next(), of_sign(sign).nth(1)) {
        (Some((cell, _)), None) => Some(*cell),
        _ => None,
    };
    if !row.is_equation {
        return single(-1.0);
    }
    let has_rest = |sign: f64| of_sign(-sign).any(|(cell, _)| is_rest(problem, *cell));
    [1.0, -1.0].into_iter().find_map(|sign| single(sign).filter(|_| has_rest(sign)))
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::publication::{Table, Thresholds};

    /// A number with two others in it, few devices and many.
    pub fn number_with_two_others() -> (Problem, [CellId; 3]) {
        let mut problem = Problem::new(Thresholds::default());
        let [whole, few, many] = [("whole", 40), ("few", 7), ("many", 30)]
            .map(|(key, devices)| problem.count(key, devices, Table::Sparse));
        problem.contains(whole, &[few]).unwrap();
        problem.contains(whole, &[many]).unwrap();
        (problem, [whole, few, many])
    }

    #[test]
    fn few_devices_among_more_give_way_and_leave_the_larger_number_alone() {
        let (problem, [whole, few, many]) = number_with_two_others();
        let yielding = Yielding::of(&problem);
        assert!(yielding.gives_way(few) && !yielding.gives_way(many) && !yielding.gives_way(whole));
        assert!(yielding.is_whole(0, whole) && yielding.is_whole(1, whole));
        assert!(!yielding.is_whole(0, few));
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
