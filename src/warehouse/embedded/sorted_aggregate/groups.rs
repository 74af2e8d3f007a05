//! Assigns rows to groups.

use hashbrown::HashTable;

use super::keys::Key;

/// Number of groups per run up to which a linear search is used instead of a hash table.
const MAX_LINEAR_SEARCH: usize = 32;

/// The groups of a batch of rows.
#[derive(Debug, Default)]
pub struct Groups {
    /// The group of each row.
    pub of_row: Vec<usize>,
    /// The first row of each group.
    pub first_row: Vec<u32>,
    /// The first group of the last run.
    pub last_run: usize,
}

/// Assigns rows to groups. Equal values of `run_key` are adjacent; `rest` are the other group columns.
pub fn groups(rows: usize, run_key: &Key, rest: &[Key]) -> Groups {
    let mut hashes = vec![0; rows];
    for key in rest {
        key.hash_into(&mut hashes);
    }
    let mut found = Groups { of_row: Vec::with_capacity(rows), ..Groups::default() };
    let mut table: HashTable<usize> = HashTable::new();
    let mut group_hashes: Vec<u64> = Vec::new();
    for (row, &hash) in hashes.iter().enumerate() {
        if row == 0 || !run_key.same(row - 1, row) {
            found.last_run = found.first_row.len();
            table.clear();
        }
        let same = |group: usize, first_row: &[u32]| {
            let first = first_row[group] as usize;
            rest.iter().all(|key| key.same(first, row))
        };
        let many = found.first_row.len() - found.last_run > MAX_LINEAR_SEARCH;
        let known = if many {
            if table.is_empty() {
                for group in found.last_run..found.first_row.len() {
                    table.insert_unique(group_hashes[group], group, |g| group_hashes[*g]);
                }
            }
            table.find(hash, |g| group_hashes[*g] == hash && same(*g, &found.first_row)).copied()
        } else {
            // latest group first, because adjacent rows are often in the same group
            (found.last_run..found.first_row.len())
                .rev()
                .find(|g| group_hashes[*g] == hash && same(*g, &found.first_row))
        };
        let group = known.unwrap_or_else(|| {
            let group = found.first_row.len();
            found.first_row.push(row as u32);
            group_hashes.push(hash);
            if many {
                table.insert_unique(hash, group, |g| group_hashes[*g]);
            }
            group
        });
        found.of_row.push(group);
    }
    found
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::sync::Arc;

    use datafusion::arrow::array::{ArrayRef, Int64Array, StringViewArray};
    use proptest::prelude::*;

    use super::*;

    fn key(column: ArrayRef) -> Key {
        Key::new(&column).unwrap()
    }

    #[test]
    fn empty_input_has_no_groups() {
        let none = key(Arc::new(Int64Array::from(Vec::<i64>::new())));
        assert!(groups(0, &none, &[]).first_row.is_empty());
    }

    proptest! {
        #[test]
        fn groups_equal_those_of_a_hash_map(
            mut rows in prop::collection::vec(
                (0u8..4, prop::option::of(0i64..60), prop::option::of("[ab]{0,2}|cell-[ab]{9,10}")),
                0..400),
        ) {
            rows.sort_by_key(|r| r.0);
            let runs: ArrayRef = Arc::new(StringViewArray::from_iter_values(
                rows.iter().map(|r| format!("a user with a long name {}", r.0))));
            let numbers: ArrayRef = Arc::new(Int64Array::from_iter(rows.iter().map(|r| r.1)));
            let texts: ArrayRef =
                Arc::new(StringViewArray::from_iter(rows.iter().map(|r| r.2.clone())));
            let found = groups(rows.len(), &key(runs), &[key(numbers), key(texts)]);
            let mut expected = HashMap::new();
            for (i, row) in rows.iter().enumerate() {
                let next = expected.len();
                let group = *expected.entry(row).or_insert(next);
                prop_assert_eq!(found.of_row[i], group);
                if group == next {
                    prop_assert_eq!(found.first_row[group] as usize, i);
                }
            }
            let last = rows.last().map(|r| r.0);
            let of_last = rows.iter().position(|r| Some(r.0) == last);
            prop_assert_eq!(found.last_run, of_last.map_or(0, |i| found.of_row[i]));
        }
    }
}
