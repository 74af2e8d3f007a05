//! The problem of a release: cells for the numbers of all tables, and what outsiders know about them.

use std::collections::HashMap;

use anyhow::{Result, anyhow, bail};
use chrono::NaiveDate;

use super::coarser_relations::Further;
use super::largest::{Behind, Largest};
use super::linked_dates::linked_dates;
use super::numbers::{
    Shown, WasReleased, bases, is_judged, is_known, is_sum, kind, kind_of_row, name, numbers, row,
    value, was_shown,
};
use super::relations::{Containers, Missing, Related, Times, relations, stated};
use super::table::{Number, Role, Row, Table};
use super::through::through_others;
use super::unseen::Unseen;
use crate::publication::{CellId, Inconsistent, Problem, Suppression, Thresholds};
use crate::views::publication::{Basis, Relation};

/// The cells of numbers.
pub struct Built {
    pub problem: Problem,
    pub cells: HashMap<Number, CellId>,
    /// Numbers with those that they contain, which have no device in common. Not all of these are shown in the end,
    /// and what outsiders compute is the difference of those that are.
    pub(super) contained: Vec<(CellId, Vec<CellId>)>,
    /// Relations none of whose parts is ever shown.
    pub(super) unseen: Vec<Unseen>,
    pub(super) min_devices: u64,
}

/// What is known beside the tables.
pub struct Knowledge<'a> {
    pub thresholds: Thresholds,
    pub containers: &'a Containers,
    /// Relations that no header states.
    pub further: &'a Further,
    /// True for rows of areas that are withheld as a whole.
    pub is_of_small_area: &'a dyn Fn(&Table, &Row) -> bool,
    pub largest: &'a Largest,
    pub shown: &'a Shown,
    pub was_released: WasReleased<'a>,
    /// True if all rows are there that are parts of a number of a row.
    pub is_wholly_read: &'a dyn Fn(Option<(chrono::NaiveDate, chrono::NaiveDate)>) -> bool,
}

/// Builds the problem.
///
/// # Errors
/// Numbers that contradict what headers say about them.
pub fn build(tables: &[Table], knowledge: &Knowledge) -> Result<Built> {
    let linked = linked_dates(tables, knowledge.shown);
    let was_released = |view: &str, period: Option<(NaiveDate, NaiveDate)>| {
        period.is_none_or(|period| linked.hold(period)) && (knowledge.was_released)(view, period)
    };
    let knowledge = &Knowledge { was_released: &was_released, ..*knowledge };
    let mut built = Built {
        problem: Problem::new(knowledge.thresholds),
        cells: HashMap::new(),
        contained: Vec::new(),
        unseen: Vec::new(),
        min_devices: knowledge.thresholds.min_devices,
    };
    built.add_counts(tables, knowledge);
    built.add_sums(tables, knowledge)?;
    built.withhold_small_areas(tables, knowledge);
    let further = knowledge.further.direct.iter().map(|(number, link)| (*number, link));
    let links = stated(tables).chain(further);
    let (related, missing) = relations(tables, links, knowledge.containers)?;
    built.refuse_missing(tables, &missing)?;
    built.withhold_close(tables, &related, knowledge);
    let is_judged = |number: Number| is_judged(tables, number, knowledge.was_released);
    let counts = related.iter().filter(|related| !is_sum(tables, related.whole));
    let through = through_others(counts, is_judged);
    for related in related.iter().chain(&through) {
        built
            .relate(tables, related, knowledge)
            .map_err(|error| contradiction(tables, related, &error))?;
    }
    let implied = knowledge.further.implied.iter().map(|(number, link)| (*number, link));
    let implied = relations(tables, implied, knowledge.containers)?.0;
    for related in &implied {
        built
            .relate_implied(tables, related, knowledge)
            .map_err(|error| contradiction(tables, related, &error))?;
    }
    built.relate_unseen().map_err(|error| anyhow!(error))?;
    let outgrown = built.add_history(tables, knowledge).map_err(|error| anyhow!(error))?;
    let all = related.iter().chain(&through).chain(&implied);
    built.relate_moved(tables, knowledge).map_err(|error| anyhow!(error))?;
    built.relate_outgrown(tables, &outgrown, all, knowledge).map_err(|error| anyhow!(error))?;
    Ok(built)
}

