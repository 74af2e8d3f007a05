//! What an outsider can derive who knows the published numbers and the relations alone. It shares nothing with the
//! decision what is withheld, which starts from the true numbers.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use microlp::{ComparisonOp, Error, LinearExpr, OptimizationDirection, Problem, Variable};

/// Unknown numbers that are looked at together, around the one in question.
const REGION: usize = 120;
/// Rounds in which bounds are narrowed. What is left then is left to the linear programs.
const ROUNDS: usize = 200;
const TOLERANCE: f64 = 1e-6;

/// The least and the greatest value of a number; `None` without a limit.
pub type Bounds = (f64, Option<f64>);

/// The least and the greatest value of a term; `None` without a limit.
type Ends = (Option<f64>, Option<f64>);

/// Numbers, known and unknown, and what is known about them.
#[derive(Debug, Default)]
pub struct Outsider {
    bounds: Vec<Bounds>,
    relations: Vec<Relation>,
    /// The relations of each number.
    of: Vec<Vec<usize>>,
}

/// The sum of numbers, each times another, is zero or at most zero.
#[derive(Debug)]
struct Relation {
    terms: Vec<(usize, f64)>,
    is_equation: bool,
}

impl Outsider {
    /// Adds a published number.
    pub fn known(&mut self, value: u64) -> usize {
        self.add((value as f64, Some(value as f64)))
    }

    /// Adds a number that is at least `low`.
    pub fn unknown(&mut self, low: u64) -> usize {
        self.add((low as f64, None))
    }

    fn add(&mut self, bounds: Bounds) -> usize {
        self.bounds.push(bounds);
        self.of.push(Vec::new());
        self.bounds.len() - 1
    }

    /// A number is the sum of others.
    pub fn equal(&mut self, whole: usize, parts: &[usize]) {
        self.relate(whole, parts, 1.0, true);
    }

    /// A number is at least the sum of others.
    pub fn at_least(&mut self, whole: usize, parts: &[usize]) {
        self.relate(whole, parts, -1.0, false);
    }

    /// A number is at least the sum of others, each times another.
    pub fn at_least_times(&mut self, whole: usize, parts: &[(usize, u64)]) {
        let parts = parts.iter().filter(|(_, times)| *times > 0);
        let parts = parts.map(|(part, times)| (*part, *times as f64));
        self.add_relation(parts.chain([(whole, -1.0)]).collect(), false);
    }

    /// A number is at most the sum of others, each times another.
    pub fn at_most_times(&mut self, whole: usize, parts: &[(usize, u64)]) {
        let parts = parts.iter().filter(|(_, times)| *times > 0);
        let parts = parts.map(|(part, times)| (*part, -(*times as f64)));
        self.add_relation(parts.chain([(whole, 1.0)]).collect(), false);
    }

    /// A number is at most the sum of others.
    pub fn at_most(&mut self, whole: usize, parts: &[usize]) {
        self.relate(whole, parts, 1.0, false);
    }

    fn relate(&mut self, whole: usize, parts: &[usize], sign: f64, is_equation: bool) {
        let parts = parts.iter().map(|part| (*part, -sign));
        self.add_relation(parts.chain([(whole, sign)]).collect(), is_equation);
    }

    fn add_relation(&mut self, terms: Vec<(usize, f64)>, is_equation: bool) {
        for (number, _) in &terms {
            self.of[*number].push(self.relations.len());
        }
        self.relations.push(Relation { terms, is_equation });
    }

    /// The bounds of all numbers that each relation by itself leaves, used again and again. What is published
    /// contradicts itself where the least value is above the greatest.
    pub fn narrow(&mut self) {
        let mut changed: BTreeSet<usize> = (0..self.relations.len()).collect();
        for _ in 0..ROUNDS {
            let mut next = BTreeSet::new();
            for relation in std::mem::take(&mut changed) {
                for number in self.narrow_by(relation) {
                    next.extend(self.of[number].iter().copied());
                }
            }
            if next.is_empty() {
                return;
            }
            changed = next;
        }
    }

