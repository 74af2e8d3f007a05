//! Time stamps as text: dates with times, and numbers since 1970.

use arrow::datatypes::TimeUnit;
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::MICROS_PER_SECOND;

/// The unit of a number since 1970-01-01 00:00.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum EpochUnit {
    S,
    Ms,
    Us,
    Ns,
}

impl EpochUnit {
    /// Decimal places of a microsecond in this unit; negative if the unit is smaller.
    fn places(self) -> i32 {
        match self {
            EpochUnit::S => 6,
            EpochUnit::Ms => 3,
            EpochUnit::Us => 0,
            EpochUnit::Ns => -3,
        }
    }

    /// The value in the configuration.
    pub fn key(self) -> &'static str {
        match self {
            EpochUnit::S => "s",
            EpochUnit::Ms => "ms",
            EpochUnit::Us => "us",
            EpochUnit::Ns => "ns",
        }
    }

    /// The unit in words.
    pub fn name(self) -> &'static str {
        match self {
            EpochUnit::S => "seconds",
            EpochUnit::Ms => "milliseconds",
            EpochUnit::Us => "microseconds",
            EpochUnit::Ns => "nanoseconds",
        }
    }

    /// The microseconds of a number in this unit.
    pub fn micros(self, number: i128) -> i128 {
        match self {
            EpochUnit::S => number.saturating_mul(1_000_000),
            EpochUnit::Ms => number.saturating_mul(1_000),
            EpochUnit::Us => number,
            EpochUnit::Ns => number.div_euclid(1_000),
        }
    }

    /// The number in this unit of a time in microseconds.
    pub fn number(self, us: i64) -> i128 {
        let us = i128::from(us);
        match self {
            EpochUnit::S => us.div_euclid(1_000_000),
            EpochUnit::Ms => us.div_euclid(1_000),
            EpochUnit::Us => us,
            EpochUnit::Ns => us.saturating_mul(1_000),
        }
    }
}

impl From<TimeUnit> for EpochUnit {
    fn from(unit: TimeUnit) -> Self {
        match unit {
            TimeUnit::Second => EpochUnit::S,
            TimeUnit::Millisecond => EpochUnit::Ms,
            TimeUnit::Microsecond => EpochUnit::Us,
            TimeUnit::Nanosecond => EpochUnit::Ns,
        }
    }
}

impl From<EpochUnit> for TimeUnit {
    fn from(unit: EpochUnit) -> Self {
        match unit {
            EpochUnit::S => TimeUnit::Second,
            EpochUnit::Ms => TimeUnit::Millisecond,
            EpochUnit::Us => TimeUnit::Microsecond,
            EpochUnit::Ns => TimeUnit::Nanosecond,
        }
    }
}

