//! How much one device adds to sums, and how many devices do.

use std::collections::HashMap;

use anyhow::{Context, Result, bail};
use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Int64Type};
use arrow::util::display::array_value_to_string;

use super::dating::Scope;
use super::read::collect;
use super::table::{KeyValues, Table};
use crate::domain::tables::{self, quoted};
use crate::views::publication::{Publication, RowValue, Source, UserRows};
use crate::views::{Registry, View};
use crate::warehouse::Warehouse;

/// The devices that add to a number.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Behind {
    pub devices: u64,
    /// What the device with the most adds.
    pub largest: u64,
}

/// The devices behind sums, by view and measure, and by the values of keys in the order in which the key `largest`
/// names them.
#[derive(Debug, Default)]
pub struct Largest(HashMap<(String, String), HashMap<KeyValues, Behind>>);

impl Largest {
    /// Reads the rows of single users behind the sums of a view.
    ///
    /// # Errors
    /// A warehouse that cannot be read.
    pub fn read(
        &mut self,
        warehouse: &dyn Warehouse,
        registry: &Registry,
        view: &View,
        publication: &Publication,
        scope: &Scope,
    ) -> Result<()> {
        for known in &publication.largest {
            let Source::Rows(rows) = &known.from else { continue };
            let found = collect(warehouse.sql(&statement(registry, rows, scope)?)?)
                .and_then(|found| by_keys(&found))
                .with_context(|| format!("{}: largest {known}", view.place()))?;
            self.0.insert((view.view.clone(), known.column.clone()), found);
        }
        Ok(())
    }

    /// Adds the devices behind a sum of a view, from rows of the keys in their order, devices and the largest sum of a
    /// device.
    ///
    /// # Errors
    /// Rows of another form.
    pub fn add(&mut self, view: &str, column: &str, rows: &RecordBatch) -> Result<()> {
        let found = by_keys(rows).with_context(|| format!("{column} of {view}"))?;
        self.0.insert((view.to_owned(), column.to_owned()), found);
        Ok(())
    }

    /// The devices behind the numbers of a measure of a table, by row; `None` where nothing is known.
    pub fn of(&self, table: &Table, measure: usize) -> Vec<Option<Behind>> {
        let column = &table.measures[measure].column;
        let known: Vec<&Source> = table
            .publication
            .largest
            .iter()
            .filter(|known| known.column == *column)
            .map(|known| &known.from)
            .collect();
        if let Some(Source::Rows(rows)) = known.first() {
            let keys: Vec<usize> = rows.by.iter().filter_map(|(ours, _)| table.key(ours)).collect();
            let found = self.0.get(&(table.view.clone(), column.clone()));
            let behind = |row: &super::table::Row| {
                let key: KeyValues = keys.iter().map(|key| row.keys[*key].clone()).collect();
                found?.get(&key).copied()
            };
            return table.rows.iter().map(behind).collect();
        }
        let limit = |row: &super::table::Row| {
            known.iter().find_map(|from| match from {
                Source::Limit { hundredths, key, value } => {
                    let is_meant = row.keys[table.key(key)?].as_ref() == Some(value);
                    // a hundredth more, since sums are rounded
                    is_meant.then_some(Behind { devices: 0, largest: hundredths + 1 })
                }
                Source::Rows(_) => None,
            })
        };
        table.rows.iter().map(limit).collect()
    }
}

/// The devices by the keys, from rows of keys, devices and the largest sum of a device.
fn by_keys(rows: &RecordBatch) -> Result<HashMap<KeyValues, Behind>> {
    let keys = rows.num_columns() - 2;
    let numbers = |column: usize| rows.column(column).as_primitive_opt::<Int64Type>();
    let (Some(devices), Some(largest)) = (numbers(keys), numbers(keys + 1)) else {
        bail!("the column does not hold whole numbers");
    };
    let value = |numbers: &arrow::array::Int64Array, row| match numbers.is_valid(row) {
        true => numbers.value(row).unsigned_abs(),
        false => 0,
    };
    let mut found = HashMap::with_capacity(rows.num_rows());
    for row in 0..rows.num_rows() {
        let key = (0..keys).map(|key| {
            let column = rows.column(key);
            let text = || array_value_to_string(column, row);
            column.is_valid(row).then(text).transpose()
        });
        let behind = Behind { devices: value(devices, row), largest: value(largest, row) };
        found.insert(key.collect::<Result<_, _>>()?, behind);
    }
    Ok(found)
}

/// The SELECT for the devices and the largest sum of a device, by the keys.
fn statement(registry: &Registry, rows: &UserRows, scope: &Scope) -> Result<String> {
    let UserRows { relation, column, by, condition } = rows;
    let schema = match (tables::Table::from_name(relation), registry.by_sql_name(relation)) {
        (Some(table), _) => table.schema(),
        (None, Some(View { columns: Some(columns), .. })) => columns.clone(),
        _ => bail!("{relation} is neither a table nor a view"),
    };
    let names: Vec<String> = (0..by.len()).map(|number| format!("key_{number}")).collect();
    let values = by.iter().zip(&names).map(|((_, value), name)| match value {
        RowValue::Column(column) => format!("{} AS {name}", quoted(column)),
        RowValue::Hour(column) => format!("date_trunc('hour', {}) AS {name}", quoted(column)),
    });
    let (values, names) = (values.collect::<Vec<_>>().join(", "), names.join(", "));
    let added = match column {
        Some(column) => quoted(column),
        None => "1".to_owned(),
    };
    let is_dated = schema.field_with_name("date").is_ok_and(|f| *f.data_type() == DataType::Date32);
    let dates = scope.read().filter(|_| is_dated);
    let dates =
        dates.map(|(first, last)| format!("date >= DATE '{first}' AND date <= DATE '{last}'"));
    let compared = condition.as_ref().map(|condition| {
        let is_not = if condition.are_equal { "IS NOT" } else { "IS" };
        format!("{} {is_not} DISTINCT FROM {}", quoted(&condition.left), quoted(&condition.right))
    });
    let conditions: Vec<String> = dates.into_iter().chain(compared).collect();
    let conditions = match conditions.is_empty() {
        true => String::new(),
        false => format!(" WHERE {}", conditions.join(" AND ")),
    };
    Ok(format!(
        "SELECT {names}, COUNT(*) AS devices, CAST(MAX(total) AS BIGINT) AS largest FROM (SELECT {names}, user_id, \
         SUM(added) AS total FROM (SELECT {values}, user_id, {added} AS added FROM {relation}{conditions}) AS of_users \
         GROUP BY {names}, user_id) AS by_user GROUP BY {names}"
    ))
}