    /// Narrows the numbers of a relation, and returns those that changed.
    fn narrow_by(&mut self, relation: usize) -> Vec<usize> {
        let Relation { terms, is_equation } = &self.relations[relation];
        // the least and the greatest value of a term
        let term = |(number, sign): &(usize, f64)| -> Ends {
            let (low, high) = self.bounds[*number];
            match *sign > 0.0 {
                true => (Some(sign * low), high.map(|high| sign * high)),
                false => (high.map(|high| sign * high), Some(sign * low)),
            }
        };
        let ends: Vec<_> = terms.iter().map(term).collect();
        let unlimited = |end: fn(&Ends) -> Option<f64>| {
            (
                ends.iter().filter(|ends| end(ends).is_none()).count(),
                ends.iter().filter_map(end).sum::<f64>(),
            )
        };
        let (no_least, least) = unlimited(|ends| ends.0);
        let (no_greatest, greatest) = unlimited(|ends| ends.1);
        // the sum of the other terms, if all of them are limited
        let others = |own: Option<f64>, count: usize, sum: f64| match (own, count) {
            (Some(own), 0) => Some(sum - own),
            (None, 1) => Some(sum),
            _ => None,
        };
        let mut narrowed = Vec::new();
        for ((number, sign), (low, high)) in terms.iter().zip(&ends) {
            // a term is at most what the others leave, and for an equation at least
            let at_most = others(*low, no_least, least).map(|sum| -sum);
            let at_least =
                others(*high, no_greatest, greatest).map(|sum| -sum).filter(|_| *is_equation);
            let (new_low, new_high) = match *sign > 0.0 {
                true => (at_least.map(|n| n / sign), at_most.map(|n| n / sign)),
                false => (at_most.map(|n| n / sign), at_least.map(|n| n / sign)),
            };
            narrowed.push((*number, new_low, new_high));
        }
        let mut changed = Vec::new();
        for (number, low, high) in narrowed {
            let bounds = &mut self.bounds[number];
            let before = *bounds;
            bounds.0 = low.map_or(bounds.0, |low| bounds.0.max(low));
            bounds.1 = match (bounds.1, high) {
                (Some(old), Some(new)) => Some(old.min(new)),
                (old, new) => old.or(new),
            };
            let is_narrower = bounds.0 > before.0 + TOLERANCE
                || before.1.is_none() && bounds.1.is_some()
                || bounds.1.zip(before.1).is_some_and(|(new, old)| new < old - TOLERANCE);
            if is_narrower {
                changed.push(number);
            }
        }
        changed
    }

    /// The bounds of a number as they are known so far.
    pub fn bounds(&self, number: usize) -> Bounds {
        self.bounds[number]
    }

    /// The bounds of a number by linear programs over the numbers around it.
    pub fn derived(&self, number: usize) -> Bounds {
        let (low, high) = self.bounds[number];
        if self.of[number].is_empty() {
            return (low, high);
        }
        let region = self.region(number);
        let least = self.end(&region, number, OptimizationDirection::Minimize);
        let greatest = self.end(&region, number, OptimizationDirection::Maximize);
        let low = least.map_or(low, |least| low.max(least));
        (
            low,
            match (high, greatest) {
                (Some(high), Some(greatest)) => Some(high.min(greatest)),
                (high, greatest) => high.or(greatest),
            },
        )
    }

    /// Unknown numbers around a number, the nearest first.
    fn region(&self, number: usize) -> BTreeSet<usize> {
        let mut region = BTreeSet::from([number]);
        let mut queue = VecDeque::from([number]);
        while let Some(next) = queue.pop_front() {
            let terms = self.of[next].iter().flat_map(|relation| &self.relations[*relation].terms);
            for (other, _) in terms {
                let (low, high) = self.bounds[*other];
                let is_open = high.is_none_or(|high| high > low + TOLERANCE);
                if is_open && region.len() < REGION && region.insert(*other) {
                    queue.push_back(*other);
                }
            }
        }
        region
    }

