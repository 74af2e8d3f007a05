//! Random linked tables, in which no number gives few devices away and none is withheld for nothing.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::publication::enumeration::{Relation, Seen};

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
