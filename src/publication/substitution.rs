//! Fewer numbers and relations that say the same about what an outsider knows: most numbers are what another one lacks
//! of a published number, and are computed from it.

use hashbrown::HashMap;

use super::linked::linked;
use super::narrowing::{Bounds, Relation, TOLERANCE, both, is_contradiction, known};

/// Rounds in which relations are used to narrow bounds. Where these still change then, they are valid all the same.
const ROUNDS: usize = 200;

/// Numbers of which each is computed from one of a few.
#[derive(Debug, Default)]
pub(super) struct Substitution {
    /// The places of the numbers in the other lists.
    places: HashMap<usize, usize>,
    images: Vec<Image>,
    /// The bounds of the few numbers, by place, as narrow as each relation by itself leaves them.
    pub bounds: Vec<Bounds>,
    /// The relations between these that are left, with their places.
    pub relations: Vec<Relation>,
    /// True if the bounds changed until the last round.
    is_interrupted: bool,
}

/// A number is the one at another place or the negative of it, and a constant.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Image {
    pub of: usize,
    sign: f64,
    constant: f64,
}

impl Image {
    /// The bounds that follow from those of the other number.
    pub fn bounds(&self, (low, high): Bounds) -> Bounds {
        let value = |other: f64| self.sign * other + self.constant;
        match self.sign > 0.0 {
            true => (value(low), high.map(value)),
            false => (high.map_or(f64::NEG_INFINITY, value), Some(value(low))),
        }
    }

    /// What the bounds of the number say about the other.
    fn inverse(&self) -> Image {
        Image { constant: -self.sign * self.constant, ..*self }
    }
}

/// What became of a relation.
enum Use {
    /// It says nothing more than the bounds and the images do.
    Done,
    /// It may say more.
    Left,
}