    /// An end of what the relations of the region leave; `None` without a limit, or where the solver fails.
    fn end(
        &self,
        region: &BTreeSet<usize>,
        number: usize,
        direction: OptimizationDirection,
    ) -> Option<f64> {
        let mut program = Problem::new(direction);
        let mut variables: BTreeMap<usize, Variable> = BTreeMap::new();
        let relations: BTreeSet<usize> =
            region.iter().flat_map(|number| self.of[*number].iter().copied()).collect();
        for relation in relations {
            let Relation { terms, is_equation } = &self.relations[relation];
            let mut sum = LinearExpr::empty();
            for (other, sign) in terms {
                let variable = *variables.entry(*other).or_insert_with(|| {
                    let (low, high) = self.bounds[*other];
                    let objective = if *other == number { 1.0 } else { 0.0 };
                    program.add_var(objective, (low, high.unwrap_or(f64::INFINITY)))
                });
                sum.add(variable, *sign);
            }
            let operator = if *is_equation { ComparisonOp::Eq } else { ComparisonOp::Le };
            program.add_constraint(sum, operator, 0.0);
        }
        let failed = |_| Error::InternalError("interrupted".to_owned());
        let solution =
            program.solve().and_then(|solution| solution.into_solution().map_err(failed));
        solution.ok().map(|solution| solution.objective())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn number_that_sums_leave_no_choice_for_is_derived() {
        let mut outsider = Outsider::default();
        let whole = outsider.known(152);
        let parts = [outsider.unknown(1), outsider.known(40), outsider.known(100)];
        outsider.equal(whole, &parts);
        outsider.narrow();
        assert_eq!(outsider.bounds(parts[0]), (12.0, Some(12.0)));
    }

    #[test]
    fn two_withheld_numbers_hide_each_other() {
        let mut outsider = Outsider::default();
        let whole = outsider.known(152);
        let parts = [outsider.unknown(1), outsider.unknown(1), outsider.known(100)];
        outsider.equal(whole, &parts);
        outsider.narrow();
        assert_eq!(outsider.derived(parts[0]), (1.0, Some(51.0)));
    }

    #[test]
    fn trips_bound_the_devices_that_make_several() {
        let mut outsider = Outsider::default();
        let trips = outsider.known(40);
        let parts = [outsider.known(10), outsider.unknown(0), outsider.unknown(0)];
        outsider.at_least_times(trips, &[(parts[0], 1), (parts[1], 2), (parts[2], 3)]);
        outsider.narrow();
        assert_eq!(outsider.bounds(parts[1]), (0.0, Some(15.0)));
        assert_eq!(outsider.bounds(parts[2]), (0.0, Some(10.0)));
    }

    #[test]
    fn what_no_relation_tells_by_itself_a_linear_program_derives() {
        // a + b, b + c and a + c are known, and with them all three
        let mut outsider = Outsider::default();
        let parts = [outsider.unknown(0), outsider.unknown(0), outsider.unknown(0)];
        for (sum, one, other) in [(30, 0, 1), (50, 1, 2), (40, 0, 2)] {
            let whole = outsider.known(sum);
            outsider.equal(whole, &[parts[one], parts[other]]);
        }
        outsider.narrow();
        let (low, high) = outsider.derived(parts[0]);
        assert!((low - 10.0).abs() < 1e-6 && (high.unwrap() - 10.0).abs() < 1e-6, "{low} {high:?}");
    }

    #[test]
    fn whole_that_is_seen_in_parts_bounds_the_part_that_is_withheld() {
        let mut outsider = Outsider::default();
        let whole = outsider.known(100);
        let parts = [outsider.known(60), outsider.known(30), outsider.unknown(1)];
        parts.iter().for_each(|part| outsider.at_least(whole, &[*part]));
        outsider.at_most(whole, &parts);
        outsider.narrow();
        assert_eq!(outsider.bounds(parts[2]), (10.0, Some(100.0)));
    }
}
