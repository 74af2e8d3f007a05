//! What is withheld in small tables, and in random ones.

use super::*;

mod history;
mod movement;
mod random;
mod sums;

fn problem() -> Problem {
    Problem::new(Thresholds::default())
}

fn counts(problem: &mut Problem, table: Table, values: &[u64]) -> Vec<CellId> {
    let first = problem.len();
    let count = |(i, n): (usize, &u64)| problem.count(format!("{:02}", first + i), *n, table);
    values.iter().enumerate().map(count).collect()
}

/// The values of the cells that are withheld, in the order of the cells. Each primary cell must be safe.
fn withheld(problem: &Problem) -> Vec<u64> {
    let suppression = suppress(problem).unwrap();
    for interval in intervals(problem, &suppression) {
        let key = problem.key(interval.cell);
        assert!(interval.is_wide_enough(), "{key} {interval:?}");
    }
    let cells = (0..problem.len()).filter(|cell| suppression.withheld(*cell).is_some());
    cells.map(|cell| problem.value(cell)).collect()
}

fn interval(problem: &Problem, cell: CellId) -> (f64, Option<f64>) {
    let suppression = suppress(problem).unwrap();
    let found = intervals(problem, &suppression).into_iter().find(|found| found.cell == cell);
    found.map(|found| (found.low, found.high)).unwrap()
}
