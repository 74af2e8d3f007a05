//! Where the numbers of tables are, and what is known about each by itself.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use chrono::NaiveDate;

use super::largest::Behind;
use super::relations::target;
use super::table::{KeyValues, Number, Role, Row, Table};
use crate::publication;
use crate::views::publication::{Basis, Column, RowsOf};

/// Numbers that were shown earlier, by view, key in the ledger, and measure, each with the dates with events that there
/// were in the last release that showed it.
pub type Shown = HashMap<(String, String, String), BTreeMap<u64, Arc<BTreeSet<NaiveDate>>>>;

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
pub fn numbers(
    table_number: usize,
    table: &Table,
    is_wanted: impl Fn(&Basis) -> bool,
) -> Vec<(Number, u64)> {
    let mut found = Vec::new();
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
    found
}

/// Where a number is in the ledger.
pub fn place(tables: &[Table], number: Number) -> (String, String, String) {
    let table = &tables[number.table];
    let key = table.ledger_key(&table.rows[number.row]);
    (table.view.clone(), key, table.measures[number.measure].column.clone())
}

/// True if an earlier release has numbers of a view and of a period, first and last date, shown or withheld.
pub type WasReleased<'a> = &'a dyn Fn(&str, Option<(NaiveDate, NaiveDate)>) -> bool;

/// True for a number of the release, and for one that an earlier release has shown: with it outsiders compute
/// differences.
pub fn is_known(tables: &[Table], number: Number, shown: &Shown) -> bool {
    row(tables, number).role != Role::Context || was_shown(tables, number, shown)
}

/// True for a number of the release and for one of an earlier release, shown or withheld: it must not follow from
/// others.
pub fn is_judged(tables: &[Table], number: Number, was_released: WasReleased) -> bool {
    let row = row(tables, number);
    row.role != Role::Context || was_released(&tables[number.table].view, row.period)
}

/// True for a number that an earlier release has shown.
pub fn was_shown(tables: &[Table], number: Number, shown: &Shown) -> bool {
    // most releases have no earlier ones, and the place of a number is a text
    !shown.is_empty() && shown.contains_key(&place(tables, number))
}

pub fn row(tables: &[Table], number: Number) -> &Row {
    &tables[number.table].rows[number.row]
}

pub fn value(tables: &[Table], number: Number) -> Option<u64> {
    row(tables, number).numbers[number.measure]
}

pub fn is_sum(tables: &[Table], number: Number) -> bool {
    tables[number.table].measures[number.measure].basis.is_sum()
}

pub fn kind(table: &Table) -> publication::Table {
    match table.keys.rows {
        RowsOf::EveryKey => publication::Table::Complete,
        RowsOf::AnyNumber | RowsOf::Devices => publication::Table::Sparse,
    }
}

/// The kind of table that a row belongs to: where a row is there if any of its numbers is shown, that is one with nulls
/// for rows in which a number can be.
pub fn kind_of_row(
    table: &Table,
    row: usize,
    min_devices: u64,
    behind: &dyn Fn(usize) -> Option<Behind>,
) -> publication::Table {
    let can_be_shown = |measure: usize| {
        let value = table.rows[row].numbers[measure].unwrap_or_default();
        behind(measure).is_some_and(|Behind { devices, largest }| {
            devices >= min_devices && u128::from(largest) * 2 <= u128::from(value)
        })
    };
    match table.keys.rows == RowsOf::AnyNumber && (0..table.measures.len()).any(can_be_shown) {
        true => publication::Table::Complete,
        false => kind(table),
    }
}

/// The name of a number in messages. It is unique, and decides between equally good choices.
pub fn name(table: &Table, number: Number) -> String {
    let key = table.key_text(&table.rows[number.row]);
    format!("{}.{} of {key}", table.view, table.measures[number.measure].column)
}
