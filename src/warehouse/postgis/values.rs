//! Decodes values from the binary format of the server.

use std::borrow::Cow;

use anyhow::{Result, anyhow, bail};
use postgres::Row;
use postgres::types::{FromSql, Type};

/// Days and microseconds from 1970-01-01 to 2000-01-01, the epoch of the server.
pub const EPOCH_DAYS: i32 = 10_957;
pub const EPOCH_US: i64 = EPOCH_DAYS as i64 * 86_400_000_000;

/// Flag of an EWKB geometry type that is followed by an SRID.
const HAS_SRID: u32 = 0x2000_0000;

/// The bytes of a value of any type.
pub struct Raw<'a>(pub &'a [u8]);

impl<'a> FromSql<'a> for Raw<'a> {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Raw(raw))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

/// How the values of a column are decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Bool,
    Int16,
    Int32,
    Int64,
    Oid,
    Float32,
    Float64,
    /// Precision and scale.
    Decimal(u8, i8),
    /// `numeric` without a scale, all values integers: the result of `SUM` over integers.
    IntegerNumeric,
    /// `numeric` without a scale, not all values integers: the result of `AVG`.
    FloatNumeric,
    Text,
    Jsonb,
    Uuid,
    Date,
    Timestamp,
    Instant,
    Bytes,
    Geometry,
}

/// A value that is not null.
#[derive(Debug, PartialEq)]
pub enum Value<'a> {
    Bool(bool),
    Int(i64),
    Float(f64),
    Decimal(i128),
    Text(Cow<'a, str>),
    Date(i32),
    Time(i64),
    Bytes(Cow<'a, [u8]>),
}

impl Kind {
    /// The kind of a column; for `numeric` without a scale the first rows decide.
    ///
    /// # Errors
    /// A type without an Arrow counterpart.
    pub fn of(t: &Type, modifier: i32, first: &[Row], column: usize) -> Result<Kind> {
        Ok(match *t {
            Type::BOOL => Kind::Bool,
            Type::INT2 => Kind::Int16,
            Type::INT4 => Kind::Int32,
            Type::INT8 => Kind::Int64,
            Type::OID => Kind::Oid,
            Type::FLOAT4 => Kind::Float32,
            Type::FLOAT8 => Kind::Float64,
            Type::NUMERIC => numeric_kind(modifier, first, column),
            Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::NAME | Type::UNKNOWN | Type::JSON => {
                Kind::Text
            }
            Type::JSONB => Kind::Jsonb,
            Type::UUID => Kind::Uuid,
            Type::DATE => Kind::Date,
            Type::TIMESTAMP => Kind::Timestamp,
            Type::TIMESTAMPTZ => Kind::Instant,
            Type::BYTEA => Kind::Bytes,
            ref t if matches!(t.name(), "geometry" | "geography") => Kind::Geometry,
            ref t => {
                bail!("columns of type {} are not supported; cast the column to text", t.name())
            }
        })
    }

    /// Decodes one value.
    ///
    /// # Errors
    /// Infinite dates and times, numbers outside the range of the Arrow type, invalid bytes.
    pub fn read(self, raw: &[u8]) -> Result<Value<'_>> {
        Ok(match self {
            Kind::Bool => Value::Bool(array::<1>(raw)?[0] != 0),
            Kind::Int16 => Value::Int(i16::from_be_bytes(array(raw)?).into()),
            Kind::Int32 => Value::Int(i32::from_be_bytes(array(raw)?).into()),
            Kind::Int64 => Value::Int(i64::from_be_bytes(array(raw)?)),
            Kind::Oid => Value::Int(u32::from_be_bytes(array(raw)?).into()),
            Kind::Float32 => Value::Float(f32::from_be_bytes(array(raw)?).into()),
            Kind::Float64 => Value::Float(f64::from_be_bytes(array(raw)?)),
            Kind::Decimal(_, scale) => Value::Decimal(Numeric::read(raw)?.scaled(scale)?),
            Kind::IntegerNumeric => {
                let integer = Numeric::read(raw)?.scaled(0)?;
                Value::Int(i64::try_from(integer).map_err(|_| out_of_range())?)
            }
            Kind::FloatNumeric => Value::Float(Numeric::read(raw)?.float()?),
            Kind::Text => Value::Text(std::str::from_utf8(raw)?.into()),
            // the first byte is a version number
            Kind::Jsonb => {
                Value::Text(std::str::from_utf8(raw.get(1..).unwrap_or_default())?.into())
            }
            Kind::Uuid => Value::Text(uuid(array(raw)?).into()),
            Kind::Date => Value::Date(
                finite(i32::from_be_bytes(array(raw)?), i32::MIN, i32::MAX)?
                    .saturating_add(EPOCH_DAYS),
            ),
            Kind::Timestamp | Kind::Instant => {
                let us = finite(i64::from_be_bytes(array(raw)?), i64::MIN, i64::MAX)?;
                Value::Time(us.saturating_add(EPOCH_US))
            }
            Kind::Bytes => Value::Bytes(raw.into()),
            Kind::Geometry => Value::Bytes(without_srid(raw)),
        })
    }
}

