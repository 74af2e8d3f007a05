//! Totals that nobody publishes, and that the headers of several views refer to.

use std::collections::BTreeMap;

use super::relations::{Containers, is_meant, key_of};
use super::table::{KeyValues, Role, Row, Table};
use crate::views::publication::{Keys, Link, Measure, Publication, RowsOf};

/// The totals of tables, as tables of the same views.
pub fn totals(tables: &[Table], containers: &Containers) -> Vec<Table> {
    let of_table = |table| move |link| total(table, link, containers);
    tables.iter().flat_map(|table| table.publication.totals.iter().map(of_table(table))).collect()
}

fn total(table: &Table, link: &Link, containers: &Containers) -> Table {
    let measures: Vec<usize> =
        link.counts.iter().filter_map(|column| table.measure(column)).collect();
    let mut rows: BTreeMap<KeyValues, Row> = BTreeMap::new();
    for row in table.rows.iter().filter(|row| is_meant(table, row, link, containers)) {
        let Some(keys) = key_of(table, row, &link.by, containers) else { continue };
        let total = rows.entry(keys.clone()).or_insert_with(|| Row {
            keys,
            period: row.period,
            role: Role::Total,
            numbers: vec![Some(0)],
        });
        // what is not published tells no total
        if row.role == Role::Context {
            total.role = Role::Context;
        }
        for measure in &measures {
            // of a number that is withheld, an outsider knows no total
            total.numbers[0] = total.numbers[0].zip(row.numbers[*measure]).map(|(a, b)| a + b);
        }
    }
    let columns: Vec<String> = link.by.iter().map(|pair| pair.theirs.clone()).collect();
    let is_time = link.by.iter().map(|pair| {
        let own = table.key(&pair.ours.to_string());
        own.is_some_and(|key| table.is_time[key])
    });
    let basis = measures.first().map(|measure| table.measures[*measure].basis.clone());
    Table {
        view: table.view.clone(),
        publication: Publication::default(),
        identity: (0..columns.len()).collect(),
        is_time: is_time.collect(),
        is_amount: vec![false],
        is_total: true,
        keys: Keys { columns, rows: RowsOf::Devices },
        measures: basis
            .map(|basis| Measure { column: link.to.column.clone(), basis })
            .into_iter()
            .collect(),
        rows: rows.into_values().collect(),
    }
}
