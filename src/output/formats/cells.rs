//! A column of a batch, opened once, so that its cells can be written one by one.

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

use super::{geometry, json, text};

/// The values of a column, in the types that `normalise` leaves.
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

/// The columns of `batch`, which must be normalised.
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

    /// The cell as plain text, nothing for a null. A list is written as a JSON array.
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
            Values::List { .. } => json::value(self, row, out),
            Values::Other(formatter) => display(formatter.value(row), out),
        }
    }

    /// The cell as a string of its own.
    pub fn text(&self, row: usize) -> String {
        let mut out = Vec::new();
        self.write_text(row, &mut out);
        String::from_utf8_lossy(&out).into_owned()
    }

    /// The cell for people: a geometry in a few words.
    pub fn words(&self, row: usize, is_geometry: bool) -> String {
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

    /// True when the text of a cell is made of digits and signs that no format has to escape.
    pub fn is_plain(&self) -> bool {
        !matches!(self.values, Values::Text(_) | Values::List { .. } | Values::Other(_))
    }
}

/// Control characters and marks that turn the direction of writing as their escapes, so that data
/// cannot move the cursor, change colours or pose as other text.
pub(super) fn printable(text: &str) -> Cow<'_, str> {
    let drives = |c: char| {
        c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if !text.contains(drives) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if drives(c) { out.extend(c.escape_default()) } else { out.push(c) }
    }
    Cow::Owned(out)
}

/// True for columns whose cells line up at the right.
pub(super) fn is_number(data_type: &DataType) -> bool {
    data_type.is_numeric()
}

pub(super) fn boolean(value: bool) -> &'static [u8] {
    if value { b"true" } else { b"false" }
}

fn display(value: impl Display, out: &mut Vec<u8>) {
    // a vector takes every byte
    let _ = write!(out, "{value}");
}

#[cfg(test)]
mod tests {
    use super::printable;

    #[test]
    fn text_cannot_drive_a_terminal() {
        assert_eq!(printable("Põlva vald"), "Põlva vald");
        assert_eq!(printable("\u{1b}[2J\n\u{9b}x\u{202e}"), "\\u{1b}[2J\\n\\u{9b}x\\u{202e}");
    }
}