impl Built {
    /// The cell of a number, if it is one.
    pub fn cell(&self, number: Number) -> Option<CellId> {
        self.cells.get(&number).copied()
    }

    fn add_counts(&mut self, tables: &[Table], knowledge: &Knowledge) {
        for (table_number, table) in tables.iter().enumerate() {
            let is_count = |basis: &Basis| *basis == Basis::Devices;
            for (number, value) in numbers(table_number, table, is_count) {
                let row = &table.rows[number.row];
                let key = name(table, number);
                let cell = match row.role {
                    Role::Released | Role::Judged => self.problem.count(key, value, kind(table)),
                    Role::Context if is_hidden(tables, number, knowledge) => {
                        self.problem.hidden(key, value, kind(table))
                    }
                    Role::Context => self.problem.unpublished(key, value),
                    Role::Total => self.problem.computed(key, value),
                };
                self.cells.insert(number, cell);
            }
        }
    }

    fn add_sums(&mut self, tables: &[Table], knowledge: &Knowledge) -> Result<()> {
        for (table_number, table) in tables.iter().enumerate() {
            let of_measure = |measure| knowledge.largest.of(table, measure);
            let behind: Vec<_> = (0..table.measures.len()).map(of_measure).collect();
            for (measure, declared) in table.measures.iter().enumerate() {
                let counts = match &declared.basis {
                    Basis::Over(of) if !table.is_total => bases(tables, table_number, of),
                    basis if basis.is_sum() => vec![None; table.rows.len()],
                    _ => continue,
                };
                for (number, value) in numbers(table_number, table, |b| *b == declared.basis) {
                    if number.measure != measure {
                        continue;
                    }
                    let devices = counts[number.row].and_then(|count| self.cell(count));
                    let known = |measure: usize| behind[measure][number.row];
                    let key = || name(table, number);
                    let cell = match (table.rows[number.row].role, known(measure)) {
                        (Role::Total, Some(Behind { devices, largest })) if table.is_total => {
                            self.problem.computed_sum(key(), value, largest, devices)
                        }
                        (Role::Context, Some(Behind { devices, largest }))
                            if !table.is_amount[measure]
                                && is_hidden(tables, number, knowledge) =>
                        {
                            let sum = self.problem.hidden_sum(key(), value, largest, devices);
                            if let Some(count) = counts[number.row].and_then(|c| self.cell(c)) {
                                self.problem.at_least(sum, &[count]).map_err(|e| anyhow!(e))?;
                            }
                            sum
                        }
                        (Role::Context | Role::Total, _) => self.problem.unpublished(key(), value),
                        _ => self.add_sum(table, number, devices, &known)?,
                    };
                    self.cells.insert(number, cell);
                }
            }
        }
        Ok(())
    }

    fn withhold_small_areas(&mut self, tables: &[Table], knowledge: &Knowledge) {
        let mut cells: Vec<(Number, CellId)> = self.cells.iter().map(|(n, c)| (*n, *c)).collect();
        cells.sort_unstable();
        for (number, cell) in cells {
            let row = row(tables, number);
            if row.role == Role::Released
                && (knowledge.is_of_small_area)(&tables[number.table], row)
            {
                self.problem.withhold(cell);
            }
        }
    }