impl Substitution {
    /// Numbers with their bounds, and all relations between them; `None` if they contradict each other.
    pub fn of<'a>(
        bounds: &[Bounds],
        relations: impl Iterator<Item = &'a Relation>,
    ) -> Option<Self> {
        let mut all = Substitution::default();
        let mut left: Vec<Relation> = relations.map(|r| all.with_places(r, bounds)).collect();
        if all.bounds.iter().any(|bounds| is_contradiction(*bounds)) {
            return None;
        }
        for round in 0..ROUNDS {
            let mut is_changed = false;
            let mut next = Vec::with_capacity(left.len());
            for relation in left {
                let relation = all.substitute(&relation);
                if let Use::Left = all.learn(&relation, &mut is_changed)? {
                    next.push(relation);
                }
            }
            left = next;
            if !is_changed {
                break;
            }
            all.is_interrupted = round + 1 == ROUNDS;
        }
        all.relations = left.iter().map(|relation| all.substitute(relation)).collect();
        (0..all.images.len()).for_each(|place| _ = all.image_at(place));
        Some(all)
    }

    /// A relation with the places of its numbers.
    fn with_places(&mut self, relation: &Relation, bounds: &[Bounds]) -> Relation {
        let mut place = |number: usize| {
            *self.places.entry(number).or_insert_with(|| {
                let of = self.bounds.len();
                self.images.push(Image { of, sign: 1.0, constant: 0.0 });
                self.bounds.push(bounds[number]);
                of
            })
        };
        let terms = relation.terms.iter().map(|(number, times)| (place(*number), *times));
        Relation { terms: terms.collect(), ..*relation }
    }

    /// What a number is computed from; `None` for one that is in no relation.
    pub fn image(&self, number: usize) -> Option<Image> {
        self.places.get(&number).map(|place| self.images[*place])
    }

    fn image_at(&mut self, place: usize) -> Image {
        let mut image = self.images[place];
        while self.images[image.of].of != image.of {
            let next = self.images[image.of];
            image = Image {
                of: next.of,
                sign: image.sign * next.sign,
                constant: image.sign * next.constant + image.constant,
            };
        }
        self.images[place] = image;
        image
    }

    /// A relation between the few numbers that are not known.
    fn substitute(&mut self, relation: &Relation) -> Relation {
        let mut constant = relation.constant;
        let mut terms: Vec<(usize, f64)> = Vec::with_capacity(relation.terms.len());
        for (place, times) in &relation.terms {
            let image = self.image_at(*place);
            constant += times * image.constant;
            let times = times * image.sign;
            match known(self.bounds[image.of]) {
                Some(value) => constant += times * value,
                None => terms.push((image.of, times)),
            }
        }
        terms.sort_unstable_by_key(|(place, _)| *place);
        terms.dedup_by(|(place, times), (kept, sum)| {
            let is_same = place == kept;
            *sum += if is_same { *times } else { 0.0 };
            is_same
        });
        terms.retain(|(_, times)| times.abs() > TOLERANCE);
        Relation { terms, constant, is_equation: relation.is_equation }
    }

    /// Uses what a relation tells by itself; `None` if it contradicts what is known.
    fn learn(&mut self, relation: &Relation, is_changed: &mut bool) -> Option<Use> {
        match relation.terms[..] {
            [] => {
                let is_true = relation.constant <= TOLERANCE
                    && (!relation.is_equation || relation.constant >= -TOLERANCE);
                return is_true.then_some(Use::Done);
            }
            [(one, times), (other, of_other)]
                if relation.is_equation && times.abs() == of_other.abs() =>
            {
                let (sign, constant) = (-times / of_other, -relation.constant / of_other);
                let image = Image { of: one, sign, constant };
                self.bounds[one] =
                    both(self.bounds[one], image.inverse().bounds(self.bounds[other]));
                self.images[other] = image;
                *is_changed = true;
                return (!is_contradiction(self.bounds[one])).then_some(Use::Done);
            }
            _ => {}
        }
        *is_changed |= !relation.narrow(&mut self.bounds).is_empty();
        if relation.terms.iter().any(|(place, _)| is_contradiction(self.bounds[*place])) {
            return None;
        }
        match relation.terms.len() == 1 || relation.is_certain(&self.bounds) {
            true => Some(Use::Done),
            false => Some(Use::Left),
        }
    }

    /// By place: true for numbers whose bounds are those that all relations together leave. That is so where no two
    /// relations are linked in two ways: each value within the bounds is then part of a solution.
    pub fn is_exact(&self) -> Vec<bool> {
        let links =
            self.relations.iter().map(|relation| relation.terms.iter().map(|(place, _)| *place));
        let sets = linked(self.bounds.len(), links);
        // a connected graph has a cycle unless its edges are one fewer than its nodes
        let mut cycles: Vec<i64> = vec![1; self.bounds.len()];
        sets.iter().for_each(|set| cycles[*set] -= 1);
        for relation in &self.relations {
            if let Some((first, _)) = relation.terms.first() {
                cycles[sets[*first]] += relation.terms.len() as i64 - 1;
            }
        }
        sets.iter().map(|set| !self.is_interrupted && cycles[*set] == 0).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn equation(terms: &[(usize, f64)], constant: f64) -> Relation {
        Relation { terms: terms.to_vec(), constant, is_equation: true }
    }

    /// The bounds of a number, and whether nothing narrower follows.
    fn bounds(all: &Substitution, number: usize) -> (Bounds, bool) {
        let image = all.image(number).unwrap();
        (image.bounds(all.bounds[image.of]), all.is_exact()[image.of])
    }

    #[test]
    fn what_another_number_lacks_of_a_published_one_is_computed_from_it() {
        // 7 and 9 are what 5 lacks of 20, and 9 is 3 at least; 4 is what 9 has more than 2
        let all = [(0.0, None); 10];
        let mut known = all;
        known[9] = (3.0, Some(18.0));
        let relations = [
            equation(&[(5, 1.0), (7, 1.0)], -20.0),
            equation(&[(9, 1.0), (5, 1.0)], -20.0),
            equation(&[(9, 1.0), (4, -1.0)], -2.0),
        ];
        let found = Substitution::of(&known, relations.iter()).unwrap();
        assert_eq!(bounds(&found, 5), ((2.0, Some(17.0)), true));
        assert_eq!(bounds(&found, 7), ((3.0, Some(18.0)), true));
        assert_eq!(bounds(&found, 9), ((3.0, Some(18.0)), true));
        assert_eq!(bounds(&found, 4), ((1.0, Some(16.0)), true));
        assert!(found.relations.is_empty() && found.image(6).is_none());
    }

    #[test]
    fn number_that_is_computed_from_itself_is_narrowed() {
        // 1 is what 0 lacks of 10, and is not greater
        let relations = [
            equation(&[(0, 1.0), (1, 1.0)], -10.0),
            Relation { terms: vec![(1, 1.0), (0, -1.0)], constant: 0.0, is_equation: false },
        ];
        let found = Substitution::of(&[(0.0, None); 2], relations.iter()).unwrap();
        assert_eq!(bounds(&found, 0), ((5.0, Some(10.0)), true));
        assert_eq!(bounds(&found, 1), ((0.0, Some(5.0)), true));
    }

    #[test]
    fn relations_that_are_linked_in_two_ways_may_say_more_together() {
        let all = [(0.0, None); 3];
        let relations = [
            equation(&[(0, 1.0), (1, 1.0), (2, 1.0)], -10.0),
            Relation { terms: vec![(0, 1.0), (1, 2.0)], constant: -12.0, is_equation: false },
        ];
        let alone = Substitution::of(&all, relations[..1].iter()).unwrap();
        assert_eq!(bounds(&alone, 2), ((0.0, Some(10.0)), true));
        let together = Substitution::of(&all, relations.iter()).unwrap();
        assert_eq!(bounds(&together, 1), ((0.0, Some(6.0)), false));
        assert_eq!(together.relations.len(), 2);
    }

    #[test]
    fn contradictions_are_found() {
        let relations =
            [equation(&[(0, 1.0), (1, 1.0)], -10.0), equation(&[(0, 1.0), (1, 1.0)], -11.0)];
        assert!(Substitution::of(&[(0.0, None); 2], relations.iter()).is_none());
        let apart = [equation(&[(0, 1.0), (1, -1.0)], 10.0)];
        assert!(Substitution::of(&[(0.0, None), (0.0, Some(5.0))], apart.iter()).is_none());
    }
}
