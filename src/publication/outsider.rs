//! What an outsider can derive who knows the published numbers and the relations alone. It shares nothing with the
//! decision what is withheld, which starts from the true numbers.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use hashbrown::HashMap;
use microlp::{ComparisonOp, Error, LinearExpr, OptimizationDirection, Problem, Variable};

use super::linked::linked;
use super::narrowing::{Bounds, Relation, TOLERANCE, both, known};
use super::parallel::on_each;
use super::substitution::Substitution;

/// Unknown numbers that are looked at together, around the one in question.
const REGION: usize = 120;
/// Rounds in which bounds are narrowed. What is left then is left to the linear programs.
const ROUNDS: usize = 200;

/// Numbers, known and unknown, and what is known about them.
#[derive(Debug, Default)]
pub struct Outsider {
    bounds: Vec<Bounds>,
    relations: Vec<Relation>,
    /// The relations of each number.
    of: Vec<Vec<usize>>,
}

/// Numbers that are asked for, and all relations that link them.
#[derive(Default)]
struct Component {
    numbers: Vec<usize>,
    relations: Vec<usize>,
}

/// The same with few numbers, from which all numbers of the component are computed.
struct Few {
    substitution: Substitution,
    outsider: Outsider,
    /// True for those of which nothing more can be derived.
    is_exact: Vec<bool>,
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
        self.add_terms(parts.chain([(whole, -1.0)]).collect(), false);
    }

    /// A number is at most the sum of others, each times another.
    pub fn at_most_times(&mut self, whole: usize, parts: &[(usize, u64)]) {
        let parts = parts.iter().filter(|(_, times)| *times > 0);
        let parts = parts.map(|(part, times)| (*part, -(*times as f64)));
        self.add_terms(parts.chain([(whole, 1.0)]).collect(), false);
    }

    /// A number is at most the sum of others.
    pub fn at_most(&mut self, whole: usize, parts: &[usize]) {
        self.relate(whole, parts, 1.0, false);
    }

    fn relate(&mut self, whole: usize, parts: &[usize], sign: f64, is_equation: bool) {
        let parts = parts.iter().map(|part| (*part, -sign));
        self.add_terms(parts.chain([(whole, sign)]).collect(), is_equation);
    }

    fn add_terms(&mut self, terms: Vec<(usize, f64)>, is_equation: bool) {
        self.add_relation(Relation { terms, constant: 0.0, is_equation });
    }

    fn add_relation(&mut self, relation: Relation) {
        for (number, _) in &relation.terms {
            self.of[*number].push(self.relations.len());
        }
        self.relations.push(relation);
    }

    /// The bounds of all numbers that each relation by itself leaves, used again and again. What is published
    /// contradicts itself where the least value is above the greatest.
    pub fn narrow(&mut self) {
        let mut changed: BTreeSet<usize> = (0..self.relations.len()).collect();
        for _ in 0..ROUNDS {
            let mut next = BTreeSet::new();
            for relation in std::mem::take(&mut changed) {
                for number in self.relations[relation].narrow(&mut self.bounds) {
                    next.extend(self.of[number].iter().copied());
                }
            }
            if next.is_empty() {
                return;
            }
            changed = next;
        }
    }

    /// The bounds of a number as they are known so far.
    pub fn bounds(&self, number: usize) -> Bounds {
        self.bounds[number]
    }

    /// The bounds of numbers that follow from the relations around them, in the order of the numbers.
    pub fn derived(&self, numbers: &[usize]) -> Vec<Bounds> {
        let components = self.components(numbers);
        let few = on_each(&components, || (), |(), component| self.few(component));
        // the numbers that are computed from the same one
        let mut groups: BTreeMap<(usize, usize), Vec<usize>> = BTreeMap::new();
        for (place, component) in components.iter().enumerate() {
            for number in &component.numbers {
                let of = match &few[place] {
                    Some(few) => few.substitution.image(*number).map(|image| image.of),
                    None => Some(*number),
                };
                of.into_iter().for_each(|of| groups.entry((place, of)).or_default().push(*number));
            }
        }
        let groups: Vec<_> = groups.into_iter().collect();
        let of_groups = on_each(
            &groups,
            || (),
            |(), ((place, of), numbers)| match &few[*place] {
                Some(few) => self.derived_of_few(few, *of, numbers),
                // of what contradicts itself, only what is near is looked at
                None => self.derived_within(&self.region(*of, REGION), *of),
            },
        );
        let mut found: HashMap<usize, Bounds> = HashMap::new();
        for (((place, _), numbers), bounds) in groups.iter().zip(of_groups) {
            for number in numbers {
                let image = few[*place].as_ref().and_then(|few| few.substitution.image(*number));
                let bounds = image.map_or(bounds, |image| image.bounds(bounds));
                found.insert(*number, both(self.bounds[*number], bounds));
            }
        }
        let bounds = |number| found.get(number).copied().unwrap_or(self.bounds[*number]);
        numbers.iter().map(bounds).collect()
    }

    /// The sets of numbers that relations link with each other.
    fn components(&self, numbers: &[usize]) -> Vec<Component> {
        let links = self.relations.iter().map(|relation| self.unknown_in(relation));
        let sets = linked(self.bounds.len(), links);
        let mut components: BTreeMap<usize, Component> = BTreeMap::new();
        for number in BTreeSet::from_iter(numbers) {
            components.entry(sets[*number]).or_default().numbers.push(*number);
        }
        for (place, relation) in self.relations.iter().enumerate() {
            let first = self.unknown_in(relation).next();
            let component = first.and_then(|first| components.get_mut(&sets[first]));
            component.into_iter().for_each(|component| component.relations.push(place));
        }
        components.into_values().collect()
    }

    fn unknown_in<'a>(&'a self, relation: &'a Relation) -> impl Iterator<Item = usize> + 'a {
        let numbers = relation.terms.iter().map(|(number, _)| *number);
        numbers.filter(|number| known(self.bounds[*number]).is_none())
    }

    /// A component with few numbers; `None` if it contradicts itself.
    fn few(&self, component: &Component) -> Option<Few> {
        let relations = component.relations.iter().map(|place| &self.relations[*place]);
        let mut substitution = Substitution::of(&self.bounds, relations)?;
        let is_exact = substitution.is_exact();
        let mut outsider = Outsider::default();
        substitution.bounds.drain(..).for_each(|bounds| _ = outsider.add(bounds));
        substitution.relations.drain(..).for_each(|relation| outsider.add_relation(relation));
        Some(Few { substitution, outsider, is_exact })
    }

    /// The bounds of one of few numbers, from which others are computed. No less is looked at than around each of them.
    fn derived_of_few(&self, few: &Few, of: usize, numbers: &[usize]) -> Bounds {
        if few.is_exact[of] {
            return few.outsider.bounds(of);
        }
        let mut region = few.outsider.region(of, REGION);
        for number in numbers {
            let near = self.region(*number, REGION).into_iter();
            region.extend(near.filter_map(|near| Some(few.substitution.image(near)?.of)));
        }
        few.outsider.derived_within(&region, of)
    }

    /// The bounds of a number by linear programs over a region.
    fn derived_within(&self, region: &BTreeSet<usize>, number: usize) -> Bounds {
        let (low, high) = self.bounds[number];
        if self.of[number].is_empty() {
            return (low, high);
        }
        let least = self.end(region, number, OptimizationDirection::Minimize);
        let greatest = self.end(region, number, OptimizationDirection::Maximize);
        both((low, high), (least.unwrap_or(low), greatest))
    }

    /// Unknown numbers around a number, the nearest first.
    fn region(&self, number: usize, most: usize) -> BTreeSet<usize> {
        let mut region = BTreeSet::from([number]);
        let mut queue = VecDeque::from([number]);
        while let Some(next) = queue.pop_front().filter(|_| region.len() < most) {
            let relations = self.of[next].iter().map(|relation| &self.relations[*relation]);
            for (other, _) in relations.flat_map(|relation| &relation.terms) {
                let (low, high) = self.bounds[*other];
                let is_open = high.is_none_or(|high| high > low + TOLERANCE);
                if is_open && region.len() < most && region.insert(*other) {
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
            let Relation { terms, constant, is_equation } = &self.relations[relation];
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
            program.add_constraint(sum, operator, -constant);
        }
        let failed = |_| Error::InternalError("interrupted".to_owned());
        let solution =
            program.solve().and_then(|solution| solution.into_solution().map_err(failed));
        solution.ok().map(|solution| solution.objective())
    }
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

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
        assert_eq!(outsider.derived(&parts[..1])[0], (1.0, Some(51.0)));
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
        let (low, high) = outsider.derived(&parts[..1])[0];
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

    /// Numbers with true values, and random relations between them that hold.
    fn drawn(seed: u64) -> Outsider {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut outsider = Outsider::default();
        let mut values: Vec<u64> = (0..6).map(|_| random.random_range(0..40)).collect();
        let mut numbers: Vec<usize> = values.iter().map(|_| outsider.unknown(0)).collect();
        for _ in 0..8 {
            let parts: Vec<usize> =
                (0..numbers.len()).filter(|_| random.random_bool(0.25)).collect();
            let sum: u64 = parts.iter().map(|part| values[*part]).sum();
            let parts: Vec<usize> = parts.iter().map(|part| numbers[*part]).collect();
            let more = random.random_range(0..20);
            match random.random_range(0..5) {
                0 => {
                    let whole = outsider.known(sum);
                    outsider.equal(whole, &parts);
                }
                1 | 2 => {
                    // what is left is another number
                    let whole = outsider.known(sum + more);
                    let rest = outsider.unknown(0);
                    outsider.equal(whole, &[parts, vec![rest]].concat());
                    numbers.push(rest);
                    values.push(more);
                }
                3 => {
                    let whole = outsider.known(2 * sum + more);
                    let parts: Vec<(usize, u64)> = parts.iter().map(|part| (*part, 2)).collect();
                    outsider.at_least_times(whole, &parts);
                }
                _ => {
                    let whole = outsider.known(sum.saturating_sub(more));
                    outsider.at_most(whole, &parts);
                }
            }
        }
        outsider
    }

    #[test]
    fn what_is_derived_is_what_one_program_over_everything_tells() {
        let mut narrower = 0;
        for seed in 0..200 {
            let given = drawn(seed);
            let mut outsider = drawn(seed);
            outsider.narrow();
            let numbers: Vec<usize> = (0..given.bounds.len()).collect();
            for (number, (low, high)) in numbers.iter().zip(outsider.derived(&numbers)) {
                let all = given.region(*number, usize::MAX);
                let (least, greatest) = given.derived_within(&all, *number);
                let is_same = |one: f64, other: f64| (one - other).abs() < 1e-6;
                assert!(is_same(low, least), "{seed}, {number}: {low}, {least}");
                let ends = (high.unwrap_or(-1.0), greatest.unwrap_or(-1.0));
                assert!(is_same(ends.0, ends.1), "{seed}, {number}: {ends:?}");
                let (low, high) = outsider.bounds(*number);
                narrower += u64::from(least > low + 1e-6 || greatest.is_some() && high.is_none());
                narrower += u64::from(
                    greatest.zip(high).is_some_and(|(greatest, high)| greatest < high - 1e-6),
                );
            }
        }
        // relations by themselves do not tell everything
        assert!(narrower > 50, "{narrower}");
    }
}
