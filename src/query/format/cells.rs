//! Values as text, the same for CSV, tables and documents.

use anyhow::Result;
use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BooleanArray, PrimitiveArray, StringArray,
};
use arrow::datatypes::{
    DataType, Date32Type, Float64Type, Int64Type, TimeUnit, TimestampMicrosecondType,
};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use chrono::{Datelike, NaiveDate};

const DAY_US: i64 = 86_400_000_000;

/// A column whose values can be written as text.
pub enum Cells<'a> {
    Text(&'a StringArray),
    Int(&'a PrimitiveArray<Int64Type>),
    Float(&'a PrimitiveArray<Float64Type>),
    Bool(&'a BooleanArray),
    Date(&'a PrimitiveArray<Date32Type>),
    Time(&'a PrimitiveArray<TimestampMicrosecondType>),
    Bytes(&'a BinaryArray),
    Other(ArrayFormatter<'a>, &'a dyn Array),
}

/// True for columns that are set flush right.
pub fn is_number(data_type: &DataType) -> bool {
    data_type.is_numeric()
}

static PLAIN: FormatOptions<'static> = FormatOptions::new().with_null("");

impl<'a> Cells<'a> {
    /// # Errors
    /// A type without a text form.
    pub fn new(column: &'a ArrayRef) -> Result<Self> {
        Ok(match column.data_type() {
            DataType::Utf8 => Cells::Text(column.as_string()),
            DataType::Int64 => Cells::Int(column.as_primitive()),
            DataType::Float64 => Cells::Float(column.as_primitive()),
            DataType::Boolean => Cells::Bool(column.as_boolean()),
            DataType::Date32 => Cells::Date(column.as_primitive()),
            DataType::Timestamp(TimeUnit::Microsecond, None) => Cells::Time(column.as_primitive()),
            DataType::Binary => Cells::Bytes(column.as_binary()),
            _ => Cells::Other(ArrayFormatter::try_new(column, &PLAIN)?, column),
        })
    }

    pub fn is_null(&self, row: usize) -> bool {
        match self {
            Cells::Text(a) => a.is_null(row),
            Cells::Int(a) => a.is_null(row),
            Cells::Float(a) => a.is_null(row),
            Cells::Bool(a) => a.is_null(row),
            Cells::Date(a) => a.is_null(row),
            Cells::Time(a) => a.is_null(row),
            Cells::Bytes(a) => a.is_null(row),
            Cells::Other(_, a) => a.is_null(row),
        }
    }

    /// Appends the value, which must not be null: time stamps as `2024-10-01 08:00:00`, bytes as
    /// lower-case hexadecimal.
    pub fn push(&self, row: usize, out: &mut String) {
        use std::fmt::Write;
        match self {
            Cells::Text(a) => out.push_str(a.value(row)),
            Cells::Int(a) => out.push_str(itoa::Buffer::new().format(a.value(row))),
            Cells::Float(a) => push_float(a.value(row), out),
            Cells::Bool(a) => out.push_str(if a.value(row) { "true" } else { "false" }),
            Cells::Date(a) => push_date(a.value(row), out),
            Cells::Time(a) => push_time(a.value(row), ' ', out),
            Cells::Bytes(a) => crate::ids::push_hex(a.value(row), out),
            Cells::Other(formatter, _) => {
                // writing to a String cannot fail
                let _ = write!(out, "{}", formatter.value(row));
            }
        }
    }
}

/// Shortest text that reads back as the same number, as PostgreSQL writes it: `5`, `24.75`,
/// `1e+300`, `NaN`, `Infinity`.
pub fn push_float(value: f64, out: &mut String) {
    use std::fmt::Write;
    let size = value.abs();
    let _ = if value.is_nan() {
        out.write_str("NaN")
    } else if value.is_infinite() {
        out.write_str(if value > 0.0 { "Infinity" } else { "-Infinity" })
    } else if size != 0.0 && !(1e-4..1e15).contains(&size) {
        let text = format!("{value:e}");
        let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |e| ('-', e));
        write!(out, "{digits}e{sign}{exponent:0>2}")
    } else {
        write!(out, "{value}")
    };
}

/// A day as `2024-10-01`.
pub fn push_date(days: i32, out: &mut String) {
    match NaiveDate::from_epoch_days(days) {
        Some(date) if (0..=9999).contains(&date.year()) => {
            push_digits(date.year() as u32, 4, out);
            out.push('-');
            push_digits(date.month(), 2, out);
            out.push('-');
            push_digits(date.day(), 2, out);
        }
        Some(date) => out.push_str(&date.to_string()),
        None => out.push_str(&format!("day {days}")),
    }
}

/// Microseconds since 1970 as `2024-10-01 08:00:00`, with a fraction only where there is one.
pub fn push_time(us: i64, separator: char, out: &mut String) {
    push_date(us.div_euclid(DAY_US) as i32, out);
    out.push(separator);
    let in_day = us.rem_euclid(DAY_US);
    let seconds = (in_day / 1_000_000) as u32;
    for (i, part) in [seconds / 3_600, seconds / 60 % 60, seconds % 60].into_iter().enumerate() {
        if i > 0 {
            out.push(':');
        }
        push_digits(part, 2, out);
    }
    let fraction = (in_day % 1_000_000) as u32;
    if fraction > 0 {
        out.push('.');
        push_digits(fraction, 6, out);
        out.truncate(out.trim_end_matches('0').len());
    }
}

fn push_digits(value: u32, width: usize, out: &mut String) {
    let mut digits = [b'0'; 10];
    let mut rest = value;
    for digit in digits[..width].iter_mut().rev() {
        *digit += (rest % 10) as u8;
        rest /= 10;
    }
    digits[..width].iter().for_each(|d| out.push(char::from(*d)));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn float(value: f64) -> String {
        let mut out = String::new();
        push_float(value, &mut out);
        out
    }

    fn time(us: i64) -> String {
        let mut out = String::new();
        push_time(us, ' ', &mut out);
        out
    }

    #[test]
    fn floats_are_written_as_postgresql_writes_them() {
        let cases = [
            (5.0, "5"),
            (24.7536, "24.7536"),
            (0.1, "0.1"),
            (-0.0, "-0"),
            (1e300, "1e+300"),
            (1.5e-7, "1.5e-07"),
            (1e15, "1e+15"),
            (123456789012345.0, "123456789012345"),
            (0.0001, "0.0001"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-Infinity"),
        ];
        for (value, text) in cases {
            assert_eq!(float(value), text);
        }
    }

    #[test]
    fn times_are_written_with_a_fraction_only_where_there_is_one() {
        assert_eq!(time(1_727_769_600_000_000), "2024-10-01 08:00:00");
        assert_eq!(time(1_727_769_600_250_000), "2024-10-01 08:00:00.25");
        assert_eq!(time(-1), "1969-12-31 23:59:59.999999");
    }
}
