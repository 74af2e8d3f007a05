//! Tables small enough to be worked out by hand, the attacks that must fail, and random linked tables.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::enumeration::{Relation, Seen};
use super::*;

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

#[test]
fn small_count_is_withheld_with_the_smallest_other_count() {
    let mut p = problem();
    let cells = counts(&mut p, Table::Complete, &[12, 40, 100, 152]);
    p.total(cells[3], &cells[..3]).unwrap();
    assert_eq!(withheld(&p), [12, 40]);
    assert_eq!(interval(&p, cells[0]), (1.0, Some(51.0)));
}

#[test]
fn two_tiny_counts_are_withheld_with_a_third() {
    let mut p = problem();
    let cells = counts(&mut p, Table::Complete, &[2, 1, 100, 103]);
    p.total(cells[3], &cells[..3]).unwrap();
    assert_eq!(withheld(&p), [2, 1, 100]);
}

#[test]
fn table_with_sums_of_rows_and_columns_loses_four_cells() {
    let mut p = problem();
    let c = counts(&mut p, Table::Complete, &[12, 30, 40, 50, 100, 60]);
    let rows = counts(&mut p, Table::Complete, &[42, 90, 160]);
    let columns = counts(&mut p, Table::Complete, &[152, 140]);
    let all = p.count("all", 292, Table::Complete);
    for (row, sum) in rows.iter().enumerate() {
        p.total(*sum, &c[2 * row..2 * row + 2]).unwrap();
    }
    for (column, sum) in columns.iter().enumerate() {
        p.total(*sum, &[c[column], c[2 + column], c[4 + column]]).unwrap();
    }
    p.total(all, &rows).unwrap();
    p.total(all, &columns).unwrap();
    assert_eq!(withheld(&p), [12, 30, 40, 50]);
}

#[test]
fn part_in_which_devices_were_seen_is_not_bounded_by_the_whole() {
    let mut p = problem();
    let whole = p.count("whole", 100, Table::Complete);
    let parts = counts(&mut p, Table::Complete, &[60, 30, 11]);
    p.seen_in(whole, &parts).unwrap();
    assert_eq!(withheld(&p), [30, 11]);
}

#[test]
fn difference_of_two_published_counts_is_a_count() {
    // everybody without the residents, and 50 without 45
    for (all, part) in [(100, 90), (50, 45)] {
        let mut p = problem();
        let cells = counts(&mut p, Table::Complete, &[all, part]);
        p.contains(cells[0], &cells[1..]).unwrap();
        assert_eq!(withheld(&p), [part]);
    }
    let mut p = problem();
    let cells = counts(&mut p, Table::Complete, &[100, 84]);
    p.contains(cells[0], &cells[1..]).unwrap();
    assert_eq!(withheld(&p), [0u64; 0]);
}

#[test]
fn sum_of_two_small_counts_is_known_to_be_two_at_least_and_no_more() {
    let mut p = problem();
    let cells = counts(&mut p, Table::Complete, &[3, 4, 0, 7]);
    p.total(cells[3], &cells[..3]).unwrap();
    assert_eq!(withheld(&p), [3, 4, 7]);
    assert_eq!(interval(&p, cells[3]), (2.0, None));
}

#[test]
fn hours_do_not_give_away_a_small_hour_of_their_day() {
    let mut p = problem();
    let day = p.count("day", 60, Table::Complete);
    let mut hours = vec![0; 24];
    hours[8..11].copy_from_slice(&[36, 5, 20]);
    let hours = counts(&mut p, Table::Complete, &hours);
    p.seen_in(day, &hours).unwrap();
    // 60 without 36 are 24 devices, of whom the hour of 20 leaves at least 4 for the small one
    assert_eq!(withheld(&p), [5, 20]);
}

#[test]
fn week_without_six_days_does_not_give_away_the_seventh() {
    let days = [60, 50, 40, 20, 17, 16, 12];
    let mut p = problem();
    let week = p.count("week", 210, Table::Complete);
    let cells = counts(&mut p, Table::Complete, &days);
    p.seen_in(week, &cells).unwrap();
    assert_eq!(withheld(&p), [16, 12]);

    // where the days have been released, the week cannot be
    let mut p = problem();
    let week = p.count("week", 210, Table::Complete);
    let mut cells: Vec<CellId> =
        days[..6].iter().map(|day| p.released(format!("released {day}"), *day)).collect();
    cells.push(p.count("seventh day", 12, Table::Complete));
    p.seen_in(week, &cells).unwrap();
    assert_eq!(withheld(&p), [210, 12]);
}