fn array<const N: usize>(raw: &[u8]) -> Result<[u8; N]> {
    raw.try_into().map_err(|_| anyhow!("found {} bytes, expected {N}", raw.len()))
}

fn finite<T: PartialEq>(value: T, low: T, high: T) -> Result<T> {
    if value == low || value == high {
        bail!(
            "infinite dates and times are not supported; filter them out or cast the column to text"
        );
    }
    Ok(value)
}

fn out_of_range() -> anyhow::Error {
    anyhow!(
        "a number is too large or not an integer; cast the column to numeric(38, n), double precision or text"
    )
}

fn uuid(bytes: [u8; 16]) -> String {
    let mut text = String::with_capacity(36);
    for (i, byte) in bytes.iter().enumerate() {
        if matches!(i, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        crate::domain::ids::push_hex(&[*byte], &mut text);
    }
    text
}

/// WKB from the EWKB of PostGIS, in which the SRID may follow the type.
fn without_srid(raw: &[u8]) -> Cow<'_, [u8]> {
    let Some((order, rest)) = raw.split_first() else { return raw.into() };
    let little = *order == 1;
    let Some(Ok(code)) = rest.get(..4).map(<[u8; 4]>::try_from) else { return raw.into() };
    let code = if little { u32::from_le_bytes(code) } else { u32::from_be_bytes(code) };
    if code & HAS_SRID == 0 {
        return raw.into();
    }
    let code = code & !HAS_SRID;
    let mut plain = Vec::with_capacity(raw.len());
    plain.push(*order);
    plain.extend(if little { code.to_le_bytes() } else { code.to_be_bytes() });
    plain.extend_from_slice(rest.get(8..).unwrap_or_default());
    plain.into()
}

fn numeric_kind(modifier: i32, first: &[Row], column: usize) -> Kind {
    // the type modifier packs precision and scale and has an offset of 4
    if let Some(packed) = modifier.checked_sub(4).filter(|m| *m >= 0) {
        let (precision, scale) = ((packed >> 16) & 0xffff, packed & 0x7ff);
        if let (Ok(p @ 1..=38), Ok(s)) = (u8::try_from(precision), i8::try_from(scale)) {
            return Kind::Decimal(p, s);
        }
    }
    let values =
        first.iter().filter_map(|row| row.try_get::<_, Option<Raw>>(column).ok().flatten());
    let mut has_integers = false;
    for raw in values {
        match Numeric::read(raw.0) {
            Ok(number) if number.scale == 0 && number.sign != NAN => has_integers = true,
            _ => return Kind::FloatNumeric,
        }
    }
    if has_integers { Kind::IntegerNumeric } else { Kind::FloatNumeric }
}

const NAN: u16 = 0xc000;
const NEGATIVE: u16 = 0x4000;

/// A `numeric` value: digits to base 10,000; the first digit is multiplied by 10,000^weight.
struct Numeric {
    weight: i16,
    sign: u16,
    scale: u16,
    digits: Vec<u16>,
}

impl Numeric {
    fn read(raw: &[u8]) -> Result<Numeric> {
        let words: Vec<u16> =
            raw.chunks_exact(2).map(|w| u16::from_be_bytes([w[0], w[1]])).collect();
        match words.as_slice() {
            [count, weight, sign, scale, digits @ ..] if digits.len() == usize::from(*count) => {
                Ok(Numeric {
                    weight: *weight as i16,
                    sign: *sign,
                    scale: *scale,
                    digits: digits.to_vec(),
                })
            }
            _ => bail!("invalid numeric value of {} bytes", raw.len()),
        }
    }

