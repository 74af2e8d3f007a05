//! Rows with the numbers of users and cells in place of their ids.

use std::sync::Arc;

use anyhow::Result;
use arrow::array::{ArrayRef, AsArray, Int64Array, RecordBatch, RecordBatchIterator};
use arrow::datatypes::{DataType, Field, Schema};
use arrow::error::ArrowError;
use postgres::Transaction;

use super::id_map::{IdMap, Ids};
use super::names::SchemaName;
use crate::warehouse::Rows;

/// Ids of users that are read into memory: about 200 bytes each.
const MAX_IDS: usize = 1 << 20;

/// The rows with numbers, and true; or the rows as they are, and false, if the server knows too many ids.
///
/// # Errors
/// Errors of the server.
pub fn with_numbers(
    transaction: &mut Transaction,
    schema: &SchemaName,
    rows: Rows,
) -> Result<(bool, Rows)> {
    let before = rows.schema();
    let mut maps = Vec::new();
    for field in before.fields() {
        let ids = match field.name().as_str() {
            "user_id" => Ids::Users,
            "cell_id" => Ids::Cells,
            _ => {
                maps.push(None);
                continue;
            }
        };
        match IdMap::of_server(transaction, schema, ids, MAX_IDS)? {
            Some(map) if *field.data_type() == DataType::Utf8 => maps.push(Some(map)),
            _ => return Ok((false, rows)),
        }
    }
    let field = |(field, map): (&Arc<Field>, &Option<IdMap>)| match map {
        Some(_) => Arc::new(Field::new(field.name(), DataType::Int64, true)),
        None => Arc::clone(field),
    };
    let fields: Vec<Arc<Field>> = before.fields().iter().zip(&maps).map(field).collect();
    let after = Arc::new(Schema::new(fields));
    let schema = Arc::clone(&after);
    let numbered = move |batch: Result<RecordBatch, ArrowError>| {
        let batch = batch?;
        let column = |(column, map): (&ArrayRef, &Option<IdMap>)| -> ArrayRef {
            match map {
                Some(map) => {
                    Arc::new(Int64Array::from(map.numbers(column.as_string::<i32>().iter())))
                }
                None => Arc::clone(column),
            }
        };
        let columns = batch.columns().iter().zip(&maps).map(column).collect();
        RecordBatch::try_new(Arc::clone(&after), columns)
    };
    Ok((true, Box::new(RecordBatchIterator::new(rows.map(numbered), schema))))
}
