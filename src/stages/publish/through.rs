//! What follows from two relations by way of a number that is not released: the devices of a place on a date are among
//! those of the week, because they are among those of the date.

use std::collections::{BTreeMap, HashSet};

use super::relations::Related;
use super::table::Number;
use crate::views::publication::Relation;

/// Relations that follow from one another at most.
const STEPS: usize = 4;

/// Relations of counts for which `is_judged` is true that follow from some by way of other counts.
pub fn through_others<'a>(
    related: impl Iterator<Item = &'a Related> + Clone,
    is_judged: impl Fn(Number) -> bool,
) -> Vec<Related> {
    let usable = || related.clone().filter(|found| found.only_contains());
    let mut content: BTreeMap<Number, Vec<Related>> = BTreeMap::new();
    for found in usable() {
        if !is_judged(found.whole) && found.parts.iter().any(|part| is_judged(*part)) {
            content.entry(found.whole).or_default().push(found.clone());
        }
        // what two names are of is the same
        if let (Relation::Equal, [part]) = (found.relation, &found.parts[..])
            && is_judged(found.whole)
            && !is_judged(*part)
        {
            let reversed = Related { whole: *part, parts: vec![found.whole], ..found.clone() };
            content.entry(*part).or_default().push(reversed);
        }
    }
    if content.is_empty() {
        return Vec::new();
    }
    // most numbers contain no others
    let kind = |number: Number| (number.table, number.measure);
    let between: HashSet<(usize, usize)> =
        usable().map(|found| kind(found.whole)).chain(content.keys().map(|n| kind(*n))).collect();
    let mut containers: BTreeMap<Number, Vec<&Related>> = BTreeMap::new();
    for found in usable() {
        let parts = found.parts.iter().filter(|part| between.contains(&kind(**part)));
        for part in parts.filter(|part| !is_judged(**part)) {
            containers.entry(*part).or_default().push(found);
        }
    }
    let mut all = Vec::new();
    let mut known: HashSet<(Number, Vec<Number>)> = HashSet::new();
    let mut latest = content.clone();
    for _ in 0..STEPS {
        let mut next: BTreeMap<Number, Vec<Related>> = BTreeMap::new();
        for (between, inner) in &latest {
            for outer in containers.get(between).into_iter().flatten() {
                for inner in inner {
                    let Some(found) = joined(inner, outer, *between, &content) else { continue };
                    let is_new = known.insert((found.whole, found.parts.clone()));
                    match is_judged(found.whole) {
                        _ if !is_new => {}
                        true => all.push(found),
                        false => next.entry(found.whole).or_default().push(found),
                    }
                }
            }
        }
        for (whole, found) in &next {
            content.entry(*whole).or_default().extend(found.iter().cloned());
        }
        latest = next;
    }
    all
}

/// What follows for the whole of `outer` from a relation of one of its parts, `between`.
fn joined(
    inner: &Related,
    outer: &Related,
    between: Number,
    content: &BTreeMap<Number, Vec<Related>>,
) -> Option<Related> {
    let is_single = matches!(outer.relation, Relation::In | Relation::SeenIn);
    let mut is_near = inner.is_near || outer.is_near;
    let mut parts = inner.parts.clone();
    let mut relation = match inner.relation {
        Relation::In | Relation::SeenIn => Relation::In,
        Relation::Equal | Relation::Within => Relation::Within,
    };
    if !is_single && outer.parts.len() > 1 {
        disjoint(inner)?;
        // the numbers beside it are replaced by what the same statement says about them
        for beside in outer.parts.iter().filter(|part| **part != between) {
            match content.get(beside) {
                None => parts.push(*beside),
                Some(all) => {
                    let same = all.iter().find(|found| found.link == inner.link);
                    let Some((same, of_same)) = same.and_then(|s| Some((s, disjoint(s)?))) else {
                        continue;
                    };
                    is_near |= same.is_near;
                    parts.extend(of_same);
                }
            }
        }
        relation = Relation::Within;
    }
    parts.sort_unstable();
    parts.dedup();
    let is_other = !parts.is_empty() && !parts.contains(&outer.whole);
    is_other.then(|| Related {
        link: inner.link,
        relation,
        is_near,
        whole: outer.whole,
        parts,
        beside: None,
        times: Vec::new(),
    })
}

/// The parts of a relation, if no device is in two of them.
fn disjoint(related: &Related) -> Option<&[Number]> {
    let is_disjoint = matches!(related.relation, Relation::Equal | Relation::Within);
    (is_disjoint || related.parts.len() == 1).then_some(&related.parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(table: usize, row: usize) -> Number {
        Number { table, row, measure: 0 }
    }

    fn related(link: usize, relation: Relation, whole: Number, parts: &[Number]) -> Related {
        let parts = parts.to_vec();
        Related { link, relation, is_near: false, whole, parts, beside: None, times: Vec::new() }
    }

    /// Relations by way of the numbers of table 1.
    fn found(related: &[Related]) -> Vec<(Relation, Number, Vec<Number>)> {
        let all = through_others(related.iter(), |number| number.table != 1);
        all.into_iter().map(|found| (found.relation, found.whole, found.parts)).collect()
    }

    #[test]
    fn what_is_in_a_number_that_nobody_sees_is_in_what_contains_that() {
        let (lau, date, other_date, week) =
            (number(0, 0), number(1, 0), number(1, 1), number(2, 0));
        let all = [
            related(0, Relation::In, date, &[lau]),
            related(1, Relation::SeenIn, week, &[date, other_date]),
        ];
        assert_eq!(found(&all), [(Relation::In, week, vec![lau])]);
        // all of them are released, or the last one is not
        assert!(through_others(all.iter(), |_| true).is_empty());
        assert!(through_others(all.iter(), |number| number.table == 0).is_empty());
    }

    #[test]
    fn number_with_two_names_is_in_what_contains_the_other_one() {
        let (copy, original, date) = (number(0, 0), number(1, 0), number(2, 0));
        let is_copy = related(0, Relation::Equal, original, &[copy]);
        let is_original = related(0, Relation::Equal, copy, &[original]);
        let in_date = related(1, Relation::In, date, &[original]);
        for equal in [is_copy, is_original] {
            let [(_, whole, parts)] = &found(&[equal, in_date.clone()])[..] else { panic!() };
            assert_eq!((whole, &parts[..]), (&date, &[copy][..]));
        }
    }

    #[test]
    fn parts_of_numbers_that_add_up_add_up_themselves() {
        let parts = [number(0, 0), number(0, 1), number(0, 2)];
        let (first, second, sum) = (number(1, 0), number(1, 1), number(2, 0));
        let all = [
            related(0, Relation::Equal, first, &parts[..2]),
            related(0, Relation::Equal, second, &parts[2..]),
            related(1, Relation::Within, sum, &[first, second]),
        ];
        assert_eq!(found(&all), [(Relation::Within, sum, parts.to_vec())]);
        // those that may be the same devices do not
        let all = [
            related(0, Relation::SeenIn, first, &parts[..2]),
            related(1, Relation::Within, sum, &[first, second]),
        ];
        assert!(found(&all).is_empty());
    }

    #[test]
    fn longer_chains_are_followed() {
        let chain = [number(0, 0), number(1, 0), number(1, 1), number(1, 2), number(2, 0)];
        let all: Vec<Related> = chain
            .windows(2)
            .enumerate()
            .map(|(link, pair)| related(link, Relation::In, pair[1], &pair[..1]))
            .collect();
        assert_eq!(found(&all), [(Relation::In, chain[4], vec![chain[0]])]);
    }
}
