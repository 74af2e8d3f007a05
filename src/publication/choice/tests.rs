use super::*;
use crate::publication::problem::Problem;
use crate::publication::{Table, Thresholds};

/// Few devices in a sum with numbers that other tables show as well; each of these has the given number of copies.
fn with_copies(copies: [usize; 2], is_first_released: bool) -> (Problem, CellId, [Vec<CellId>; 2]) {
    let mut problem = Problem::new(Thresholds::default());
    let few = problem.count("few", 7, Table::Complete);
    let mut all = [40, 80].map(|n| vec![problem.count(format!("{n}"), n, Table::Complete)]);
    for (cells, copies) in all.iter_mut().zip(copies) {
        for copy in 0..copies {
            let value = problem.value(cells[0]);
            let other = problem.count(format!("{value} again {copy}"), value, Table::Complete);
            problem.total(other, &[cells[0]]).unwrap();
            cells.push(other);
        }
    }
    if is_first_released {
        let shown = problem.released("40 as released", 40);
        problem.total(shown, &[all[0][0]]).unwrap();
    }
    let total = problem.count("total", 127, Table::Complete);
    problem.total(total, &[few, all[0][0], all[1][0]]).unwrap();
    // the sum is known, so that it is no choice
    let shown = problem.released("total as released", 127);
    problem.total(shown, &[total]).unwrap();
    (problem, few, all)
}

fn equal(problem: &Problem, cell: CellId, target: f64) -> Option<Vec<CellId>> {
    let state = State::new(problem);
    let entries = state.equal(&mut Scratch::of(problem), cell, target)?;
    Some(entries.iter().flat_map(|entry| &problem.entries[*entry]).copied().collect())
}

#[test]
fn number_is_withheld_in_all_tables_that_show_it() {
    let (problem, few, [first, _]) = with_copies([1, 1], false);
    assert_eq!(equal(&problem, few, 8.0), Some(first));
}

#[test]
fn fewer_cells_are_better_than_smaller_values() {
    let (problem, few, [_, second]) = with_copies([2, 1], false);
    assert_eq!(equal(&problem, few, -6.0), Some(second));
}

#[test]
fn number_that_was_released_is_no_choice() {
    let (problem, few, [_, second]) = with_copies([0, 2], true);
    assert_eq!(equal(&problem, few, 8.0), Some(second));
}

#[test]
fn what_is_not_enough_by_itself_is_not_chosen() {
    let (problem, few, _) = with_copies([1, 1], false);
    // 40 and 80 have at most that many devices less
    assert_eq!(equal(&problem, few, 81.0), None);
}

#[test]
fn number_that_stands_in_the_way_is_found_in_the_sum_of_relations() {
    // two sums that cells share, and few devices in one of them
    let mut problem = Problem::new(Thresholds::default());
    let [few, shared, other] =
        [7, 12, 60].map(|n| problem.count(format!("{n}"), n, Table::Complete));
    for (name, parts) in [("first", [few, shared]), ("second", [shared, other])] {
        let sum = parts.iter().map(|part| problem.value(*part)).sum();
        let total = problem.released(name, sum);
        problem.total(total, &parts).unwrap();
    }
    let state = State::new(&problem);
    // 12 is about few devices and withheld itself, and cannot grow where 60 stays
    let chosen = state.blocking(&mut Scratch::of(&problem), few, -6.0);
    assert_eq!(chosen, Some(problem.cells[other].entry));
}
