//! What follows from two relations by way of a number that is not released: the devices of a place on a date are among
//! those of the week, because they are among those of the date.

use std::collections::{BTreeMap, HashSet};

use super::numbers::is_sum;
use super::relations::Related;
use super::table::{Number, Table};
use crate::views::publication::Relation;

/// Relations that follow from one another at most.
const STEPS: usize = 4;

/// Relations of counts for which `is_judged` is true that follow from some by way of other numbers.
pub fn through_others(
    tables: &[Table],
    related: &[Related],
    is_judged: impl Fn(Number) -> bool,
) -> Vec<Related> {
    let mut content: BTreeMap<Number, Vec<Related>> = BTreeMap::new();
    let mut containers: BTreeMap<Number, Vec<&Related>> = BTreeMap::new();
    for found in related.iter().filter(|found| is_usable(tables, found)) {
        if !is_judged(found.whole) {
            content.entry(found.whole).or_default().push(found.clone());
        }
        for part in found.parts.iter().filter(|part| !is_judged(**part)) {
            containers.entry(*part).or_default().push(found);
            // what two names are of is the same
            if found.relation == Relation::Equal && found.parts.len() == 1 {
                let reversed = Related { whole: *part, parts: vec![found.whole], ..found.clone() };
                content.entry(*part).or_default().push(reversed);
            }
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

/// True for relations of counts that contain others, and nothing else.
fn is_usable(tables: &[Table], related: &Related) -> bool {
    related.times.is_empty() && related.beside.is_none() && !is_sum(tables, related.whole)
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