#[test]
fn change_since_an_earlier_release_is_a_count() {
    let mut p = problem();
    let cells = counts(&mut p, Table::Complete, &[45, 300, 345]);
    p.total(cells[2], &cells[..2]).unwrap();
    for (cell, earlier) in cells.iter().zip([40, 300, 340]) {
        p.was_released(*cell, earlier).unwrap();
    }
    // 300 is known, so that the sum would tell what has become of 40
    assert_eq!(withheld(&p), [45, 345]);
}

#[test]
fn release_is_refused_where_earlier_ones_give_a_small_count_away() {
    let mut p = problem();
    let mut cells = vec![p.count("small", 12, Table::Complete)];
    cells.extend([40, 100].map(|n| p.released(format!("released {n}"), n)));
    let total = p.released("released sum", 152);
    p.total(total, &cells).unwrap();
    let error = suppress(&p).unwrap_err();
    assert_eq!((error.key.as_str(), error.low, error.high), ("small", 12.0, Some(12.0)));
    assert!(error.to_string().contains("1 to 15 must be possible"), "{error}");
}

#[test]
fn difference_of_which_earlier_releases_give_a_part_away_is_withheld_with_its_whole() {
    let mut p = problem();
    // devices of a week, and of two dates that were shown: 40 less 38 are two at least that the second lacks
    let week = p.count("week", 43, Table::Sparse);
    let other = p.count("other week", 90, Table::Sparse);
    for (name, devices) in [("first", 40), ("second", 38)] {
        let day = p.unpublished(name, devices);
        p.was_released(day, devices).unwrap();
        p.contains(week, &[day]).unwrap();
        p.at_least(other, &[day]).unwrap();
    }
    assert_eq!(withheld(&p), [43]);
    // the date itself is a count that was given away, which is refused as before
    let small = p.count("small", 12, Table::Sparse);
    p.was_released(small, 12).unwrap();
    assert!(suppress(&p).is_err());
}

#[test]
fn missing_row_may_be_empty() {
    let mut p = problem();
    let cells = counts(&mut p, Table::Sparse, &[12, 88, 0, 40]);
    let total = p.count("sum", 140, Table::Complete);
    p.total(total, &cells).unwrap();
    // without the row of 40 the others would have at most 12 devices
    assert_eq!(withheld(&p), [12, 40]);
    assert_eq!(interval(&p, cells[0]), (0.0, Some(52.0)));
}

#[test]
fn sum_of_which_one_device_gives_most_is_withheld() {
    let mut p = problem();
    let devices = counts(&mut p, Table::Complete, &[20, 30]);
    let trips = [(60, 31), (100, 50)]
        .map(|(n, of_one)| p.sum(format!("{n}"), n, of_one, devices[n as usize / 100]).unwrap());
    let all = p.count("all", 50, Table::Complete);
    p.total(all, &devices).unwrap();
    let all_trips = p.sum("all trips", 160, 50, all).unwrap();
    p.total(all_trips, &trips).unwrap();
    assert_eq!(p.reason(trips[0]), Some(Reason::Dominated));
    assert_eq!(p.reason(trips[1]), None);
    assert_eq!(withheld(&p), [60, 100]);
    // each device makes a trip at least
    assert_eq!(interval(&p, trips[0]), (20.0, Some(130.0)));
}

#[test]
fn trips_of_few_devices_are_withheld_and_give_the_devices_no_limit() {
    let mut p = problem();
    let devices = counts(&mut p, Table::Complete, &[3, 40]);
    let trips =
        [p.sum("trips", 9, 3, devices[0]).unwrap(), p.sum("more", 80, 9, devices[1]).unwrap()];
    let all_trips = p.released("all trips", 89);
    p.total(all_trips, &trips).unwrap();
    // at most nine devices make nine trips
    assert_eq!(p.reason(trips[0]), Some(Reason::Derived));
    assert_eq!(withheld(&p), [3, 9, 80]);
}

#[test]
fn trips_of_a_flow_limit_the_devices_of_rows_that_are_left_out() {
    let mut p = problem();
    // 22 trips into a place, of which 20 devices make one each in one hour, and two in another
    let devices = counts(&mut p, Table::Sparse, &[20, 2]);
    let trips =
        [p.sum("many", 20, 1, devices[0]).unwrap(), p.sum("few", 2, 1, devices[1]).unwrap()];
    let flow = p.sum_of_uncounted("flow", 22, 1, 22, Table::Complete).unwrap();
    p.total(flow, &trips).unwrap();
    // both hours are left out, or the flow is empty, which is one number instead of two
    assert_eq!(withheld(&p), [2, 2, 22]);
    let mut p = problem();
    let devices = counts(&mut p, Table::Sparse, &[20, 2]);
    let trips =
        [p.sum("many", 20, 1, devices[0]).unwrap(), p.sum("few", 2, 1, devices[1]).unwrap()];
    let flow = p.released("flow", 22);
    p.total(flow, &trips).unwrap();
    assert_eq!(withheld(&p), [20, 2, 20, 2]);
}

