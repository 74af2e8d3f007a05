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
    /// By row: what is left in an equation without the other cells, and the number by which it is multiplied there.
    rests_in: Vec<Option<(CellId, f64)>>,
}

impl Yielding {
    pub fn of(problem: &Problem) -> Self {
        let cells = 0..problem.len();
        let mut rests_in: Vec<_> =
            problem.rows.iter().map(|row| rest(row, |cell| is_rest(problem, cell))).collect();
        // a total that nobody sees is left too, where what is left of it makes up for it in all its other relations
        let is_free = |cell: CellId, in_row: usize| {
            let others = problem.rows_of(cell).iter().filter(|(row, _)| *row != in_row);
            let mut others = others.filter(|(row, _)| problem.rows[*row].is_equation);
            problem.is_difference(cell) && others.all(|(row, _)| rests_in[*row].is_some())
        };
        let totals: Vec<_> = problem
            .rows
            .iter()
            .enumerate()
            .map(|(number, row)| rest(row, |cell| is_free(cell, number)))
            .collect();
        for (known, total) in rests_in.iter_mut().zip(totals) {
            *known = known.or(total);
        }
        Yielding {
            rests_in,
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

    /// What is left in an equation without the other cells, and the number by which it is multiplied there.
    pub fn rest_in(&self, row: usize) -> Option<(CellId, f64)> {
        self.rests_in[row]
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
                *other != cell && other_sign.signum() == sign.signum() && is_rest(problem, *other)
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

/// The first cell of an equation that may be what is left in it.
fn rest(row: &Row, is_rest: impl Fn(CellId) -> bool) -> Option<(CellId, f64)> {
    let mut terms = row.terms.iter().filter(|_| row.is_equation);
    terms.find(|(cell, _)| is_rest(*cell)).copied()
}

/// The cell that a row compares with all others. In an equation, what is left of it is among these.
fn whole(problem: &Problem, row: &Row) -> Option<CellId> {
    if !row.is_equation {
        return row.single(-1.0);
    }
    let has_rest = |sign: f64| row.side(-sign).any(|(cell, _)| is_rest(problem, *cell));
    [1.0, -1.0].into_iter().find_map(|sign| row.single(sign).filter(|_| has_rest(sign)))
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
