//! Replaces the rows of a table within the transaction of a load: all rows of `cell_plan` and `lau`, which
//! have a geometry, and those of the small tables that changed.
//!
//! The rows are deleted and inserted again rather than the table dropped: views over it, indexes and
//! grants are kept, and a reader with an older snapshot still finds the old rows.

use std::fs::File;
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail};
use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Date32Type, Float64Type, Int64Type};
use chrono::NaiveDate;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use postgis::ewkb::{EwkbRead, MultiPolygon, Point};
use postgres::Transaction;
use postgres::binary_copy::BinaryCopyInWriter;
use postgres::types::{ToSql, Type};

use super::names::SchemaName;
use super::server_errors::failed;
use crate::domain::tables::Table;

type Value = Box<dyn ToSql + Sync>;

/// SRID of the geometry column of a table.
fn srid(table: Table) -> i32 {
    if table == Table::CellPlan { 4326 } else { 3035 }
}

/// Replaces all rows by those of a Parquet file; returns their number.
///
/// # Errors
/// A file with other columns than its stage writes; errors of the server.
pub fn replace(
    transaction: &mut Transaction,
    schema: &SchemaName,
    table: Table,
    path: &Path,
) -> Result<u64> {
    let name = schema.table(table);
    transaction.batch_execute(&format!("DELETE FROM {name}")).map_err(failed)?;
    let rows = copy(transaction, &name, table, path)?;
    transaction.batch_execute(&format!("ANALYZE {name}")).map_err(failed)?;
    Ok(rows)
}

/// Makes the rows of a small table equal to those of a Parquet file, and leaves those in place that are
/// equal already: most of them are rows of dates that did not change. Returns their number.
///
/// # Errors
/// As [`replace`].
pub fn update(
    transaction: &mut Transaction,
    schema: &SchemaName,
    table: Table,
    path: &Path,
) -> Result<u64> {
    let name = schema.table(table);
    let create = format!("CREATE TEMP TABLE mobility_rows (LIKE {name})");
    transaction.batch_execute(&create).map_err(failed)?;
    let rows = copy(transaction, "pg_temp.mobility_rows", table, path)?;
    // as text, all rows can be hashed, those with nulls as well
    let change = format!(
        "DELETE FROM {name} t WHERE (t.*)::text NOT IN (SELECT (r.*)::text FROM pg_temp.mobility_rows r); \
         INSERT INTO {name} SELECT * FROM pg_temp.mobility_rows r \
         WHERE (r.*)::text NOT IN (SELECT (t.*)::text FROM {name} t); \
         DROP TABLE pg_temp.mobility_rows"
    );
    transaction.batch_execute(&change).map_err(failed)?;
    Ok(rows)
}

/// Copies the rows of a Parquet file into the relation `name`, which has the columns of `table`; returns
/// their number.
fn copy(transaction: &mut Transaction, name: &str, table: Table, path: &Path) -> Result<u64> {
    let context = || format!("{}: recreate the file with --force", path.display());
    let fields = table.schema().fields().clone();
    let columns: Vec<&str> = fields.iter().map(|f| f.name().as_str()).collect();
    let list = columns.join(", ");
    let described =
        transaction.prepare(&format!("SELECT {list} FROM {name} LIMIT 0")).map_err(failed)?;
    // the OID of type geometry differs between databases
    let types: Vec<Type> = described.columns().iter().map(|c| c.type_().clone()).collect();
    let copy = transaction
        .copy_in(&format!("COPY {name} ({list}) FROM STDIN (FORMAT binary)"))
        .map_err(failed)?;
    let mut writer = BinaryCopyInWriter::new(copy, &types);
    let file = File::open(path).with_context(context)?;
    let reader = ParquetRecordBatchReaderBuilder::try_new(file)
        .and_then(|b| b.with_batch_size(1_024).build())
        .with_context(context)?;
    for batch in reader {
        let batch = batch.with_context(context)?;
        let columns: Vec<usize> = columns
            .iter()
            .map(|c| batch.schema_ref().index_of(c).map_err(|_| anyhow!("no column {c}")))
            .collect::<Result<_>>()
            .with_context(context)?;
        for row in 0..batch.num_rows() {
            let values: Vec<Value> = columns
                .iter()
                .map(|c| value(&batch, *c, row, table))
                .collect::<Result<_>>()
                .with_context(context)?;
            let borrowed: Vec<&(dyn ToSql + Sync)> = values.iter().map(AsRef::as_ref).collect();
            writer.write(&borrowed).map_err(failed)?;
        }
    }
    writer.finish().map_err(failed)
}

/// The number of rows in a table.
///
/// # Errors
/// Errors of the server.
pub fn count(transaction: &mut Transaction, schema: &SchemaName, table: Table) -> Result<u64> {
    let sql = format!("SELECT count(*) FROM {}", schema.table(table));
    let row = transaction.query_one(&sql, &[]).map_err(failed)?;
    Ok(u64::try_from(row.get::<_, i64>(0)).unwrap_or_default())
}

fn value(batch: &RecordBatch, column: usize, row: usize, table: Table) -> Result<Value> {
    let array = batch.column(column);
    let is_valid = array.is_valid(row);
    Ok(match array.data_type() {
        DataType::Utf8 => {
            Box::new(is_valid.then(|| array.as_string::<i32>().value(row).to_owned()))
        }
        DataType::Int64 => Box::new(is_valid.then(|| array.as_primitive::<Int64Type>().value(row))),
        DataType::Boolean => Box::new(is_valid.then(|| array.as_boolean().value(row))),
        DataType::Float64 => {
            Box::new(is_valid.then(|| array.as_primitive::<Float64Type>().value(row)))
        }
        DataType::Date32 => Box::new(
            is_valid
                .then(|| NaiveDate::from_epoch_days(array.as_primitive::<Date32Type>().value(row)))
                .flatten(),
        ),
        DataType::Binary if is_valid => geometry(array.as_binary::<i32>().value(row), table)
            .with_context(|| format!("row {}", row + 1))?,
        other => bail!(
            "column {} has the unexpected type {other}",
            batch.schema_ref().field(column).name()
        ),
    })
}

fn geometry(wkb: &[u8], table: Table) -> Result<Value> {
    let invalid = |e| anyhow!("a geometry cannot be read: {e:?}");
    Ok(if table == Table::CellPlan {
        let point = Point::read_ewkb(&mut &*wkb).map_err(invalid)?;
        Box::new(Point { srid: Some(srid(table)), ..point })
    } else {
        let mut shape = MultiPolygon::read_ewkb(&mut &*wkb).map_err(invalid)?;
        shape.srid = Some(srid(table));
        Box::new(shape)
    })
}
