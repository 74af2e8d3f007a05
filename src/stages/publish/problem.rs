//! The problem of a release: cells for the numbers of all tables, and what outsiders know about them.

use std::collections::{BTreeSet, HashMap};

use anyhow::{Result, anyhow, bail};

use super::relations::{Containers, Missing, Related, relations, stated, target};
use super::table::{KeyValues, Number, Role, Row, Table};
use crate::publication::{self, CellId, Inconsistent, Problem, Suppression, Thresholds};
use crate::views::publication::{Basis, Column, Link, Relation};

/// The largest contribution of one device to a sum: by view, measure and the values of keys in the order in which
/// the key `largest` names them.
pub type Largest = HashMap<(String, String), HashMap<KeyValues, u64>>;

/// Numbers that were shown earlier, by view, key in the ledger, and measure.
pub type Shown = HashMap<(String, String, String), BTreeSet<u64>>;

/// The cells of numbers.
pub struct Built {
    pub problem: Problem,
    pub cells: HashMap<Number, CellId>,
    /// Numbers with those that they contain, which have no device in common. Not all of these are shown in the end,
    /// and what outsiders compute is the difference of those that are.
    contained: Vec<(CellId, Vec<CellId>)>,
    min_devices: u64,
}

/// What is known beside the tables.
pub struct Knowledge<'a> {
    pub thresholds: Thresholds,
    pub containers: &'a Containers,
    /// Relations that no header states, by the number of the table.
    pub further: &'a [(usize, Link)],
    /// True for rows of areas that are withheld as a whole.
    pub is_of_small_area: &'a dyn Fn(&Table, &Row) -> bool,
    pub largest: &'a Largest,
    pub shown: &'a Shown,
    /// True if all rows are there that are parts of a number of a row.
    pub is_wholly_read: &'a dyn Fn(Option<(chrono::NaiveDate, chrono::NaiveDate)>) -> bool,
}

/// Builds the problem.
///
/// # Errors
/// Numbers that contradict what headers say about them.
pub fn build(tables: &[Table], knowledge: &Knowledge) -> Result<Built> {
    let mut built = Built {
        problem: Problem::new(knowledge.thresholds),
        cells: HashMap::new(),
        contained: Vec::new(),
        min_devices: knowledge.thresholds.min_devices,
    };
    built.add_counts(tables);
    built.add_sums(tables, knowledge.largest)?;
    built.withhold_small_areas(tables, knowledge);
    let further = knowledge.further.iter().map(|(number, link)| (*number, link));
    let links = stated(tables).chain(further);
    let (related, missing) = relations(tables, links, knowledge.containers)?;
    built.refuse_missing(tables, &missing)?;
    for related in &related {
        built
            .relate(tables, related, knowledge)
            .map_err(|error| contradiction(tables, related, &error))?;
    }
    built.add_history(tables, knowledge.shown).map_err(|error| anyhow!(error))?;
    Ok(built)
}

impl Built {
    /// The cell of a number, if it is one.
    pub fn cell(&self, number: Number) -> Option<CellId> {
        self.cells.get(&number).copied()
    }

    fn add_counts(&mut self, tables: &[Table]) {
        for (number, value) in numbers(tables, |basis| *basis == Basis::Devices) {
            let table = &tables[number.table];
            let key = name(table, number);
            let cell = match table.rows[number.row].role {
                Role::Released | Role::Judged => self.problem.count(key, value, kind(table)),
                Role::Context => self.problem.unpublished(key, value),
            };
            self.cells.insert(number, cell);
        }
    }