    /// The number multiplied by 10^scale, as an integer.
    fn scaled(&self, scale: i8) -> Result<i128> {
        if self.sign != 0 && self.sign != NEGATIVE {
            return Err(out_of_range());
        }
        let mut sum: i128 = 0;
        for (i, digit) in self.digits.iter().enumerate() {
            let exponent = 4 * (i32::from(self.weight) - i as i32) + i32::from(scale);
            let digit = i128::from(*digit);
            let part = if exponent >= 0 {
                10i128.checked_pow(exponent as u32).and_then(|p| p.checked_mul(digit))
            } else {
                // digits after the scale must be zero
                let divisor =
                    10i128.checked_pow(exponent.unsigned_abs()).ok_or_else(out_of_range)?;
                (digit % divisor == 0).then_some(digit / divisor)
            };
            sum = part.and_then(|p| sum.checked_add(p)).ok_or_else(out_of_range)?;
        }
        Ok(if self.sign == NEGATIVE { -sum } else { sum })
    }

    fn float(&self) -> Result<f64> {
        match self.sign {
            0 | NEGATIVE => {}
            NAN => return Ok(f64::NAN),
            0xd000 => return Ok(f64::INFINITY),
            _ => return Ok(f64::NEG_INFINITY),
        }
        // parsing decimal text rounds only once
        let mut text = String::from(if self.sign == NEGATIVE { "-0" } else { "0" });
        for digit in &self.digits {
            text.push_str(&format!("{digit:04}"));
        }
        let exponent = 4 * (i32::from(self.weight) + 1 - self.digits.len() as i32);
        Ok(format!("{text}e{exponent}").parse()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numeric(weight: i16, sign: u16, scale: u16, digits: &[u16]) -> Vec<u8> {
        let mut words = vec![digits.len() as u16, weight as u16, sign, scale];
        words.extend(digits);
        words.iter().flat_map(|w| w.to_be_bytes()).collect()
    }

    #[test]
    fn numerics_are_read_exactly() {
        // 26,000,000,000 is 260 * 10,000^2
        let sum = numeric(2, 0, 0, &[260]);
        assert_eq!(Kind::IntegerNumeric.read(&sum).unwrap(), Value::Int(26_000_000_000));
        // -12.345
        let price = numeric(0, NEGATIVE, 3, &[12, 3450]);
        assert_eq!(Kind::Decimal(10, 3).read(&price).unwrap(), Value::Decimal(-12_345));
        assert_eq!(Kind::FloatNumeric.read(&price).unwrap(), Value::Float(-12.345));
        assert!(Kind::IntegerNumeric.read(&price).is_err());
        // 0.00012
        assert_eq!(
            Kind::FloatNumeric.read(&numeric(-1, 0, 5, &[1, 2000])).unwrap(),
            Value::Float(0.00012)
        );
        assert_eq!(Kind::IntegerNumeric.read(&numeric(0, 0, 0, &[])).unwrap(), Value::Int(0));
        assert!(Kind::IntegerNumeric.read(&numeric(9, 0, 0, &[1])).is_err(), "10^36");
    }

    #[test]
    fn times_count_from_1970_and_infinity_is_rejected() {
        assert_eq!(Kind::Date.read(&0i32.to_be_bytes()).unwrap(), Value::Date(10_957));
        let us = 1i64.to_be_bytes();
        assert_eq!(Kind::Timestamp.read(&us).unwrap(), Value::Time(946_684_800_000_001));
        assert!(Kind::Date.read(&i32::MAX.to_be_bytes()).is_err());
        assert!(Kind::Timestamp.read(&i64::MIN.to_be_bytes()).is_err());
    }

    #[test]
    fn only_the_srid_is_removed_from_a_geometry() {
        let mut ewkb = vec![1];
        ewkb.extend((1u32 | HAS_SRID).to_le_bytes());
        ewkb.extend(4326u32.to_le_bytes());
        ewkb.extend([7; 16]);
        let mut wkb = vec![1, 1, 0, 0, 0];
        wkb.extend([7; 16]);
        assert_eq!(without_srid(&ewkb), wkb);
        assert_eq!(without_srid(&wkb), wkb);
    }
}