#[test]
fn devices_that_make_several_trips_are_limited_by_all_trips() {
    let mut p = problem();
    let classes = counts(&mut p, Table::Sparse, &[40, 5]);
    let trips = p.released("trips", 55);
    p.at_least_times(trips, &[(classes[0], 1), (classes[1], 2)]).unwrap();
    // 55 trips without 40 are 15, which 7 devices make at most
    assert_eq!(withheld(&p), [40, 5]);
    assert_eq!(interval(&p, classes[1]), (0.0, Some(27.5)));
    assert!(p.at_least_times(trips, &[(classes[0], 1), (classes[1], 4)]).is_err());
}

#[test]
fn classes_of_trips_that_are_all_there_tell_the_number_of_trips() {
    let mut p = problem();
    let one = p.released("one trip", 103);
    let trips = p.unpublished("trips", 103);
    p.at_least_times(trips, &[(one, 1)]).unwrap();
    p.at_most_times(trips, &[(one, 1)]).unwrap();
    let few = p.sum_of_uncounted("few", 3, 1, 3, Table::Complete).unwrap();
    let many = p.sum_of_uncounted("many", 100, 1, 100, Table::Complete).unwrap();
    p.total(trips, &[few, many]).unwrap();
    // 103 without 100 are 3
    assert_eq!(withheld(&p), [3, 100]);
    assert!(p.at_most_times(trips, &[(few, 2)]).is_err());
}

#[test]
fn flow_of_few_devices_is_withheld_whatever_its_trips() {
    let mut p = problem();
    let flow = p.sum_of_uncounted("flow", 60, 5, 15, Table::Complete).unwrap();
    let zero = p.sum_of_uncounted("zero", 0, 0, 0, Table::Complete).unwrap();
    let many = p.sum_of_uncounted("many", 60, 5, 16, Table::Complete).unwrap();
    let of_one = p.sum_of_uncounted("of one", 60, 31, 16, Table::Complete).unwrap();
    assert_eq!(
        [flow, zero, many, of_one].map(|cell| p.reason(cell)),
        [Some(Reason::Derived), None, None, Some(Reason::Dominated)]
    );
    assert_eq!(withheld(&p), [60, 60]);
}

#[test]
fn zeros_are_withheld_on_demand() {
    let values = [0, 20, 30, 50];
    let withheld_with = |zeros| {
        let mut p = Problem::new(Thresholds { zeros, ..Thresholds::default() });
        let cells = counts(&mut p, Table::Complete, &values);
        p.total(cells[3], &cells[..3]).unwrap();
        withheld(&p)
    };
    assert_eq!(withheld_with(Zeros::Show), [0u64; 0]);
    assert_eq!(withheld_with(Zeros::Hide), [0, 20]);
}

#[test]
fn relations_that_are_not_true_are_refused() {
    let mut p = problem();
    let cells = counts(&mut p, Table::Complete, &[20, 30, 51]);
    let error = p.total(cells[2], &cells[..2]).unwrap_err().to_string();
    assert!(error.contains("02 (51) should be equal to 00 (20) + 01 (30)"), "{error}");
    assert!(p.contains(cells[0], &cells[1..]).is_err());
    assert!(p.seen_in(cells[2], &cells[..2]).is_err());
}

/// A random table of rows and columns with their sums, and for each row a count of which the row's cells are
/// parts in which its devices were seen.
struct Drawn {
    problem: Problem,
    relations: Vec<Relation>,
}

