//! The three columns of an event file, by name and type.

use std::sync::Arc;

use anyhow::{Context, Result, bail};
use arrow::array::{ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{
    DataType, Decimal128Type, Field, FieldRef, Int64Type, Schema, TimeUnit, UInt64Type,
};
use arrow::error::ArrowError;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::basic::{ConvertedType, LogicalType, TimeUnit as ParquetUnit};
use parquet::schema::types::ColumnDescriptor;

use crate::config::Columns;
use crate::errors::{missing_columns, refuse_duplicate};

/// Requirements of a column.
#[derive(Clone, Copy)]
struct Role {
    key: &'static str,
    expected: &'static str,
    accepts: fn(&DataType) -> bool,
}

const USER: Role = Role {
    key: "columns.user_id",
    expected: "binary of any length, an integer, a decimal without decimal places, or text (a float \
               loses digits: write it as an integer)",
    accepts: |t| {
        matches!(t, DataType::FixedSizeBinary(_)) || is_bytes(t) || is_text(t) || is_number(t)
    },
};
const CELL: Role = Role {
    key: "columns.cell_id",
    expected: "an integer, a decimal without decimal places, or text (a float loses digits: write it \
               as an integer)",
    accepts: |t| is_number(t) || is_text(t),
};
const TIMESTAMP: Role = Role {
    key: "columns.timestamp",
    expected: "a timestamp of any unit, date-time text, or an integer (with columns.timestamp_unit)",
    accepts: |t| matches!(t, DataType::Timestamp(_, _)) || is_text(t) || is_number(t),
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

/// True for decimals without decimal places.
pub fn is_whole(t: &DataType) -> bool {
    use DataType::{Decimal32, Decimal64, Decimal128, Decimal256};
    matches!(t, Decimal32(_, 0) | Decimal64(_, 0) | Decimal128(_, 0) | Decimal256(_, 0))
}

/// True for integers and decimals without decimal places.
pub fn is_number(t: &DataType) -> bool {
    t.is_integer() || is_whole(t)
}

/// The type of the values, with or without a dictionary.
fn value_type(t: &DataType) -> &DataType {
    match t {
        DataType::Dictionary(_, value) => value,
        other => other,
    }
}

/// A column of an event file: a column of the table, or a field inside a column of structs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventColumn {
    /// Names from the column of the table down to the field.
    pub path: Vec<String>,
    /// Index of the column of the table.
    pub root: usize,
    /// Type of the values as they are read from the file.
    pub stored: DataType,
    /// Type of the values after conversion: numbers may be time stamps.
    pub data_type: DataType,
}

impl EventColumn {
    /// Columns of a file without rows, whose types are arbitrary.
    pub fn of_no_rows(columns: &Columns) -> [EventColumn; 3] {
        let column = |name: &String, data_type: DataType| {
            let (path, stored) = (vec![name.clone()], data_type.clone());
            EventColumn { path, root: 0, stored, data_type }
        };
        let micros = DataType::Timestamp(TimeUnit::Microsecond, None);
        [
            column(&columns.user_id, DataType::Utf8View),
            column(&columns.cell_id, DataType::Utf8View),
            column(&columns.timestamp, micros),
        ]
    }

    /// The same for time stamps: numbers are times of the configured unit, or text of the configured
    /// form. Without either they stay numbers, which are no times.
    fn with_times(mut self, columns: &Columns) -> Self {
        if is_number(&self.stored) {
            match (columns.timestamp_unit, &columns.timestamp_format) {
                (Some(unit), _) => self.data_type = DataType::Timestamp(unit.into(), None),
                (None, Some(_)) => self.data_type = DataType::Utf8View,
                (None, None) => {}
            }
        }
        self
    }

    /// The values in [`EventColumn::data_type`].
    ///
    /// # Errors
    /// Values of another type than that of the column.
    pub fn converted(&self, values: ArrayRef) -> Result<ArrayRef, ArrowError> {
        match &self.data_type {
            same if *same == self.stored => Ok(values),
            DataType::Timestamp(_, _) => cast(&saturated(&values)?, &self.data_type),
            other => cast(&values, other),
        }
    }

    /// True for a field inside a column of structs.
    pub fn is_nested(&self) -> bool {
        self.path.len() > 1
    }
}

/// User id, cell id and time stamp in a schema.
///
/// # Errors
/// A missing column, one of an unsupported type, a name that several columns have.
pub fn find_columns(schema: &Schema, columns: &Columns) -> Result<[EventColumn; 3]> {
    let Columns { user_id, cell_id, timestamp, .. } = columns;
    let names = [user_id, cell_id, timestamp].map(String::as_str);
    let roles = [USER, CELL, TIMESTAMP];
    let needed: Vec<(&str, &str)> =
        names.into_iter().zip(&roles).map(|(name, role)| (name, role.key)).collect();
    let top = schema.fields().iter().map(|field| field.name().as_str());
    let nested = names.into_iter().filter(|name| schema.column_with_name(name).is_none());
    let nested = nested.filter(|name| field_at(schema, name).is_some());
    let present: Vec<&str> = top.chain(nested).collect();
    if let Some(message) = missing_columns(&needed, &present) {
        bail!(message);
    }
    let [user, cell, time] = roles;
    let time = find(schema, timestamp, time)?.with_times(columns);
    Ok([find(schema, user_id, user)?, find(schema, cell_id, cell)?, time])
}

/// Finds a column that exists.
fn find(schema: &Schema, name: &str, role: Role) -> Result<EventColumn> {
    refuse_duplicate(name, schema.fields().iter().map(|field| field.name().as_str()))?;
    let (root, path, field) =
        field_at(schema, name).with_context(|| format!("no column {name:?}"))?;
    let data_type = value_type(field.data_type()).clone();
    if !(role.accepts)(&data_type) {
        bail!(
            "column {name:?} is {data_type}; expected {}; {} can name another column",
            role.expected,
            role.key
        );
    }
    let path = path.into_iter().map(str::to_owned).collect();
    let data_type = read_as(&data_type);
    Ok(EventColumn { path, root, stored: data_type.clone(), data_type })
}

/// The column with this name, else the field `b` of the column `a` for the name `a.b`, with the index of
/// the column of the table and the names down to the field.
fn field_at<'a>(schema: &'a Schema, name: &'a str) -> Option<(usize, Vec<&'a str>, &'a Field)> {
    if let Some((root, field)) = schema.column_with_name(name) {
        return Some((root, vec![name], field));
    }
    let path: Vec<&str> = name.split('.').collect();
    let (first, rest) = path.split_first()?;
    let (root, mut field) = schema.column_with_name(first)?;
    for name in rest {
        let DataType::Struct(fields) = field.data_type() else { return None };
        field = fields.find(name)?.1;
    }
    Some((root, path, field))
}