/// The microseconds of a number with or without decimals, rounded down; `None` if the text is not a
/// number. Numbers that are too large become the largest value.
pub fn number_us(text: &[u8], unit: EpochUnit) -> Option<i64> {
    let text = text.trim_ascii();
    let (negative, digits) = match text.strip_prefix(b"-") {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let point = digits.iter().position(|b| *b == b'.').unwrap_or(digits.len());
    let (whole, decimals) = (&digits[..point], digits.get(point + 1..).unwrap_or_default());
    if whole.is_empty() || !whole.iter().chain(decimals).all(u8::is_ascii_digit) {
        return None;
    }
    let keep = whole.len() as i32 + unit.places();
    let all = whole.iter().chain(decimals).chain(std::iter::repeat(&b'0'));
    let mut us: i64 = 0;
    for digit in all.clone().take(keep.max(0) as usize) {
        us = us.saturating_mul(10).saturating_add(i64::from(digit - b'0'));
    }
    let cut = whole.iter().chain(decimals).skip(keep.max(0) as usize).any(|d| *d != b'0');
    Some(if negative { us.saturating_neg().saturating_sub(i64::from(cut)) } else { us })
}

/// Fast parser of the common format `2024-10-01 08:00:00`, also with a `T` or decimals. It caches the last
/// date, since consecutive rows mostly share it.
#[derive(Debug, Clone)]
pub struct UsualText {
    date: [u8; 10],
    midnight_us: i64,
}

impl Default for UsualText {
    fn default() -> Self {
        UsualText { date: *b"1970-01-01", midnight_us: 0 }
    }
}

impl UsualText {
    /// Microseconds since 1970 of the time as written; `None` for another format.
    #[inline]
    pub fn us(&mut self, text: &[u8]) -> Option<i64> {
        let (date, rest) = text.split_first_chunk::<10>()?;
        let Some((time, fraction)) = rest.split_first_chunk::<9>() else {
            return self.us_of_minutes(text);
        };
        if *date != self.date {
            self.midnight_us = midnight_us(date)?;
            self.date = *date;
        }
        let &[between, h1, h2, b':', m1, m2, b':', s1, s2] = time else { return None };
        let two = |a: u8, b: u8| {
            let both = a.is_ascii_digit() && b.is_ascii_digit();
            both.then(|| i64::from(a - b'0') * 10 + i64::from(b - b'0'))
        };
        let (hour, minute, second) = (two(h1, h2)?, two(m1, m2)?, two(s1, s2)?);
        if !matches!(between, b' ' | b'T') || hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        let fraction_us = if fraction.is_empty() { 0 } else { fraction_us(fraction)? };
        let seconds = (hour * 60 + minute) * 60 + second;
        Some(self.midnight_us + seconds * MICROS_PER_SECOND + fraction_us)
    }
}

impl UsualText {
    /// The same for text without seconds, such as `2024-10-01 08:00`.
    fn us_of_minutes(&mut self, text: &[u8]) -> Option<i64> {
        let minutes: &[u8; 16] = text.try_into().ok()?;
        let mut with_seconds = *b"0000-00-00 00:00:00";
        with_seconds[..minutes.len()].copy_from_slice(minutes);
        self.us(&with_seconds)
    }
}

fn midnight_us(date: &[u8; 10]) -> Option<i64> {
    let &[y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = date else { return None };
    let number = |digits: &[u8]| {
        digits
            .iter()
            .try_fold(0u32, |n, d| d.is_ascii_digit().then(|| n * 10 + u32::from(d - b'0')))
    };
    let (year, month, day) = (number(&[y1, y2, y3, y4])?, number(&[m1, m2])?, number(&[d1, d2])?);
    let date = NaiveDate::from_ymd_opt(year as i32, month, day)?;
    Some(i64::from(date.to_epoch_days()) * 86_400 * MICROS_PER_SECOND)
}

/// Microseconds of a fraction such as `.5`, of at most nine digits; the rest is truncated.
fn fraction_us(text: &[u8]) -> Option<i64> {
    let digits = text.strip_prefix(b".")?;
    if digits.is_empty() || digits.len() > 9 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let six = digits.iter().chain(std::iter::repeat(&b'0')).take(6);
    Some(six.fold(0, |us, digit| us * 10 + i64::from(digit - b'0')))
}

#[cfg(test)]
mod tests {
    use arrow::compute::kernels::cast_utils::string_to_datetime;
    use chrono::Utc;
    use proptest::prelude::*;

    use super::*;

    const EIGHT: i64 = 1_727_769_600_000_000; // 2024-10-01 08:00:00

    #[test]
    fn numbers_of_every_unit_give_the_same_time() {
        let us = |text: &str, unit| number_us(text.as_bytes(), unit);
        assert_eq!(us("1727769600", EpochUnit::S), Some(EIGHT));
        assert_eq!(us(" 1727769600.5 ", EpochUnit::S), Some(EIGHT + 500_000));
        assert_eq!(us("1727769600000", EpochUnit::Ms), Some(EIGHT));
        assert_eq!(us("1727769600000.25", EpochUnit::Ms), Some(EIGHT + 250));
        assert_eq!(us("1727769600000000", EpochUnit::Us), Some(EIGHT));
        assert_eq!(us("1727769600000000999", EpochUnit::Ns), Some(EIGHT));
        assert_eq!(us("-1", EpochUnit::S), Some(-1_000_000));
        assert_eq!(us("-1", EpochUnit::Ns), Some(-1));
        assert_eq!(us("99999999999999999999", EpochUnit::S), Some(i64::MAX));
        for text in ["", "-", ".5", "1e9", "1,5", "2024-10-01", "+1"] {
            assert_eq!(us(text, EpochUnit::S), None, "{text}");
        }
    }

    proptest! {
        /// The fast parser gives the same as the general one.
        #[test]
        fn common_format_is_read_as_the_library_reads_it(
            (year, month, day) in (1500u32..2500, 0u32..14, 0u32..33),
            (hour, minute, second) in (0u32..26, 0u32..62, 0u32..62),
            between in "[ T]", more in "(\\.[0-9]{0,10})?[Z ]?",
        ) {
            let text = format!(
                "{year:04}-{month:02}-{day:02}{between}{hour:02}:{minute:02}:{second:02}{more}"
            );
            let slow = string_to_datetime(&Utc, &text).ok().map(|t| t.timestamp_micros());
            if let Some(us) = UsualText::default().us(text.as_bytes()) {
                prop_assert_eq!(Some(us), slow, "{}", text);
            } else if more.is_empty() {
                prop_assert!(slow.is_none() || second == 60, "{}", text);
            }
        }
    }

    #[test]
    fn cached_date_is_replaced() {
        let mut usual = UsualText::default();
        let day = 86_400_000_000;
        assert_eq!(usual.us(b"2024-10-01 08:00:00"), Some(EIGHT));
        assert_eq!(usual.us(b"2024-10-02T08:00:00.000001"), Some(EIGHT + day + 1));
        assert_eq!(usual.us(b"2024-10-01 08:00:00"), Some(EIGHT));
        assert_eq!(usual.us(b"1970-01-01 00:00:00"), Some(0));
        assert_eq!(usual.us(b"2024-10-01 08:00"), Some(EIGHT));
        assert_eq!(usual.us(b"2024-10-01 08:0"), None);
    }
}
