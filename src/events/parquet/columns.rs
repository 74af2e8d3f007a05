//! The three columns of an event file, by name and type.

use std::sync::Arc;

use anyhow::{Result, bail};
use arrow::datatypes::{DataType, Field, FieldRef, Schema, TimeUnit};
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::basic::{ConvertedType, LogicalType, TimeUnit as ParquetUnit};
use parquet::schema::types::ColumnDescriptor;

use crate::config::Columns;
use crate::errors::missing_column;

/// Requirements of a column.
#[derive(Clone, Copy)]
struct Role {
    key: &'static str,
    expected: &'static str,
    accepts: fn(&DataType) -> bool,
}

const USER: Role = Role {
    key: "columns.user_id",
    expected: "binary of any length, or text",
    accepts: |t| matches!(t, DataType::FixedSizeBinary(_)) || is_bytes(t) || is_text(t),
};
const CELL: Role = Role {
    key: "columns.cell_id",
    expected: "an integer, or text (a float or decimal loses digits: write it as an integer)",
    accepts: |t| t.is_integer() || is_text(t),
};
const TIMESTAMP: Role = Role {
    key: "columns.timestamp",
    expected: "a timestamp of any unit, or date-time text",
    accepts: |t| matches!(t, DataType::Timestamp(_, _)) || is_text(t),
};

/// How the time stamps of a file are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum StoredTime {
    /// Twelve bytes, the legacy type.
    Int96,
    /// Integers of that unit.
    Int64(TimeUnit),
    Text,
}

/// True for text in any representation.
pub fn is_text(t: &DataType) -> bool {
    matches!(value_type(t), DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

fn is_bytes(t: &DataType) -> bool {
    matches!(value_type(t), DataType::Binary | DataType::LargeBinary | DataType::BinaryView)
}

/// The type of the values, with or without a dictionary.
fn value_type(t: &DataType) -> &DataType {
    match t {
        DataType::Dictionary(_, value) => value,
        other => other,
    }
}

/// Indices of user id, cell id and time stamp in a schema.
///
/// # Errors
/// A missing column, or one of an unsupported type.
pub fn find_columns(schema: &Schema, columns: &Columns) -> Result<[usize; 3]> {
    let Columns { user_id, cell_id, timestamp, .. } = columns;
    let names = [user_id, cell_id, timestamp].map(String::as_str);
    let find = |name, role| find(schema, name, role, &names);
    Ok([find(user_id, USER)?, find(cell_id, CELL)?, find(timestamp, TIMESTAMP)?])
}

fn find(schema: &Schema, name: &str, role: Role, taken: &[&str]) -> Result<usize> {
    let Some((index, field)) = schema.column_with_name(name) else {
        let names: Vec<&str> = schema.fields().iter().map(|f| f.name().as_str()).collect();
        bail!(missing_column(name, role.key, &names, taken));
    };
    if !(role.accepts)(field.data_type()) {
        bail!(
            "column {name:?} is {}; expected {}; {} can name another column",
            field.data_type(),
            role.expected,
            role.key
        );
    }
    Ok(index)
}

/// The unit in the annotation of a column.
pub fn annotated_unit(column: &ColumnDescriptor) -> Option<TimeUnit> {
    match (column.logical_type_ref(), column.converted_type()) {
        (Some(LogicalType::Timestamp(stamp)), _) => Some(match stamp.unit {
            ParquetUnit::MILLIS => TimeUnit::Millisecond,
            ParquetUnit::MICROS => TimeUnit::Microsecond,
            ParquetUnit::NANOS => TimeUnit::Nanosecond,
        }),
        (None, ConvertedType::TIMESTAMP_MILLIS) => Some(TimeUnit::Millisecond),
        (None, ConvertedType::TIMESTAMP_MICROS) => Some(TimeUnit::Microsecond),
        _ => None,
    }
}

/// Requests views instead of copies for the text and bytes of these columns: a view refers to the
/// decoded page, so ids of 32 bytes per row are never copied.
pub fn with_views(metadata: ArrowReaderMetadata, columns: &[usize]) -> Result<ArrowReaderMetadata> {
    let fields: Vec<FieldRef> = metadata
        .schema()
        .fields()
        .iter()
        .enumerate()
        .map(|(i, field)| {
            let view = match field.data_type() {
                t if is_text(t) => DataType::Utf8View,
                t if is_bytes(t) => DataType::BinaryView,
                _ => return Arc::clone(field),
            };
            if columns.contains(&i) {
                Arc::new(Field::new(field.name(), view, field.is_nullable()))
            } else {
                Arc::clone(field)
            }
        })
        .collect();
    let schema = Schema::new_with_metadata(fields, metadata.schema().metadata().clone());
    let options = ArrowReaderOptions::new().with_schema(Arc::new(schema));
    Ok(ArrowReaderMetadata::try_new(Arc::clone(metadata.metadata()), options)?)
}
