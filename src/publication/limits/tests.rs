use super::*;
use crate::publication::network::flow;
use crate::publication::problem::Problem;
use crate::publication::ways::Ways;
use crate::publication::yielding::Yielding;
use crate::publication::{Table, Thresholds};

fn counts<const N: usize>(problem: &mut Problem, values: [u64; N]) -> [CellId; N] {
    values.map(|n| problem.count(format!("{}: {n}", problem.len()), n, Table::Sparse))
}

/// The cells that move with one, while some are shown.
fn moved(
    problem: &Problem,
    shown: &[CellId],
    (cell, target): (CellId, f64),
) -> Option<Vec<(CellId, f64)>> {
    let yielding = Yielding::of(problem);
    let ways = Ways::of(problem, &yielding);
    let mut scratch = Scratch::of(problem);
    let may_move = |cell: CellId| !shown.contains(&cell);
    let change = flow(problem, (&yielding, &ways, &mut scratch), &[], may_move, (cell, target))?;
    Some(change.to_vec())
}

#[test]
fn what_has_to_be_at_least_as_large_grows_by_what_it_lacks() {
    let mut problem = Problem::new(Thresholds::default());
    let [devices] = counts(&mut problem, [3]);
    let trips = problem.sum("trips", 5, 2, devices).unwrap();
    assert_eq!(moved(&problem, &[], (devices, 2.0)), Some(vec![(devices, 2.0)]));
    assert_eq!(moved(&problem, &[], (devices, 12.0)), Some(vec![(devices, 12.0), (trips, 10.0)]));
    assert_eq!(moved(&problem, &[trips], (devices, 2.0)), Some(vec![(devices, 2.0)]));
    assert_eq!(moved(&problem, &[trips], (devices, 12.0)), None);
}

#[test]
fn parts_shrink_with_the_whole_as_far_as_they_have_to() {
    let mut problem = Problem::new(Thresholds::default());
    let [whole, a, b] = counts(&mut problem, [40, 12, 20]);
    problem.at_least(whole, &[a, b]).unwrap();
    // 40 contain 8 more than 12 and 20
    assert_eq!(moved(&problem, &[], (whole, -8.0)), Some(vec![(whole, -8.0)]));
    assert_eq!(moved(&problem, &[], (whole, -10.0)), Some(vec![(whole, -10.0), (a, -2.0)]));
    let both = vec![(whole, -30.0), (a, -12.0), (b, -10.0)];
    assert_eq!(moved(&problem, &[], (whole, -30.0)), Some(both));
    assert_eq!(moved(&problem, &[a], (whole, -10.0)), Some(vec![(whole, -10.0), (b, -2.0)]));
    assert_eq!(moved(&problem, &[b], (whole, -20.0)), Some(vec![(whole, -20.0), (a, -12.0)]));
    assert_eq!(moved(&problem, &[b], (whole, -21.0)), None);
}

#[test]
fn part_that_is_in_other_relations_is_not_what_shrinks() {
    let mut problem = Problem::new(Thresholds::default());
    let [whole, a, b, other] = counts(&mut problem, [40, 12, 20, 50]);
    problem.at_least(whole, &[a, b]).unwrap();
    problem.at_least(other, &[a]).unwrap();
    assert_eq!(moved(&problem, &[], (whole, -10.0)), Some(vec![(whole, -10.0), (b, -2.0)]));
}

#[test]
fn parts_in_which_devices_were_seen_grow_with_the_whole() {
    let mut problem = Problem::new(Thresholds::default());
    let [whole, a, b] = counts(&mut problem, [40, 30, 16]);
    problem.at_most(whole, &[a, b]).unwrap();
    assert_eq!(moved(&problem, &[], (whole, 6.0)), Some(vec![(whole, 6.0)]));
    assert_eq!(moved(&problem, &[], (whole, 10.0)), Some(vec![(whole, 10.0), (a, 4.0)]));
    assert_eq!(moved(&problem, &[a], (whole, 10.0)), Some(vec![(whole, 10.0), (b, 4.0)]));
    assert_eq!(moved(&problem, &[a, b], (whole, 10.0)), None);
}

#[test]
fn part_grows_as_far_as_what_is_left_of_its_own_whole() {
    let mut problem = Problem::new(Thresholds::default());
    let [whole, a, b, around] = counts(&mut problem, [40, 30, 16, 33]);
    problem.at_most(whole, &[a, b]).unwrap();
    // 33 without 30 are 3
    let rest = problem.contains(around, &[a]).unwrap();
    let expected = vec![(whole, 10.0), (a, 3.0), (b, 1.0), (rest, -3.0)];
    assert_eq!(moved(&problem, &[around], (whole, 10.0)), Some(expected));
}

#[test]
fn numbers_by_which_parts_are_multiplied_count() {
    let mut problem = Problem::new(Thresholds::default());
    let [trips, once, twice] = counts(&mut problem, [40, 10, 12]);
    problem.at_least_times(trips, &[(once, 1), (twice, 2)]).unwrap();
    // 40 trips are 6 more than 10 and twice 12
    assert_eq!(moved(&problem, &[], (twice, 5.0)), Some(vec![(trips, 4.0), (twice, 5.0)]));
    assert_eq!(moved(&problem, &[], (trips, -10.0)), Some(vec![(trips, -10.0), (once, -4.0)]));
    assert_eq!(moved(&problem, &[once], (trips, -10.0)), Some(vec![(trips, -10.0), (twice, -2.0)]));
}