    /// Adds a sum over the devices of a count, or over devices that are counted nowhere. `behind` tells the devices
    /// behind the measures of its row.
    fn add_sum(
        &mut self,
        table: &Table,
        number: Number,
        devices: Option<CellId>,
        behind: &dyn Fn(usize) -> Option<Behind>,
    ) -> Result<CellId> {
        let (key, view) = (name(table, number), &table.view);
        let value = table.rows[number.row].numbers[number.measure].unwrap_or_default();
        let Some(Behind { devices: uncounted, largest }) =
            behind(number.measure).or((value == 0).then(Behind::default))
        else {
            bail!(
                "{key} is {value}, but no rows of single users add to it; correct the key largest in the header of \
                 {view}"
            );
        };
        let basis = &table.measures[number.measure].basis;
        let sum = match (devices, basis) {
            (None, Basis::Over(of)) => bail!(
                "{key} is {value}, but no row counts the devices behind it ({of}); correct the header of {view}, or run \
                 `mobility views`"
            ),
            (None, _) => {
                let kind = kind_of_row(table, number.row, self.min_devices, behind);
                self.problem.sum_of_uncounted(&key, value, largest, uncounted, kind)
            }
            (Some(devices), _) if table.is_amount[number.measure] => {
                Ok(self.problem.amount(key, value, largest, devices))
            }
            (Some(devices), _) => {
                // each of the others gives one at least
                let others = self.problem.value(devices).saturating_sub(1);
                let largest = largest.min(value.saturating_sub(others));
                self.problem.sum(key, value, largest, devices)
            }
        };
        sum.map_err(|error| {
            anyhow!("{error}; correct the header of {view}, by which each device adds one at least")
        })
    }

    fn refuse_missing(&self, tables: &[Table], missing: &[Missing]) -> Result<()> {
        for Missing { parts, place, .. } in missing {
            let part = parts.iter().find(|part| value(tables, **part).is_some_and(|n| n > 0));
            let Some(part) = part else { continue };
            let table = &tables[part.table];
            bail!(
                "{} is more than 0, but there is no row for {place}, which should contain it according to the \
                 header of {}; correct the header, or run `mobility views`",
                name(table, *part),
                table.view
            );
        }
        Ok(())
    }

    fn relate(
        &mut self,
        tables: &[Table],
        related: &Related,
        knowledge: &Knowledge,
    ) -> Result<(), Inconsistent> {
        let Some(whole) = self.cell(related.whole) else { return Ok(()) };
        let parts: Vec<CellId> = related.parts.iter().filter_map(|part| self.cell(*part)).collect();
        if parts.is_empty() {
            return Ok(());
        }
        if !related.times.is_empty() {
            let parts = related.parts.iter().zip(&related.times);
            let parts: Vec<(CellId, Times)> =
                parts.filter_map(|(part, times)| Some((self.cell(*part)?, *times))).collect();
            let times = |of: fn(Times) -> u64| -> Vec<(CellId, u64)> {
                parts.iter().map(|(part, times)| (*part, of(*times))).collect()
            };
            self.problem.at_least_times(whole, &times(|times| times.least))?;
            return self.problem.at_most_times(whole, &times(|times| times.most));
        }
        let period = row(tables, related.whole).period;
        let is_wholly_read = (knowledge.is_wholly_read)(period);
        if related.is_near {
            return self.relate_nearly(tables, related, whole, knowledge);
        }
        let is_of_sums = is_sum(tables, related.whole);
        // what is left of a count without others must be no count of few devices, even if it is withheld
        let is_known = |number: &Number| match is_of_sums {
            true => is_known(tables, *number, knowledge.shown),
            false => is_judged(tables, *number, knowledge.was_released),
        };
        // those with which outsiders compute differences
        let known: Vec<CellId> = match is_known(&related.whole) {
            true => {
                let known = related.parts.iter().filter(|part| is_known(part));
                known.filter_map(|part| self.cell(*part)).collect()
            }
            false => Vec::new(),
        };
        if is_of_sums {
            if !is_wholly_read {
                return parts.iter().try_for_each(|part| self.problem.at_least(whole, &[*part]));
            }
            // what is left of amounts tells nothing of the number of devices
            let is_amount = tables[related.whole.table].is_amount[related.whole.measure];
            if !is_amount && !known.is_empty() && known.len() < parts.len() {
                self.problem.leaves(whole, &known)?;
            }
            return self.problem.total(whole, &parts);
        }
        let relation = match related.relation {
            // parts that are not read may be missing
            _ if !is_wholly_read => Relation::In,
            relation => relation,
        };
        let is_sparse = related.parts.iter().any(|p| !tables[p.table].keys.are_complete());
        let is_sum = relation == Relation::Within || relation == Relation::Equal && is_sparse;
        if is_sum && known.len() > 1 && self.problem.is_in_table(whole) {
            self.contained.push((whole, known.clone()));
        }
        let is_partly_known = !known.is_empty() && known.len() < parts.len();
        match relation {
            Relation::Equal => {
                self.problem.total(whole, &parts)?;
                if is_partly_known {
                    self.problem.contains(whole, &known)?;
                }
            }
            Relation::Within => {
                if !known.is_empty() {
                    self.problem.contains(whole, &known)?;
                }
                if known.len() < parts.len() {
                    self.problem.at_least(whole, &parts)?;
                }
            }
            Relation::In | Relation::SeenIn => {
                for part in &parts {
                    match known.contains(part) {
                        true => drop(self.problem.contains(whole, &[*part])?),
                        false => self.problem.at_least(whole, &[*part])?,
                    }
                }
                if relation == Relation::SeenIn {
                    self.problem.at_most(whole, &parts)?;
                }
            }
        }
        Ok(())
    }

