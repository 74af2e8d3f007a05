//! Copies Arrow rows into a relation, in the binary format of the server.

use anyhow::{Context, Result, anyhow, bail};
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Date32Type, Float64Type, Int64Type, TimestampMicrosecondType};
use postgres::Transaction;
use postgres::types::Type;

use super::copy::CopyIn;
use super::encode::Encoder;
use super::server_errors::failed;
use crate::domain::tables::{TIMESTAMP, quoted};
use crate::warehouse::Rows;

/// True if values of the Arrow type can be copied into a column of the server's type.
fn fits(from: &DataType, to: &Type) -> bool {
    match *to {
        Type::INT8 => *from == DataType::Int64,
        Type::TEXT => *from == DataType::Utf8,
        Type::DATE => *from == DataType::Date32,
        Type::TIMESTAMP => *from == TIMESTAMP,
        Type::FLOAT8 => *from == DataType::Float64,
        Type::BOOL => *from == DataType::Boolean,
        _ => false,
    }
}

/// Copies the columns of that name into the relation `target`, which has them too; returns the number of
/// rows, or `None`, with nothing copied, if a column has another type there.
///
/// # Errors
/// Rows that cannot be computed; errors of the server.
pub fn copy_rows(
    transaction: &mut Transaction,
    target: &str,
    columns: &[String],
    rows: Rows,
) -> Result<Option<u64>> {
    let list = columns.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(", ");
    let described =
        transaction.prepare(&format!("SELECT {list} FROM {target} LIMIT 0")).map_err(failed)?;
    let schema = rows.schema();
    let mut indices = Vec::with_capacity(columns.len());
    for (name, column) in columns.iter().zip(described.columns()) {
        let index = schema.index_of(name).map_err(|_| anyhow!("the result lacks {name:?}"))?;
        if !fits(schema.field(index).data_type(), column.type_()) {
            return Ok(None);
        }
        indices.push(index);
    }
    let fields = i16::try_from(indices.len()).context("a result has too many columns")?;
    let copy = format!("COPY {target} ({list}) FROM STDIN (FORMAT binary)");
    let mut copy = CopyIn::start(transaction, &copy)?;
    for batch in rows {
        let batch: RecordBatch = batch?;
        let columns: Vec<&ArrayRef> = indices.iter().map(|index| batch.column(*index)).collect();
        for row in 0..batch.num_rows() {
            copy.rows.row(fields);
            for column in &columns {
                value(&mut copy.rows, column, row)?;
            }
            copy.send_full()?;
        }
    }
    copy.finish().map(Some)
}

fn value(to: &mut Encoder, column: &ArrayRef, row: usize) -> Result<()> {
    if column.is_null(row) {
        to.null();
        return Ok(());
    }
    match column.data_type() {
        DataType::Int64 => to.long(column.as_primitive::<Int64Type>().value(row)),
        DataType::Utf8 => to.text(column.as_string::<i32>().value(row)),
        DataType::Date32 => to.date(column.as_primitive::<Date32Type>().value(row)),
        kind if *kind == TIMESTAMP => {
            to.time(column.as_primitive::<TimestampMicrosecondType>().value(row));
        }
        DataType::Float64 => to.float(column.as_primitive::<Float64Type>().value(row)),
        DataType::Boolean => to.bool(column.as_boolean().value(row)),
        other => bail!("values of type {other} cannot be copied"),
    }
    Ok(())
}
