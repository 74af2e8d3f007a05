//! Relations that are nearly always true: outsiders rely on them where the numbers agree.

use std::collections::HashSet;

use super::numbers::{is_known, is_sum, was_shown};
use super::problem::{Built, Knowledge};
use super::relations::Related;
use super::table::{Number, Table};
use super::unseen::{Unseen, needed};
use crate::publication::{CellId, Inconsistent};
use crate::views::publication::Relation;

/// By how many times the smallest number that is shown a number has to be larger than one that it nearly always
/// contains, so that nobody concludes anything about few devices from it.
const FAR: u64 = 10;

impl Built {
    /// A relation that is nearly always true: where it is, outsiders rely on it. Numbers that are withheld anyway tell
    /// no difference, and are as large as the other number at most in any case.
    pub(super) fn relate_nearly(
        &mut self,
        tables: &[Table],
        related: &Related,
        whole: CellId,
        knowledge: &Knowledge,
    ) -> Result<(), Inconsistent> {
        let is_known = |number: &Number| is_known(tables, *number, knowledge.shown);
        let known = related.parts.iter().filter(|part| is_known(part));
        let mut parts: Vec<CellId> = known.filter_map(|part| self.cell(*part)).collect();
        if !is_known(&related.whole) || parts.is_empty() {
            return Ok(());
        }
        // where such a total might tell something, the parts are withheld already
        let is_part = |part: &CellId| self.problem.sums_of(*part).next().is_some();
        let is_withheld = !related.parts.iter().any(|p| was_shown(tables, *p, knowledge.shown));
        if tables[related.whole.table].is_total && is_withheld && parts.iter().all(is_part) {
            return Ok(());
        }
        let value = self.problem.value(whole);
        if related.relation == Relation::Within {
            let sum: u64 = parts.iter().map(|part| self.problem.value(*part)).sum();
            if sum > value {
                return Ok(());
            }
            let is_unseen = parts.iter().all(|part| self.is_unseen(*part));
            if let Some(beside) = related.beside {
                let Some(cell) = self.many(tables, beside, knowledge) else { return Ok(()) };
                let left = (value - sum).checked_sub(self.problem.value(cell));
                if left.is_none_or(|left| left >= FAR.saturating_mul(self.min_devices)) {
                    return Ok(());
                }
                parts.push(cell);
            }
            if is_unseen {
                self.unseen.push(Unseen { whole, parts });
                return Ok(());
            }
            if parts.len() > 1 {
                self.contained.push((whole, parts.clone()));
            }
            return self.problem.contains(whole, &parts).map(drop);
        }
        for part in &parts {
            let of_part = self.problem.value(*part);
            let is_near = value.saturating_sub(of_part) < FAR.saturating_mul(self.min_devices);
            if of_part <= value && self.is_unseen(*part) {
                self.unseen.push(Unseen { whole, parts: vec![*part] });
            } else if is_near && (self.min_devices..=value).contains(&of_part) {
                self.problem.contains(whole, &[*part])?;
            }
        }
        Ok(())
    }

    /// True for a count that is never shown, and that is a part of a sum of counts.
    fn is_unseen(&self, part: CellId) -> bool {
        self.problem.is_primary(part) && self.problem.sums_of(part).next().is_some()
    }

    /// The cell of a known number, unless it is of few devices: what is left of another without that one is known of many.
    fn many(&self, tables: &[Table], number: Number, knowledge: &Knowledge) -> Option<CellId> {
        let cell = self.cell(number).filter(|_| is_known(tables, number, knowledge.shown))?;
        (!self.problem.is_primary(cell)).then_some(cell)
    }

    /// Withholds counts that are parts of a sum of counts, like those of all places at an hour, where a number that nearly
    /// always contains them differs by few devices. There are many of them for each such number, and others that are
    /// left out of the sum take their place, so that nothing else has to be looked for.
    pub(super) fn withhold_close(
        &mut self,
        tables: &[Table],
        related: &[Related],
        knowledge: &Knowledge,
    ) {
        let of = |number: &Number| (number.table, number.measure);
        let is_sum_of_counts = |related: &&Related| {
            related.relation == Relation::Equal
                && related.parts.len() > 1
                && !is_sum(tables, related.whole)
        };
        let summed: HashSet<(usize, usize)> = related
            .iter()
            .filter(is_sum_of_counts)
            .flat_map(|related| related.parts.iter().map(of))
            .collect();
        // totals with a part of few devices
        let has_few = |related: &&Related| {
            let mut parts = related.parts.iter().filter_map(|part| self.cell(*part));
            tables[related.whole.table].is_total && parts.any(|part| self.problem.is_primary(part))
        };
        let equations = related.iter().filter(|related| related.relation == Relation::Equal);
        let with_few: HashSet<Number> = equations.filter(has_few).map(|r| r.whole).collect();
        let is_known = |number: &Number| is_known(tables, *number, knowledge.shown);
        for Related { whole, parts, beside, is_near, .. } in related {
            let is_meant = *is_near && parts.iter().all(|part| summed.contains(&of(part)));
            let Some(cell) = self.cell(*whole).filter(|_| is_meant && is_known(whole)) else {
                continue;
            };
            let known = parts.iter().filter(|part| is_known(part));
            let known = known.filter_map(|part| Some((*part, self.cell(*part)?)));
            let shown: Vec<(Number, CellId)> =
                known.filter(|(_, cell)| !self.problem.is_primary(*cell)).collect();
            let sum: u64 = shown.iter().map(|(_, cell)| self.problem.value(*cell)).sum();
            // what an earlier release has shown cannot be withheld any more
            let can_be_withheld =
                shown.iter().rev().filter(|(n, _)| !was_shown(tables, *n, knowledge.shown));
            let smallest = can_be_withheld.min_by_key(|(_, cell)| self.problem.value(*cell));
            let beside = match beside.map(|beside| self.many(tables, beside, knowledge)) {
                Some(Some(cell)) => self.problem.value(cell),
                Some(None) => continue,
                None => 0,
            };
            let rest = self.problem.value(cell).checked_sub(sum + beside);
            // a total that is not published tells by its size how few are in one of its parts
            let least = if with_few.contains(whole) { 0 } else { 1 };
            // without the smallest of them, the difference is a number of many
            if let Some((_, smallest)) = smallest
                && rest.is_some_and(|rest| (least..self.min_devices).contains(&rest))
            {
                self.problem.withhold_close(*smallest);
            }
        }
    }

    /// States relations none of whose parts is shown, as far as an outsider could use them: where all that is left out of
    /// a sum is limited, so that one of its parts cannot be smaller.
    pub(super) fn relate_unseen(&mut self) -> Result<(), Inconsistent> {
        let unseen = std::mem::take(&mut self.unseen);
        for number in needed(&self.problem, &unseen, self.min_devices) {
            let Unseen { whole, parts } = &unseen[number];
            if parts.len() > 1 {
                self.contained.push((*whole, parts.clone()));
            }
            self.problem.contains(*whole, parts)?;
        }
        Ok(())
    }
}
