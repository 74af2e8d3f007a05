use crate::publication::network::{Scratch, flow};
use crate::publication::problem::{CellId, Problem};
use crate::publication::ways::Ways;
use crate::publication::yielding::Yielding;
use crate::publication::{Table, Thresholds};

/// Cells that may move, and sums of them that are known.
struct Tables {
    problem: Problem,
}

impl Tables {
    fn new() -> Self {
        Tables { problem: Problem::new(Thresholds::default()) }
    }

    fn cells<const N: usize>(&mut self, values: [u64; N]) -> [CellId; N] {
        values.map(|n| {
            let key = format!("{}: {n}", self.problem.len());
            self.problem.count(key, n, Table::Sparse)
        })
    }

    fn sum(&mut self, parts: &[CellId]) {
        let sum = parts.iter().map(|part| self.problem.value(*part)).sum();
        let total = self.problem.released(format!("{parts:?}"), sum);
        self.problem.total(total, parts).unwrap();
    }

    fn moved(&self, cell: CellId, target: f64) -> Option<Vec<(CellId, f64)>> {
        let yielding = Yielding::of(&self.problem);
        let ways = Ways::of(&self.problem, &yielding);
        let mut scratch = Scratch::of(&self.problem);
        let may_move = |cell: CellId| self.problem.is_in_table(cell);
        let known = (&yielding, &ways, &mut scratch);
        Some(flow(&self.problem, known, &[], may_move, (cell, target))?.to_vec())
    }
}

#[test]
fn what_is_too_much_is_passed_on_from_sum_to_sum() {
    let mut tables = Tables::new();
    let [t, a, b, c] = tables.cells([20, 30, 5, 40]);
    tables.sum(&[t, a]);
    tables.sum(&[a, b]);
    tables.sum(&[b, c]);
    assert_eq!(tables.moved(t, -5.0), Some(vec![(t, -5.0), (a, 5.0), (b, -5.0), (c, 5.0)]));
    // 5 is all that b can lose
    assert_eq!(tables.moved(t, -6.0), None);
    assert_eq!(tables.moved(t, 30.0), Some(vec![(t, 30.0), (a, -30.0), (b, 30.0), (c, -30.0)]));
}

#[test]
fn wide_path_is_taken_before_narrow_ones() {
    for (second, expected) in [
        (10, Some(vec![(0, -5.0), (2, 5.0), (4, -5.0)])),
        (4, Some(vec![(0, -5.0), (1, 3.0), (2, 2.0), (3, -3.0), (4, -2.0)])),
        (1, None),
    ] {
        let mut tables = Tables::new();
        let [t, by_first, by_second, first, second] = tables.cells([20, 30, 31, 3, second]);
        tables.sum(&[t, by_first, by_second]);
        tables.sum(&[by_first, first]);
        tables.sum(&[by_second, second]);
        assert_eq!(tables.moved(t, -5.0), expected);
    }
}

#[test]
fn cells_of_the_same_two_sums_move_one_after_the_other() {
    let mut tables = Tables::new();
    let [t, first, second, other] = tables.cells([20, 2, 3, 40]);
    tables.sum(&[t, first, second]);
    tables.sum(&[first, second, other]);
    let expected = vec![(t, 4.0), (first, -2.0), (second, -2.0), (other, 4.0)];
    assert_eq!(tables.moved(t, 4.0), Some(expected));
    assert_eq!(tables.moved(t, 6.0), None);
}

#[test]
fn cell_of_several_other_sums_is_a_detour_that_further_paths_make_up_for() {
    for (of_third, expected) in
        [(9, Some(vec![(0, -4.0), (1, 4.0), (2, -4.0), (3, -4.0)])), (3, None)]
    {
        let mut tables = Tables::new();
        let [t, detour, second, third] = tables.cells([20, 30, 8, of_third]);
        tables.sum(&[t, detour]);
        tables.sum(&[detour, second]);
        tables.sum(&[detour, third]);
        assert_eq!(tables.moved(t, -4.0), expected);
    }
}

#[test]
fn flow_after_a_change_starts_from_what_it_moved() {
    let mut tables = Tables::new();
    let [t, a, b, c] = tables.cells([20, 30, 5, 40]);
    tables.sum(&[t, a]);
    tables.sum(&[a, b]);
    tables.sum(&[b, c]);
    let base = [(t, 6.0), (a, -6.0), (b, 6.0), (c, -6.0)];
    let yielding = Yielding::of(&tables.problem);
    let ways = Ways::of(&tables.problem, &yielding);
    let may_move = |cell: CellId| tables.problem.is_in_table(cell);
    let after = |target| {
        let mut scratch = Scratch::of(&tables.problem);
        let known = (&yielding, &ways, &mut scratch);
        Some(flow(&tables.problem, known, &base, may_move, (t, target))?.to_vec())
    };
    assert_eq!(after(6.0), Some(base.to_vec()));
    assert_eq!(after(-5.0), Some(vec![(t, -5.0), (a, 5.0), (b, -5.0), (c, 5.0)]));
    assert_eq!(after(-6.0), None);
    assert_eq!(after(40.0), None);
}
