//! The numbers that earlier releases have shown. Where more dates of a period have been loaded since, such a number was
//! made of the dates of then.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::NaiveDate;

use super::numbers::{is_known, is_sum, place, row};
use super::problem::{Built, Knowledge};
use super::relations::Related;
use super::table::{Number, Table};
use crate::publication::{CellId, Inconsistent};
use crate::views::publication::Relation;

/// A number of which an earlier release has shown the value that it had when fewer dates were loaded.
pub struct Outgrown {
    pub number: Number,
    /// The cell of the earlier value.
    pub earlier: CellId,
    /// The dates with events of then.
    pub dates: Arc<BTreeSet<NaiveDate>>,
}

/// True if a period has other dates with events now than in an earlier release, of which they are known.
pub fn has_more(
    now: &BTreeSet<NaiveDate>,
    earlier: &BTreeSet<NaiveDate>,
    period: Option<(NaiveDate, NaiveDate)>,
) -> bool {
    period.is_some_and(|(first, last)| {
        let mut before = earlier.range(first..=last).peekable();
        before.peek().is_some() && !before.eq(now.range(first..=last))
    })
}

impl Built {
    /// Adds what earlier releases have shown, and returns the numbers of periods that had fewer dates then.
    pub(super) fn add_history(
        &mut self,
        tables: &[Table],
        knowledge: &Knowledge,
    ) -> Result<Vec<Outgrown>, Inconsistent> {
        let mut outgrown = Vec::new();
        let shown = knowledge.shown;
        if shown.is_empty() {
            return Ok(outgrown);
        }
        let is_kept = |number: &Number| {
            let table = &tables[number.table];
            !table.is_total && table.is_kept(number.measure)
        };
        let cells = self.cells.iter().filter(|(number, _)| is_kept(number));
        let mut cells: Vec<(Number, CellId)> =
            cells.map(|(number, cell)| (*number, *cell)).collect();
        cells.sort_unstable();
        for (number, cell) in cells {
            let period = row(tables, number).period;
            for (value, dates) in shown.get(&place(tables, number)).into_iter().flatten() {
                let earlier = self.problem.was_released(cell, *value)?;
                let now = &knowledge.containers.periods.dates;
                if *value != self.problem.value(cell) && has_more(now, dates, period) {
                    outgrown.push(Outgrown { number, earlier, dates: Arc::clone(dates) });
                }
            }
        }
        Ok(outgrown)
    }

    /// States that earlier values contain what the numbers of today contain, as far as that is of the dates of then.
    pub(super) fn relate_outgrown<'a>(
        &mut self,
        tables: &[Table],
        outgrown: &[Outgrown],
        related: impl Iterator<Item = &'a Related>,
        knowledge: &Knowledge,
    ) -> Result<(), Inconsistent> {
        if outgrown.is_empty() {
            return Ok(());
        }
        let numbers: BTreeSet<Number> = outgrown.iter().map(|outgrown| outgrown.number).collect();
        let mut of_wholes: BTreeMap<Number, Vec<&Related>> = BTreeMap::new();
        let containing = related.filter(|found| found.only_contains());
        for found in containing.filter(|found| numbers.contains(&found.whole)) {
            of_wholes.entry(found.whole).or_default().push(found);
        }
        for Outgrown { number, earlier, dates } in outgrown {
            let is_of_then = |part: &&Number| {
                row(tables, **part).period.is_some_and(|(first, last)| {
                    let mut now = knowledge.containers.periods.dates.range(first..=last).peekable();
                    now.peek().is_some() && now.all(|date| dates.contains(date))
                })
            };
            for found in of_wholes.get(number).into_iter().flatten() {
                let parts = found.parts.iter().filter(is_of_then);
                let parts = parts.filter(|part| is_known(tables, **part, knowledge.shown));
                let parts: Vec<CellId> = parts.filter_map(|part| self.cell(*part)).collect();
                match (is_sum(tables, *number), found.relation) {
                    (true, _) if tables[number.table].is_amount[number.measure] => {}
                    (true, _) => self.relate_earlier(*earlier, &parts, true)?,
                    (false, Relation::Equal | Relation::Within) => {
                        self.relate_earlier(*earlier, &parts, false)?;
                    }
                    (false, Relation::In | Relation::SeenIn) => {
                        for part in &parts {
                            self.relate_earlier(*earlier, &[*part], false)?;
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// States that an earlier value contains numbers, unless these have become larger since.
    fn relate_earlier(
        &mut self,
        earlier: CellId,
        parts: &[CellId],
        is_sum: bool,
    ) -> Result<(), Inconsistent> {
        let sum: u64 = parts.iter().map(|part| self.problem.value(*part)).sum();
        if parts.is_empty() || sum > self.problem.value(earlier) {
            return Ok(());
        }
        match is_sum {
            true => self.problem.leaves(earlier, parts).map(drop),
            false => self.problem.contains(earlier, parts).map(drop),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_are_outgrown_where_dates_were_loaded_that_they_hold() {
        let dates = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
        let date = |text: &str| text.parse::<NaiveDate>().unwrap();
        let earlier: BTreeSet<NaiveDate> = dates(&["2024-10-01", "2024-10-02"]);
        let now: BTreeSet<NaiveDate> = dates(&["2024-10-01", "2024-10-02", "2024-10-03"]);
        let week = Some((date("2024-09-30"), date("2024-10-06")));
        assert!(has_more(&now, &earlier, week));
        assert!(!has_more(&earlier, &earlier, week));
        assert!(!has_more(&now, &earlier, Some((date("2024-10-01"), date("2024-10-02")))));
        // releases of earlier versions do not say which dates there were
        assert!(!has_more(&now, &BTreeSet::new(), week));
        assert!(!has_more(&now, &earlier, None));
    }
}
