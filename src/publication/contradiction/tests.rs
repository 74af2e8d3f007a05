use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::publication::change::{Outcome, reaching};
use crate::publication::region::Region;
use crate::publication::{Table, Thresholds};

fn counts(problem: &mut Problem, values: &[u64]) -> Vec<CellId> {
    let first = problem.len();
    let count = |(i, n): (usize, &u64)| problem.count(format!("{}", first + i), *n, Table::Sparse);
    values.iter().enumerate().map(count).collect()
}

/// Devices of two homes by date, with sums by date, and residents that contain them.
fn homes() -> (Problem, [CellId; 2], Vec<CellId>) {
    let mut problem = Problem::new(Thresholds::default());
    let residents = [20, 31].map(|n| problem.count(format!("residents {n}"), n, Table::Sparse));
    let devices = counts(&mut problem, &[18, 30, 20, 29]);
    for date in 0..2 {
        let of_date = [devices[2 * date], devices[2 * date + 1]];
        let sum = of_date.iter().map(|cell| problem.value(*cell)).sum();
        let total = problem.released(format!("date {date}"), sum);
        problem.total(total, &of_date).unwrap();
        for (home, cell) in of_date.into_iter().enumerate() {
            problem.contains(residents[home], &[cell]).unwrap();
        }
    }
    (problem, residents, devices)
}

#[test]
fn move_is_impossible_where_the_others_have_too_little_room() {
    let (problem, residents, devices) = homes();
    let is_shown =
        |cell: CellId| residents.contains(&cell) || problem.key(cell).starts_with("date");
    let impossible =
        |cell: CellId, target: f64| is_impossible(&problem, |c| !is_shown(c), cell, target);
    // the other home has 31 residents, of whom 30 are counted on the first date
    assert!(!impossible(devices[0], -1.0));
    assert!(impossible(devices[0], -2.0));
    // of the first home, 2 of the residents are not
    assert!(!impossible(devices[1], -2.0));
    assert!(impossible(devices[1], -3.0));
}

#[test]
fn what_blocks_a_move_are_the_shown_numbers_that_could_make_up_for_it() {
    let (problem, residents, devices) = homes();
    let dates: Vec<CellId> =
        (0..problem.len()).filter(|c| problem.key(*c).starts_with("date")).collect();
    let is_shown = |cell: CellId| residents.contains(&cell) || dates.contains(&cell);
    let blocking = blocking(&problem, |c| !is_shown(c), devices[0], -2.0).unwrap();
    // the sum of the date may become smaller, or the residents of the other home more; those of its own do not matter
    assert_eq!(blocking, [residents[1], dates[0]]);
}

#[test]
fn relations_that_are_no_equations_limit_growth_by_what_they_leave() {
    let mut problem = Problem::new(Thresholds::default());
    let [trips, once, twice] = [("trips", 40), ("once", 10), ("twice", 12)]
        .map(|(key, n)| problem.count(key, n, Table::Sparse));
    problem.at_least_times(trips, &[(once, 1), (twice, 2)]).unwrap();
    let impossible = |target| is_impossible(&problem, |cell| cell != trips, twice, target);
    // 40 trips leave 6 without those that are made, and 10 if nobody makes one alone
    assert!(!impossible(8.0));
    assert!(impossible(8.5));
    assert!(!is_impossible(&problem, |_| true, twice, 100.0));
}

#[test]
fn what_is_shown_to_be_impossible_no_linear_program_finds() {
    let mut random = ChaCha8Rng::seed_from_u64(7);
    let (mut shown, mut failed) = (0, 0);
    for _ in 0..150 {
        let mut problem = Problem::new(Thresholds::default());
        let values: Vec<u64> = (0..12).map(|_| random.random_range(0..30)).collect();
        let cells = counts(&mut problem, &values);
        for line in 0..4 {
            let row = cells[3 * line..3 * line + 3].to_vec();
            let column: Vec<CellId> = cells.iter().copied().filter(|c| c % 4 == line).collect();
            for parts in [row, column] {
                let sum: u64 = parts.iter().map(|part| problem.value(*part)).sum();
                let more = if line < 3 { 0 } else { random.random_range(0..20) };
                let whole = problem.count(format!("{line} {parts:?}"), sum + more, Table::Sparse);
                match line < 3 {
                    true => problem.total(whole, &parts).unwrap(),
                    false => drop(problem.contains(whole, &parts).unwrap()),
                }
            }
        }
        let movable: Vec<bool> = (0..problem.len()).map(|_| random.random_bool(0.6)).collect();
        let may_move = |cell: CellId| movable[cell];
        for cell in cells {
            for target in [-12.0, -3.0, 5.0, 15.0] {
                if !movable[cell] || target < -(problem.value(cell) as f64) {
                    continue;
                }
                let mut region = Region::around(&problem, None, may_move, cell);
                while region.grow() {}
                let is_possible =
                    matches!(reaching(&problem, &region, cell, target), Outcome::Reached(_));
                let is_shown = is_impossible(&problem, may_move, cell, target);
                assert!(!(is_possible && is_shown), "cell {cell} by {target}");
                shown += usize::from(is_shown);
                failed += usize::from(!is_possible && !is_shown);
            }
        }
    }
    assert!(shown > 500 && failed < shown / 10, "{shown} {failed}");
}
