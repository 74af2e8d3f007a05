//! Access to the cells of a batch: columns are downcast once, then cells are written one by one.

use std::borrow::Cow;
use std::fmt::Display;
use std::io::Write;

use anyhow::Result;
use arrow::array::{
    Array, AsArray, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Float32Array,
    Float64Array, Int64Array, ListArray, RecordBatch, StringArray, TimestampMicrosecondArray,
    UInt64Array,
};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int64Type, TimeUnit,
    TimestampMicrosecondType, UInt64Type,
};
use arrow::util::display::{ArrayFormatter, FormatOptions};

use super::{geometry, text};

/// The values of a column, in the types that `normalise` produces.
pub(super) enum Values<'a> {
    Null,
    Boolean(&'a BooleanArray),
    Integer(&'a Int64Array),
    Unsigned(&'a UInt64Array),
    Single(&'a Float32Array),
    Double(&'a Float64Array),
    Decimal(&'a Decimal128Array),
    Date(&'a Date32Array),
    Timestamp { array: &'a TimestampMicrosecondArray, zoned: bool },
    Text(&'a StringArray),
    Binary(&'a BinaryArray),
    List { array: &'a ListArray, items: Box<Column<'a>> },
    Other(ArrayFormatter<'a>),
}

/// A column of a batch.
pub(super) struct Column<'a> {
    nulls: Option<&'a NullBuffer>,
    pub values: Values<'a>,
}

/// The columns of a normalised batch.
pub(super) fn columns(batch: &RecordBatch) -> Result<Vec<Column<'_>>> {
    batch.columns().iter().map(|column| Column::open(column.as_ref())).collect()
}

impl<'a> Column<'a> {
    fn open(array: &'a dyn Array) -> Result<Self> {
        let values = match array.data_type() {
            DataType::Null => Values::Null,
            DataType::Boolean => Values::Boolean(array.as_boolean()),
            DataType::Int64 => Values::Integer(array.as_primitive::<Int64Type>()),
            DataType::UInt64 => Values::Unsigned(array.as_primitive::<UInt64Type>()),
            DataType::Float32 => Values::Single(array.as_primitive::<Float32Type>()),
            DataType::Float64 => Values::Double(array.as_primitive::<Float64Type>()),
            DataType::Decimal128(..) => Values::Decimal(array.as_primitive::<Decimal128Type>()),
            DataType::Date32 => Values::Date(array.as_primitive::<Date32Type>()),
            DataType::Timestamp(TimeUnit::Microsecond, zone) => Values::Timestamp {
                array: array.as_primitive::<TimestampMicrosecondType>(),
                zoned: zone.is_some(),
            },
            DataType::Utf8 => Values::Text(array.as_string::<i32>()),
            DataType::Binary => Values::Binary(array.as_binary::<i32>()),
            DataType::List(_) => {
                let array = array.as_list::<i32>();
                Values::List { array, items: Box::new(Column::open(array.values().as_ref())?) }
            }
            _ => Values::Other(ArrayFormatter::try_new(array, &FormatOptions::default())?),
        };
        Ok(Column { nulls: array.nulls(), values })
    }

    pub fn is_null(&self, row: usize) -> bool {
        matches!(self.values, Values::Null) || self.nulls.is_some_and(|nulls| nulls.is_null(row))
    }

    /// Writes the cell as plain text, and nothing for a null. A list is written as a JSON array.
    pub fn write_text(&self, row: usize, out: &mut Vec<u8>) {
        if self.is_null(row) {
            return;
        }
        match &self.values {
            Values::Null => {}
            Values::Boolean(array) => out.extend_from_slice(boolean(array.value(row))),
            Values::Integer(array) => text::integer(array.value(row), out),
            Values::Unsigned(array) => text::unsigned(array.value(row), out),
            Values::Single(array) => text::single(array.value(row), out),
            Values::Double(array) => text::double(array.value(row), out),
            Values::Decimal(array) => display(array.value_as_string(row), out),
            Values::Date(array) => text::date(array.value(row).into(), out),
            Values::Timestamp { array, zoned } => {
                text::timestamp(array.value(row), *zoned, text::Style::Sql, out);
            }
            Values::Text(array) => out.extend_from_slice(array.value(row).as_bytes()),
            Values::Binary(array) => text::hex(array.value(row), out),
            Values::List { .. } => json_value(self, row, out),
            Values::Other(formatter) => display(formatter.value(row), out),
        }
    }

    /// The cell as an owned string.
    pub fn text(&self, row: usize) -> String {
        let mut out = Vec::new();
        self.write_text(row, &mut out);
        String::from_utf8_lossy(&out).into_owned()
    }

    /// The cell for people: geometries are summarised.
    pub fn display_text(&self, row: usize, is_geometry: bool) -> String {
        let shape = self.bytes(row).filter(|_| is_geometry).and_then(geometry::summary);
        shape.unwrap_or_else(|| self.text(row))
    }

    /// The cell of a text column.
    pub fn str(&self, row: usize) -> Option<&'a str> {
        match self.values {
            Values::Text(array) if !self.is_null(row) => Some(array.value(row)),
            _ => None,
        }
    }

    /// The cell of a binary column.
    pub fn bytes(&self, row: usize) -> Option<&'a [u8]> {
        match self.values {
            Values::Binary(array) if !self.is_null(row) => Some(array.value(row)),
            _ => None,
        }
    }

    /// True if the text of the cells never contains characters that a format has to escape.
    pub fn is_plain(&self) -> bool {
        !matches!(self.values, Values::Text(_) | Values::List { .. } | Values::Other(_))
    }
}

/// A cell as a JSON value.
pub(super) fn json_value(column: &Column, row: usize, out: &mut Vec<u8>) {
    if column.is_null(row) {
        out.extend_from_slice(b"null");
        return;
    }
    match &column.values {
        Values::Double(array) if !array.value(row).is_finite() => out.extend_from_slice(b"null"),
        Values::Single(array) if !array.value(row).is_finite() => out.extend_from_slice(b"null"),
        Values::Null
        | Values::Boolean(_)
        | Values::Integer(_)
        | Values::Unsigned(_)
        | Values::Single(_)
        | Values::Double(_)
        | Values::Decimal(_) => column.write_text(row, out),
        Values::Text(array) => json_string(array.value(row), out),
        Values::Timestamp { array, zoned } => {
            out.push(b'"');
            text::timestamp(array.value(row), *zoned, text::Style::Iso, out);
            out.push(b'"');
        }
        Values::Date(_) | Values::Binary(_) => {
            out.push(b'"');
            column.write_text(row, out);
            out.push(b'"');
        }
        Values::List { array, items } => {
            let offsets = array.value_offsets();
            out.push(b'[');
            for item in offsets[row]..offsets[row + 1] {
                if item > offsets[row] {
                    out.push(b',');
                }
                json_value(items, item as usize, out);
            }
            out.push(b']');
        }
        Values::Other(_) => json_string(&column.text(row), out),
    }
}

/// A text as a JSON string.
pub(super) fn json_string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    for byte in text.bytes() {
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0..0x20 => {
                out.extend_from_slice(b"\\u00");
                text::hex(&[byte], out);
            }
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}

/// The text with control and bidirectional formatting characters escaped, so that data cannot move the
/// cursor, change colours or disguise itself as other text.
pub(super) fn printable(text: &str) -> Cow<'_, str> {
    let is_unsafe = |c: char| {
        c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if !text.contains(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if is_unsafe(c) { out.extend(c.escape_default()) } else { out.push(c) }
    }
    Cow::Owned(out)
}

/// True for columns that are aligned to the right.
pub(super) fn is_number(data_type: &DataType) -> bool {
    data_type.is_numeric()
}

pub(super) fn boolean(value: bool) -> &'static [u8] {
    if value { b"true" } else { b"false" }
}

fn display(value: impl Display, out: &mut Vec<u8>) {
    // writing to a vector cannot fail
    let _ = write!(out, "{value}");
}

#[cfg(test)]
mod tests {
    use super::printable;

    #[test]
    fn control_characters_are_escaped() {
        assert_eq!(printable("Põlva vald"), "Põlva vald");
        assert_eq!(printable("\u{1b}[2J\n\u{9b}x\u{202e}"), "\\u{1b}[2J\\n\\u{9b}x\\u{202e}");
    }
}
