//! Cells that take each other's place: those in the same relations that nobody sees, whatever is decided. What one of them
//! gains, the others lose, and no other cell notices. Tables of few devices mostly consist of such cells, of which no
//! flow has to be looked for.

use hashbrown::HashMap;

use super::problem::{CellId, Problem};

pub(super) struct Pools {
    /// By cell.
    pool_of: Vec<Option<usize>>,
    pools: Vec<Pool>,
}

/// Cells in the same relations, each times the same numbers.
#[derive(Clone, Copy, Default)]
struct Pool {
    cells: usize,
    /// How far all of them together can go down.
    room: f64,
}

impl Pools {
    pub fn of(problem: &Problem) -> Self {
        let mut pools: Vec<Pool> = Vec::new();
        let mut known: HashMap<Vec<(usize, bool)>, usize> = HashMap::new();
        let mut pool = |cell: CellId| {
            let rows = problem.rows_of(cell);
            let is_alike = |(_, times): &(usize, f64)| times.abs() == 1.0;
            let is_free = problem.is_in_table(cell)
                && !rows.is_empty()
                && rows.iter().all(is_alike)
                && problem.entries[problem.cells[cell].entry].len() == 1
                && problem.is_never_shown(problem.cells[cell].entry);
            if !is_free {
                return None;
            }
            let mut key: Vec<(usize, bool)> =
                rows.iter().map(|(row, times)| (*row, *times > 0.0)).collect();
            key.sort_unstable();
            let number = *known.entry(key).or_insert_with(|| {
                pools.push(Pool::default());
                pools.len() - 1
            });
            pools[number].cells += 1;
            pools[number].room += problem.room(cell);
            Some(number)
        };
        let pool_of = (0..problem.len()).map(&mut pool).collect();
        Pools { pool_of, pools }
    }

    /// True if the other cells of the pool of a cell can make up for its move.
    pub fn take_over(&self, problem: &Problem, cell: CellId, target: f64) -> bool {
        let Some(number) = self.pool_of[cell] else { return false };
        let Pool { cells, room: all } = self.pools[number];
        match target < 0.0 {
            // they can grow without limit
            true => cells > 1 && problem.room(cell) >= -target,
            false => all - problem.room(cell) >= target,
        }
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::publication::{Table, Thresholds};

    /// Four numbers of few devices that add up, of which the first has a limit of its own.
    pub fn sum_of_four() -> (Problem, [CellId; 4]) {
        let mut problem = Problem::new(Thresholds::default());
        let cells = [7, 9, 8, 12].map(|n| problem.count(format!("{n}"), n, Table::Sparse));
        let sum = problem.count("sum", 36, Table::Complete);
        problem.total(sum, &cells).unwrap();
        let limit = problem.count("limit", 20, Table::Complete);
        problem.at_least(limit, &[cells[0]]).unwrap();
        (problem, cells)
    }

    #[test]
    fn cells_in_the_same_sum_take_each_others_place() {
        let mut problem = Problem::new(Thresholds::default());
        let cells = [7, 4, 30].map(|n| problem.count(format!("{n}"), n, Table::Sparse));
        let sum = problem.count("sum", 41, Table::Complete);
        problem.total(sum, &cells).unwrap();
        let pools = Pools::of(&problem);
        let takes_over = |cell, target| pools.take_over(&problem, cell, target);
        // 7 can become 11 while 4 becomes 0, and no more
        assert!(takes_over(cells[0], 4.0) && !takes_over(cells[0], 5.0));
        assert!(takes_over(cells[1], 7.0) && !takes_over(cells[1], 8.0));
        assert!(takes_over(cells[0], -7.0) && !takes_over(cells[0], -8.0));
        // 30 may be shown, and the sum is in no pool
        assert!(!takes_over(cells[2], 1.0) && !takes_over(sum, -1.0));
    }

    #[test]
    fn cells_with_a_relation_of_their_own_do_not() {
        let (problem, cells) = sum_of_four();
        let pools = Pools::of(&problem);
        assert!(!pools.take_over(&problem, cells[0], -1.0));
        assert!(pools.take_over(&problem, cells[1], 6.0));
    }
}
