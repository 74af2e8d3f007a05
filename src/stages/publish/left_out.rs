//! Rows that a release leaves out, but of which other views tell that they may be there.

use std::collections::{HashMap, HashSet};

use super::relations::Missing;
use super::table::{KeyValues, Role, Row, Table};

/// Adds the rows whose numbers should contain shown ones, without numbers; false if there are none. Where each key has a
/// row, none is left out.
pub fn add_left_out(tables: &mut [Table], missing: &[Missing]) -> bool {
    let mut known: HashMap<usize, HashSet<KeyValues>> = HashMap::new();
    let mut is_any = false;
    for Missing { table: number, keys, .. } in missing {
        let table = &mut tables[*number];
        let value = |column: &String| {
            let pair = keys.iter().find(|(name, _)| name == column);
            pair.map(|(_, value)| value.clone())
        };
        let values: Vec<Option<Option<String>>> = table.keys.columns.iter().map(value).collect();
        let is_identified = table.identity.iter().all(|key| values[*key].is_some());
        if table.keys.are_complete() || table.is_total || !is_identified {
            continue;
        }
        let row = Row {
            keys: values.into_iter().map(Option::flatten).collect(),
            period: None,
            role: Role::Context,
            numbers: vec![None; table.measures.len()],
        };
        let known = known
            .entry(*number)
            .or_insert_with(|| table.rows.iter().map(|row| table.identity_of(row)).collect());
        if known.insert(table.identity_of(&row)) {
            table.rows.push(row);
            is_any = true;
        }
    }
    is_any
}