/// Numbers in 64 bits; those outside become the smallest or largest.
fn saturated(values: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    Ok(match values.data_type() {
        t if is_whole(t) => {
            let wide = cast(values, &DataType::Decimal128(38, 0))?;
            let clamped = |v: i128| v.clamp(i64::MIN.into(), i64::MAX.into()) as i64;
            Arc::new(wide.as_primitive::<Decimal128Type>().unary::<_, Int64Type>(clamped))
        }
        DataType::UInt64 => {
            let clamped = |v: u64| i64::try_from(v).unwrap_or(i64::MAX);
            Arc::new(values.as_primitive::<UInt64Type>().unary::<_, Int64Type>(clamped))
        }
        _ => cast(values, &DataType::Int64)?,
    })
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

/// The type as which values are read. A view of text or bytes refers to the decoded page, so that ids of
/// 32 bytes per row are never copied; dictionaries are decoded.
fn read_as(t: &DataType) -> DataType {
    match value_type(t) {
        t if is_text(t) => DataType::Utf8View,
        t if is_bytes(t) => DataType::BinaryView,
        other => other.clone(),
    }
}

/// Requests the types of these columns.
pub fn with_types(
    metadata: ArrowReaderMetadata,
    columns: &[EventColumn],
) -> Result<ArrowReaderMetadata> {
    let mut fields: Vec<FieldRef> = metadata.schema().fields().to_vec();
    for column in columns {
        let Some(root) = fields.get(column.root) else { continue };
        fields[column.root] = with_type(root, &column.path[1..], &column.stored);
    }
    let schema = Schema::new_with_metadata(fields, metadata.schema().metadata().clone());
    let options = ArrowReaderOptions::new().with_schema(Arc::new(schema));
    Ok(ArrowReaderMetadata::try_new(Arc::clone(metadata.metadata()), options)?)
}

/// The field with another type of its field at `path`, or of its own for an empty path.
fn with_type(field: &FieldRef, path: &[String], data_type: &DataType) -> FieldRef {
    let data_type = match (path.split_first(), field.data_type()) {
        (None, _) => data_type.clone(),
        (Some((name, rest)), DataType::Struct(fields)) => {
            let changed = |inner: &FieldRef| match inner.name() == name {
                true => with_type(inner, rest, data_type),
                false => Arc::clone(inner),
            };
            DataType::Struct(fields.iter().map(changed).collect())
        }
        (Some(_), other) => other.clone(),
    };
    Arc::new(field.as_ref().clone().with_data_type(data_type))
}