impl Drawn {
    fn new(seed: u64) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let (rows, columns) = (random.random_range(2..4), random.random_range(2..5));
        let mut drawn = Drawn { problem: problem(), relations: Vec::new() };
        let mut grid = Vec::new();
        for _ in 0..rows * columns {
            let greatest = [1, 16, 30, 90][random.random_range(0..4)];
            grid.push(random.random_range(0..greatest));
        }
        let cells = counts(&mut drawn.problem, Table::Complete, &grid);
        let mut sums = [Vec::new(), Vec::new()];
        for row in 0..rows {
            let parts = cells[row * columns..(row + 1) * columns].to_vec();
            sums[0].push(drawn.total(parts.clone()));
            if random.random_bool(0.5) {
                drawn.seen(parts, &mut random);
            }
        }
        for column in 0..columns {
            sums[1]
                .push(drawn.total(cells.iter().skip(column).step_by(columns).copied().collect()));
        }
        let all = drawn.total(sums[0].clone());
        drawn.relate(all, &sums[1], true);
        drawn.problem.total(all, &sums[1]).unwrap();
        drawn
    }

    fn total(&mut self, parts: Vec<CellId>) -> CellId {
        let sum = parts.iter().map(|part| self.problem.value(*part)).sum();
        let total =
            self.problem.count(format!("sum {:02}", self.problem.len()), sum, Table::Complete);
        self.problem.total(total, &parts).unwrap();
        self.relate(total, &parts, true);
        total
    }

    fn seen(&mut self, parts: Vec<CellId>, random: &mut ChaCha8Rng) {
        let values: Vec<u64> = parts.iter().map(|part| self.problem.value(*part)).collect();
        let (greatest, sum) = (*values.iter().max().unwrap(), values.iter().sum::<u64>());
        let whole = random.random_range(greatest..=sum);
        let whole =
            self.problem.count(format!("whole {:02}", self.problem.len()), whole, Table::Complete);
        let first = self.problem.len();
        self.problem.seen_in(whole, &parts).unwrap();
        for (number, part) in parts.iter().enumerate() {
            // the difference comes after the whole, in the order of the parts
            self.relate(whole, &[*part, first + number], true);
        }
        self.relate(whole, &parts, false);
    }

    fn relate(&mut self, total: CellId, parts: &[CellId], is_equation: bool) {
        let terms = std::iter::once((total, 1)).chain(parts.iter().map(|part| (*part, -1)));
        self.relations.push(Relation { terms: terms.collect(), is_equation });
    }

    /// The least value of a cell that is possible if everything but zeros is withheld.
    fn least_possible(self, cell: CellId) -> i64 {
        let (_, seen) = self.seen_by_outsider(|problem, cell| {
            problem.is_in_table(cell) && problem.value(cell) == 0
        });
        (1..=15).find(|value| seen.is_possible(cell, *value)).unwrap()
    }

    fn seen_by_outsider(self, shown: impl Fn(&Problem, CellId) -> bool) -> (Problem, Seen) {
        let problem = self.problem;
        let lower = |cell: CellId| match shown(&problem, cell) {
            true => None,
            false => Some(i64::from(problem.is_in_table(cell))),
        };
        let cells = 0..problem.len();
        let seen = Seen {
            values: cells.clone().map(|cell| problem.value(cell) as i64).collect(),
            withheld: cells.map(lower).collect(),
            relations: self.relations,
        };
        (problem, seen)
    }
}

#[test]
fn trying_all_numbers_finds_no_small_count_in_random_linked_tables() {
    let mut audited = 0;
    for seed in 0..12 {
        let drawn = Drawn::new(seed);
        let suppression = suppress(&drawn.problem).unwrap();
        assert_eq!(suppress(&drawn.problem).as_ref(), Ok(&suppression), "seed {seed}");
        let (problem, seen) = drawn.seen_by_outsider(|problem, cell| {
            problem.is_in_table(cell) && suppression.withheld(cell).is_none()
        });
        let least = |cell| Drawn::new(seed).least_possible(cell);
        for cell in 0..problem.len() {
            // whatever counts 1 to 15 devices, written differences or not
            if !(1..=15).contains(&problem.value(cell)) {
                continue;
            }
            audited += 1;
            // a sum of two nulls is at least two, whatever else is withheld
            for value in [least(cell), 15] {
                let key = problem.key(cell);
                assert!(seen.is_possible(cell, value), "seed {seed}: {key} is not {value}");
            }
        }
    }
    assert!(audited > 50, "{audited}");
}

#[test]
fn without_any_secondary_cell_some_count_is_given_away() {
    for seed in 20..26 {
        let drawn = Drawn::new(seed);
        let suppression = suppress(&drawn.problem).unwrap();
        let is_shown = |problem: &Problem, cell| {
            problem.is_in_table(cell) && suppression.withheld(cell).is_none()
        };
        let cells = 0..drawn.problem.len();
        let secondary: Vec<CellId> =
            cells.filter(|cell| suppression.withheld(*cell) == Some(Withheld::Secondary)).collect();
        for released in secondary {
            let (problem, seen) = Drawn::new(seed)
                .seen_by_outsider(|problem, cell| cell == released || is_shown(problem, cell));
            let mut small =
                (0..problem.len()).filter(|cell| (1..=15).contains(&problem.value(*cell)));
            assert!(
                small.any(|cell| {
                    let least = Drawn::new(seed).least_possible(cell);
                    [least, 15].iter().any(|value| !seen.is_possible(cell, *value))
                }),
                "seed {seed}: {} is withheld for nothing",
                problem.key(released)
            );
        }
    }
}
