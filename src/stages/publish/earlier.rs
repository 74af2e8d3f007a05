//! What an outsider has from earlier releases: their numbers complete those of a later one, and where both have a
//! number, its change is a count.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use anyhow::{Result, bail};

use super::numbers::name;
use super::table::{KeyValues, Number, Role, Row, Table};
use crate::views::publication::Basis;

/// Adds the tables of an earlier release, in `folder`, to those of later ones, and returns the changes of numbers that
/// are counts of few devices. A number that a later release has withheld may have changed, so that it is not known.
///
/// # Errors
/// Views that have other keys or numbers in the earlier release.
pub fn add_earlier(
    tables: &mut Vec<Table>,
    (folder, earlier): (&Path, Vec<Table>),
    min_devices: u64,
) -> Result<Vec<String>> {
    let mut changes = Vec::new();
    for table in earlier {
        match tables.iter_mut().find(|later| later.view == table.view) {
            None => tables.push(table),
            Some(later) => {
                if later.keys != table.keys || later.measures != table.measures {
                    bail!(
                        "{} has other columns in {} than in the release that is looked at; releases of different \
                         versions of a view cannot be looked at together",
                        table.view,
                        folder.display()
                    );
                }
                let found = changes_of(later, &table, min_devices);
                changes.extend(found.map(|(name, change)| {
                    format!(
                        "{name} has changed by {change} since the release in {}",
                        folder.display()
                    )
                }));
                add_rows(later, table);
            }
        }
    }
    Ok(changes)
}

/// The dates and times of a row.
fn times(table: &Table, row: &Row) -> KeyValues {
    let keys = row.keys.iter().zip(&table.is_time);
    keys.filter(|(_, is_time)| **is_time).map(|(value, _)| value.clone()).collect()
}

/// The names of counts that are known from both releases, with the difference if it is that of few devices.
fn changes_of<'a>(
    later: &'a Table,
    earlier: &'a Table,
    min_devices: u64,
) -> impl Iterator<Item = (String, u64)> + 'a {
    let rows: HashMap<KeyValues, &Row> =
        earlier.rows.iter().map(|row| (earlier.identity_of(row), row)).collect();
    later.rows.iter().enumerate().flat_map(move |(number, row)| {
        let before = rows.get(&later.identity_of(row)).copied();
        let counts = later.measures.iter().enumerate();
        let counts = counts.filter(|(_, declared)| declared.basis == Basis::Devices);
        counts
            .filter_map(move |(measure, _)| {
                let (now, before) = (row.numbers[measure]?, before?.numbers[measure]?);
                let change = now.abs_diff(before);
                let name = name(later, Number { table: 0, row: number, measure });
                (1..min_devices).contains(&change).then_some((name, change))
            })
            .collect::<Vec<_>>()
    })
}

/// Adds the rows that only the earlier table has. Those of times that the later one has are left out in it, so that
/// their numbers may be others by now.
fn add_rows(later: &mut Table, earlier: Table) {
    let known: HashSet<KeyValues> = later.rows.iter().map(|row| later.identity_of(row)).collect();
    let known_times: HashSet<KeyValues> = later.rows.iter().map(|row| times(later, row)).collect();
    for mut row in earlier.rows {
        if known.contains(&later.identity_of(&row)) {
            continue;
        }
        if known_times.contains(&times(later, &row)) {
            row.role = Role::Context;
            row.numbers.fill(None);
        }
        later.rows.push(row);
    }
}
