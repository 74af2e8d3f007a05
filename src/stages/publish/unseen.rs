//! Relations between numbers that are withheld in any case, and a number that contains them.
//!
//! None of these numbers is ever shown, so that nobody subtracts them. There are many, and an outsider can only use such a
//! relation where it limits how large the others can be that make up a sum with one of them.

use hashbrown::HashMap;

use crate::publication::{CellId, Problem};

/// A number that contains others that are never shown, which have no device in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unseen {
    pub whole: CellId,
    pub parts: Vec<CellId>,
}

/// By how many times the smallest number that is shown the parts of a sum have to be able to grow, so that no one of
/// them is known to be large.
const TIMES: u64 = 10;

/// What can grow without limit.
const UNLIMITED: u64 = u32::MAX as u64;

/// The relations that an outsider could use, by their numbers: those of sums whose parts cannot grow by much.
pub fn needed(problem: &Problem, unseen: &[Unseen], min_devices: u64) -> Vec<usize> {
    // by how much all parts of a relation together can grow, for the first of them alone
    let mut rooms: HashMap<CellId, u64> = HashMap::new();
    for Unseen { whole, parts } in unseen {
        let sum: u64 = parts.iter().map(|part| problem.value(*part)).sum();
        let left = match problem.value(*whole) {
            // nobody sees the limit either
            few if few < min_devices => UNLIMITED,
            most => most.saturating_sub(sum),
        };
        for (number, part) in parts.iter().enumerate() {
            let room = rooms.entry(*part).or_insert(UNLIMITED);
            *room = (*room).min(if number == 0 { left } else { 0 });
        }
    }
    // by how much the others of a sum can grow and shrink
    let mut known: HashMap<usize, (u64, u64)> = HashMap::new();
    let mut of_sum = |sum: usize| {
        *known.entry(sum).or_insert_with(|| {
            let parts: Vec<CellId> = problem.parts_never_shown(sum).collect();
            let room = |part: &CellId| rooms.get(part).copied().unwrap_or(UNLIMITED);
            let shrinkage = parts.iter().map(|part| problem.value(*part));
            (of_others(parts.iter().map(room)), of_others(shrinkage))
        })
    };
    let is_needed = |(_, relation): &(usize, &Unseen)| {
        // a part of many is only withheld for what is left of the whole, of which the parts may have to grow
        let is_of_many = relation.parts.iter().any(|part| problem.value(*part) >= min_devices);
        let mut sums = relation.parts.iter().flat_map(|part| problem.sums_of(*part));
        sums.any(|sum| {
            let (growth, shrinkage) = of_sum(sum);
            growth < min_devices.saturating_mul(TIMES) || is_of_many && shrinkage < min_devices
        })
    };
    unseen.iter().enumerate().filter(is_needed).map(|(number, _)| number).collect()
}

/// The sum without its largest part, which may be the one in question.
fn of_others(numbers: impl Iterator<Item = u64>) -> u64 {
    let (all, most) = numbers
        .fold((0_u64, 0), |(all, most), number| (all.saturating_add(number), number.max(most)));
    all.saturating_sub(most)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::publication::{Table, Thresholds};

    /// Places with few devices, their sum, and what each place contains at most.
    fn places(few: &[u64], limits: &[u64]) -> (Problem, Vec<Unseen>) {
        let mut problem = Problem::new(Thresholds::default());
        let sum = problem.count("sum", few.iter().sum(), Table::Complete);
        let mut unseen = Vec::new();
        let mut cells = Vec::new();
        for (number, (devices, limit)) in few.iter().zip(limits).enumerate() {
            let part = problem.count(format!("{number}"), *devices, Table::Sparse);
            let whole = problem.count(format!("limit {number}"), *limit, Table::Sparse);
            cells.push(part);
            unseen.push(Unseen { whole, parts: vec![part] });
        }
        problem.total(sum, &cells).unwrap();
        (problem, unseen)
    }

    #[test]
    fn relations_are_needed_where_the_others_cannot_grow() {
        // 5 of 33 are the difference to the 28 that are possible elsewhere
        let (problem, unseen) = places(&[5, 14, 14], &[40, 16, 16]);
        assert_eq!(needed(&problem, &unseen, 16), [0, 1, 2]);
        let (problem, unseen) = places(&[5, 10, 8], &[40, 18, 18]);
        assert_eq!(needed(&problem, &unseen, 16), [0, 1, 2]);
        // limits that nobody sees
        let (problem, unseen) = places(&[5, 10, 8], &[5, 10, 18]);
        assert_eq!(needed(&problem, &unseen, 16), [0_usize; 0]);
        let (problem, unseen) = places(&[5, 10, 8], &[300, 300, 300]);
        assert_eq!(needed(&problem, &unseen, 16), [0_usize; 0]);
        // what a place could have more is of no use for its own number
        let (problem, unseen) = places(&[5, 10, 8], &[1_000, 20, 20]);
        assert_eq!(needed(&problem, &unseen, 16), [0, 1, 2]);
    }

    #[test]
    fn relations_of_many_are_needed_where_the_others_cannot_shrink() {
        let withheld = |few: [u64; 3]| {
            let (mut problem, unseen) = places(&few, &[300, 300, 42]);
            problem.withhold_close(unseen[2].parts[0]);
            needed(&problem, &unseen, 16)
        };
        assert_eq!(withheld([5, 8, 40]), [2]);
        assert_eq!(withheld([9, 14, 40]), [0_usize; 0]);
    }

    #[test]
    fn what_two_relations_limit_can_grow_as_far_as_both_allow() {
        let (mut problem, mut unseen) = places(&[5, 10, 8], &[300, 300, 300]);
        for part in unseen.clone().into_iter().flat_map(|relation| relation.parts) {
            let devices = problem.value(part);
            let whole = problem.count(format!("other {part}"), devices + 16, Table::Sparse);
            unseen.push(Unseen { whole, parts: vec![part] });
        }
        assert_eq!(needed(&problem, &unseen, 16).len(), 6);
    }
}
