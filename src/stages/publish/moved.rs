//! Devices whose home has become known, or another, since an earlier release: they are in other rows now, and all rows
//! together have them as before.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::numbers::{place, value};
use super::problem::{Built, Knowledge};
use super::table::{KeyValues, Number, Role, Table};
use crate::publication::{CellId, Inconsistent};
use crate::views::publication::{Basis, KeyValue, Link, Period};

/// What an earlier release has shown of a group of rows.
#[derive(Default)]
struct Earlier {
    sum: u64,
    /// One of the numbers is another one now.
    has_changed: bool,
}

/// The keys that say where devices live or work, by their places in what identifies a row.
fn movable(table: &Table) -> BTreeSet<usize> {
    let is_of_windows = |link: &&Link| {
        let mut values = link.by.iter().map(|pair| &pair.ours);
        values.any(|value| matches!(value, KeyValue::Period(Period::AnchorWindow, _)))
    };
    let links = table.publication.sums.iter().chain(&table.publication.linked);
    let of_link = |link: &Link| -> Vec<String> {
        match &link.condition {
            // present devices by their role
            Some(condition) => vec![condition.column.clone()],
            None => link.by.iter().filter_map(|pair| column(&pair.ours)).collect(),
        }
    };
    let names: BTreeSet<String> = links.filter(is_of_windows).flat_map(of_link).collect();
    let places = table.identity.iter().enumerate();
    places
        .filter(|(_, key)| names.contains(&table.keys.columns[**key]) && !table.is_time[**key])
        .map(|(place, _)| place)
        .collect()
}

fn column(value: &KeyValue) -> Option<String> {
    match value {
        KeyValue::Column(column) | KeyValue::Area(_, column) => Some(column.clone()),
        _ => None,
    }
}

impl Built {
    /// States that rows that differ by homes alone have no fewer devices together than an earlier release has shown.
    pub(super) fn relate_moved(
        &mut self,
        tables: &[Table],
        knowledge: &Knowledge,
    ) -> Result<(), Inconsistent> {
        if knowledge.shown.is_empty() {
            return Ok(());
        }
        for (number, table) in tables.iter().enumerate().filter(|(_, table)| !table.is_total) {
            let movable = movable(table);
            let counts = table.measures.iter().enumerate();
            let counts = counts.filter(|(_, declared)| declared.basis == Basis::Devices);
            for (measure, _) in counts.filter(|_| !movable.is_empty()) {
                self.relate_groups(tables, (number, measure), &movable, knowledge)?;
            }
        }
        Ok(())
    }

    fn relate_groups(
        &mut self,
        tables: &[Table],
        (number, measure): (usize, usize),
        movable: &BTreeSet<usize>,
        knowledge: &Knowledge,
    ) -> Result<(), Inconsistent> {
        let table = &tables[number];
        let group = |identity: KeyValues| -> KeyValues {
            let keys = identity.into_iter().enumerate();
            keys.filter(|(place, _)| !movable.contains(place)).map(|(_, value)| value).collect()
        };
        let mut cells: BTreeMap<KeyValues, Vec<CellId>> = BTreeMap::new();
        let mut now: BTreeMap<String, u64> = BTreeMap::new();
        let mut released: BTreeSet<KeyValues> = BTreeSet::new();
        for (row_number, row) in table.rows.iter().enumerate() {
            let of = Number { table: number, row: row_number, measure };
            if let Some(cell) = self.cell(of).filter(|_| row.role != Role::Total) {
                let group = group(table.identity_of(row));
                if row.role != Role::Context {
                    released.insert(group.clone());
                }
                cells.entry(group).or_default().push(cell);
                now.extend(value(tables, of).map(|value| (place(tables, of).1, value)));
            }
        }
        // the lists of dates are those of releases, one each
        let mut earlier: BTreeMap<(KeyValues, usize), Earlier> = BTreeMap::new();
        let column = &table.measures[measure].column;
        let shown = knowledge.shown.iter();
        for ((_, key, _), values) in
            shown.filter(|((view, _, of), _)| *view == table.view && of == column)
        {
            let Ok(identity) = serde_json::from_str::<KeyValues>(key) else { continue };
            let group = group(identity);
            for (value, dates) in values {
                let release = Arc::as_ptr(dates) as usize;
                let of_release = earlier.entry((group.clone(), release)).or_default();
                of_release.sum += value;
                of_release.has_changed |= now.get(key) != Some(value);
            }
        }
        let mut sums: BTreeMap<KeyValues, BTreeSet<u64>> = BTreeMap::new();
        for ((group, _), Earlier { sum, .. }) in earlier.into_iter().filter(|(_, e)| e.has_changed)
        {
            sums.entry(group).or_default().insert(sum);
        }
        // about the others nothing new is said
        for (group, sums) in sums.into_iter().filter(|(group, _)| released.contains(group)) {
            let Some(cells) = cells.get(&group) else { continue };
            let of_now: u64 = cells.iter().map(|cell| self.problem.value(*cell)).sum();
            // where late events have made it smaller, nothing is known
            if let Some(largest) = sums.into_iter().rev().find(|sum| *sum <= of_now) {
                let key: Vec<&str> = group.iter().flatten().map(String::as_str).collect();
                let name = format!("{}.{column} of {} together", table.view, key.join(", "));
                let earlier = self.problem.released(name, largest);
                self.problem.at_most(earlier, cells)?;
            }
        }
        Ok(())
    }
}