    fn add_sums(&mut self, tables: &[Table], largest: &Largest) -> Result<()> {
        for (number, table) in tables.iter().enumerate() {
            for (measure, declared) in table.measures.iter().enumerate() {
                let Basis::Over(of) = &declared.basis else { continue };
                let counts = bases(tables, number, of);
                let keys = largest_keys(table, &declared.column);
                let of_rows = largest.get(&(table.view.clone(), declared.column.clone()));
                for (row, of_row) in table.rows.iter().enumerate() {
                    let Some(value) = of_row.numbers[measure] else { continue };
                    if of_row.role == Role::Context {
                        continue;
                    }
                    let number = Number { table: number, row, measure };
                    let Some(devices) = counts[row].and_then(|count| self.cell(count)) else {
                        bail!(
                            "{} is {value}, but no row counts the devices behind it ({of}); correct the header of {}, or run \
                             `mobility views`",
                            name(table, number),
                            table.view
                        );
                    };
                    let key: KeyValues = keys.iter().map(|key| of_row.keys[*key].clone()).collect();
                    let largest = of_rows.and_then(|of_rows| of_rows.get(&key)).copied();
                    if largest.is_none() && value > 0 {
                        bail!(
                            "{} is {value}, but no rows of single users add to it; correct the key largest in the \
                             header of {}",
                            name(table, number),
                            table.view
                        );
                    }
                    let key = name(table, number);
                    let cell = self.problem.sum(key, value, largest.unwrap_or_default(), devices);
                    let cell = cell.map_err(|error| {
                        anyhow!("{error}; correct the header of {}, by which each device adds one at least", table.view)
                    })?;
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

    fn refuse_missing(&self, tables: &[Table], missing: &[Missing]) -> Result<()> {
        for Missing { parts, place } in missing {
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
        let is_known = |number: &Number| is_known(tables, *number, knowledge.shown);
        // those with which outsiders compute differences
        let known: Vec<CellId> = match is_known(&related.whole) {
            true => {
                let known = related.parts.iter().filter(|part| is_known(part));
                known.filter_map(|part| self.cell(*part)).collect()
            }
            false => Vec::new(),
        };
        let period = row(tables, related.whole).period;
        let relation = match related.relation {
            // parts that are not read may be missing
            _ if !(knowledge.is_wholly_read)(period) => Relation::In,
            relation => relation,
        };
        let is_sparse = related.parts.iter().any(|p| !tables[p.table].keys.are_complete);
        let is_sum = relation == Relation::Within || relation == Relation::Equal && is_sparse;
        if is_sum && known.len() > 1 {
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

    /// Adds, as counts of their own, the differences of shown numbers that count few devices: those of a number and
    /// the shown ones among the numbers that it contains. False if there are none.
    ///
    /// # Errors
    /// None in practice: that these are contained was checked before.
    pub fn add_small_differences(
        &mut self,
        suppression: &Suppression,
    ) -> Result<bool, Inconsistent> {
        let is_shown = |cell: CellId| suppression.withheld(cell).is_none();
        let mut found = Vec::new();
        for (whole, parts) in self.contained.iter().filter(|(whole, _)| is_shown(*whole)) {
            let shown: Vec<CellId> = parts.iter().copied().filter(|part| is_shown(*part)).collect();
            let sum: u64 = shown.iter().map(|part| self.problem.value(*part)).sum();
            let rest = self.problem.value(*whole) - sum;
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

    fn add_history(&mut self, tables: &[Table], shown: &Shown) -> Result<(), Inconsistent> {
        let mut cells: Vec<(Number, CellId)> =
            self.cells.iter().map(|(number, cell)| (*number, *cell)).collect();
        cells.sort_unstable();
        for (number, cell) in cells {
            for value in shown.get(&place(tables, number)).into_iter().flatten() {
                self.problem.was_released(cell, *value)?;
            }
        }
        Ok(())
    }
}

/// For each row of a table the number that one of its measures is computed from, or that counts its devices: in the
/// same row, or in the row of another view whose keys have the same values.
pub fn bases(tables: &[Table], own: usize, of: &Column) -> Vec<Option<Number>> {
    let rows = &tables[own].rows;
    let Some((table, measure)) = target(tables, own, of) else { return vec![None; rows.len()] };
    if table == own {
        return (0..rows.len()).map(|row| Some(Number { table, row, measure })).collect();
    }
    let (own, other) = (&tables[own], &tables[table]);
    let pairs: Vec<(usize, usize)> = other
        .identity
        .iter()
        .filter_map(|theirs| Some((own.key(&other.keys.columns[*theirs])?, *theirs)))
        .collect();
    let key = |row: &Row, keys: &mut dyn Iterator<Item = usize>| -> KeyValues {
        keys.map(|key| row.keys[key].clone()).collect()
    };
    let theirs = other.rows.iter().enumerate();
    let theirs: HashMap<KeyValues, usize> = theirs
        .map(|(number, row)| (key(row, &mut pairs.iter().map(|(_, theirs)| *theirs)), number))
        .collect();
    let found = |row: &Row| {
        let row = theirs.get(&key(row, &mut pairs.iter().map(|(ours, _)| *ours)))?;
        Some(Number { table, row: *row, measure })
    };
    own.rows.iter().map(found).collect()
}

/// The numbers of the measures of a kind.
fn numbers(tables: &[Table], is_wanted: impl Fn(&Basis) -> bool) -> Vec<(Number, u64)> {
    let mut found = Vec::new();
    for (table_number, table) in tables.iter().enumerate() {
        for (measure, declared) in table.measures.iter().enumerate() {
            if !is_wanted(&declared.basis) {
                continue;
            }
            for (row, of_row) in table.rows.iter().enumerate() {
                if let Some(value) = of_row.numbers[measure] {
                    found.push((Number { table: table_number, row, measure }, value));
                }
            }
        }
    }
    found
}

/// Where a number is in the ledger.
fn place(tables: &[Table], number: Number) -> (String, String, String) {
    let table = &tables[number.table];
    let key = table.ledger_key(&table.rows[number.row]);
    (table.view.clone(), key, table.measures[number.measure].column.clone())
}

/// True for a number of the release, and for one that an earlier release has shown: with it outsiders compute
/// differences.
fn is_known(tables: &[Table], number: Number, shown: &Shown) -> bool {
    row(tables, number).role != Role::Context || shown.contains_key(&place(tables, number))
}

fn row(tables: &[Table], number: Number) -> &Row {
    &tables[number.table].rows[number.row]
}

fn value(tables: &[Table], number: Number) -> Option<u64> {
    row(tables, number).numbers[number.measure]
}

fn kind(table: &Table) -> publication::Table {
    match table.keys.are_complete {
        true => publication::Table::Complete,
        false => publication::Table::Sparse,
    }
}

/// The own keys by which the rows of single users of a sum are found.
fn largest_keys(table: &Table, measure: &str) -> Vec<usize> {
    let link = table.publication.largest.iter().find(|link| link.counts == [measure]);
    let pairs = link.into_iter().flat_map(|link| &link.by);
    pairs.filter_map(|pair| table.key(&pair.ours.to_string())).collect()
}

/// The name of a number in messages. It is unique, and decides between equally good choices.
pub fn name(table: &Table, number: Number) -> String {
    let key = table.key_text(&table.rows[number.row]);
    format!("{}.{} of {key}", table.view, table.measures[number.measure].column)
}

fn contradiction(tables: &[Table], related: &Related, error: &Inconsistent) -> anyhow::Error {
    let view = related.parts.first().map_or("", |part| tables[part.table].view.as_str());
    anyhow!(
        "{error}, although the header of {view} says so; correct its keys sums and linked, or run `mobility views`"
    )
}