    /// A relation that follows from others: what is left of a number without the known ones that it contains is a number
    /// too.
    fn relate_implied(
        &mut self,
        tables: &[Table],
        related: &Related,
        knowledge: &Knowledge,
    ) -> Result<(), Inconsistent> {
        let is_known = |number: &Number| is_known(tables, *number, knowledge.shown);
        let Some(whole) = self.cell(related.whole).filter(|_| is_known(&related.whole)) else {
            return Ok(());
        };
        let known = related.parts.iter().filter(|part| is_known(part));
        let known: Vec<CellId> = known.filter_map(|part| self.cell(*part)).collect();
        if known.is_empty() || !related.times.is_empty() {
            return Ok(());
        }
        if related.is_near {
            return self.relate_nearly(tables, related, whole, knowledge);
        }
        if is_sum(tables, related.whole) {
            let is_amount = tables[related.whole.table].is_amount[related.whole.measure];
            return match !is_amount && known.len() < related.parts.len() {
                true => self.problem.leaves(whole, &known).map(drop),
                false => Ok(()),
            };
        }
        match related.relation {
            Relation::Equal | Relation::Within => self.problem.contains(whole, &known).map(drop),
            Relation::In | Relation::SeenIn => {
                known.iter().try_for_each(|part| self.problem.contains(whole, &[*part]).map(drop))
            }
        }
    }

    /// Adds, as counts of their own, the differences of shown numbers that count few devices: those of a number and
    /// the shown ones among the numbers that it contains. False if there are none.
    ///
    /// # Errors
    /// None in practice: that these are contained was checked before.
    pub fn add_small_differences(
        &mut self,
        suppression: &Suppression,
    ) -> Result<bool, Inconsistent> {
        let is_shown = |cell: CellId| !suppression.is_hidden(cell);
        let mut found = Vec::new();
        for (whole, parts) in self.contained.iter().filter(|(whole, _)| is_shown(*whole)) {
            let shown: Vec<CellId> = parts.iter().copied().filter(|part| is_shown(*part)).collect();
            let sum: u64 = shown.iter().map(|part| self.problem.value(*part)).sum();
            // a relation that is nearly always true may not be
            let rest = self.problem.value(*whole).saturating_sub(sum);
            // without a hidden part the rest is a cell already
            let is_new = !shown.is_empty() && shown.len() < parts.len();
            if is_new && (1..self.min_devices).contains(&rest) {
                found.push((*whole, shown));
            }
        }
        for (whole, shown) in &found {
            self.problem.contains(*whole, shown)?;
        }
        Ok(!found.is_empty())
    }
}

/// True for a number that an earlier release withheld.
fn is_hidden(tables: &[Table], number: Number, knowledge: &Knowledge) -> bool {
    let period = row(tables, number).period;
    (knowledge.was_released)(&tables[number.table].view, period)
        && !was_shown(tables, number, knowledge.shown)
}

fn contradiction(tables: &[Table], related: &Related, error: &Inconsistent) -> anyhow::Error {
    let view = related.parts.first().map_or("", |part| tables[part.table].view.as_str());
    anyhow!(
        "{error}, although the header of {view} says so; correct its keys sums and linked, or run `mobility views`"
    )
}
