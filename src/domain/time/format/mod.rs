//! Time stamps as text in a configured form, with the fields of `strftime`.
//!
//! The same fields become a regular expression for Spark, so that both engines read the same text. Nothing is
//! guessed: text in any other form is not a time stamp.

mod parse;

use std::fmt;
use std::sync::Arc;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::MICROS_PER_SECOND;

/// English names of months. Their first three letters are the short names.
pub const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

/// Two-digit years from this one on are in the 20th century, as in POSIX.
pub const FIRST_SHORT_YEAR: i64 = 69;

/// A part of a format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    Literal(u8),
    /// Four digits.
    Year,
    /// Two digits: 1969 to 2068.
    ShortYear,
    Month(Digits),
    MonthName,
    Day(Digits),
    /// 0 to 23.
    Hour(Digits),
    /// 1 to 12, with [`Field::Half`].
    Hour12(Digits),
    /// AM or PM.
    Half,
    Minute(Digits),
    Second(Digits),
    /// Digits behind a separator.
    Fraction,
    /// A point and digits, or nothing.
    PointAndFraction,
    /// `Z`, `+03`, `+0300` or `+03:00`.
    Offset,
}

/// How a number of up to two digits is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Digits {
    /// Two digits, because another number follows.
    Two,
    OneOrTwo,
    /// One or two, or a space and one.
    SpaceOrTwo,
}

/// The form of time stamps in text.
#[derive(Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct TimestampFormat {
    text: Arc<str>,
    fields: Arc<[Field]>,
}

/// A time as it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FormattedTime {
    /// What the clock showed, µs since 1970.
    pub wall_us: i64,
    /// UTC offset that was written with it, µs.
    pub offset_us: Option<i64>,
}

/// Numbers of a text.
#[derive(Debug, Clone, Copy, Default)]
struct Parts {
    year: i64,
    month: i64,
    day: i64,
    hour: i64,
    is_afternoon: Option<bool>,
    minute: i64,
    second: i64,
    fraction_us: i64,
    offset_us: Option<i64>,
}

impl TimestampFormat {
    /// The format as it was configured.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// False if the text is a date alone, which is read as its midnight.
    pub fn has_time_of_day(&self) -> bool {
        self.fields.iter().any(|field| matches!(field, Field::Hour(_) | Field::Hour12(_)))
    }

    /// Reads a text without spaces around it; `None` for text in any other form.
    pub fn read(&self, text: &[u8]) -> Option<FormattedTime> {
        let mut parts = Parts::default();
        let rest = self.fields.iter().try_fold(text, |text, field| field.read(text, &mut parts))?;
        rest.is_empty().then_some(())?;
        parts.time()
    }

    /// The day of a text that is a time in this format, or only its date.
    pub fn read_day(&self, text: &[u8]) -> Option<NaiveDate> {
        let mut parts = Parts::default();
        let end = self.fields.iter().rposition(|field| field.is_of_date())? + 1;
        let date = self.fields[..end].iter();
        let rest = date.clone().try_fold(text, |text, field| field.read(text, &mut parts))?;
        if !rest.is_empty() {
            self.read(text)?;
        }
        parts.date()
    }

    /// True if the day comes before the month and after the year, so that dates of ISO 8601 could be
    /// mistaken for it.
    pub fn is_like_iso_but_swapped(&self) -> bool {
        let position = |is_it: fn(&Field) -> bool| self.fields.iter().position(is_it);
        let year = position(|f| matches!(f, Field::Year));
        let month = position(|f| matches!(f, Field::Month(_)));
        let day = position(|f| matches!(f, Field::Day(_)));
        year < day && day < month
    }
}

impl Parts {
    fn date(&self) -> Option<NaiveDate> {
        NaiveDate::from_ymd_opt(
            i32::try_from(self.year).ok()?,
            u32::try_from(self.month).ok()?,
            u32::try_from(self.day).ok()?,
        )
    }

    fn time(&self) -> Option<FormattedTime> {
        let hour = match self.is_afternoon {
            None => self.hour,
            Some(is_afternoon) if (1..=12).contains(&self.hour) => {
                self.hour % 12 + if is_afternoon { 12 } else { 0 }
            }
            Some(_) => return None,
        };
        if hour > 23 || self.minute > 59 || self.second > 59 {
            return None;
        }
        let days = i64::from(self.date()?.to_epoch_days());
        let seconds = ((days * 24 + hour) * 60 + self.minute) * 60 + self.second;
        let wall_us = seconds * MICROS_PER_SECOND + self.fraction_us;
        Some(FormattedTime { wall_us, offset_us: self.offset_us })
    }
}

impl Field {
    fn is_of_date(&self) -> bool {
        use Field::{Day, Month, MonthName, ShortYear, Year};
        matches!(self, Year | ShortYear | Month(_) | MonthName | Day(_))
    }

    fn starts_with_digit(&self) -> bool {
        use Field::{Day, Fraction, Hour, Hour12, Literal, Minute, Month, Second, ShortYear, Year};
        match self {
            Literal(byte) => byte.is_ascii_digit(),
            Year | ShortYear | Fraction => true,
            Month(_) | Day(_) | Hour(_) | Hour12(_) | Minute(_) | Second(_) => true,
            _ => false,
        }
    }

    fn digits_mut(&mut self) -> Option<&mut Digits> {
        use Field::{Day, Hour, Hour12, Minute, Month, Second};
        match self {
            Month(d) | Day(d) | Hour(d) | Hour12(d) | Minute(d) | Second(d) => Some(d),
            _ => None,
        }
    }

    /// Reads the field from the start of the text; returns the rest.
    fn read<'t>(&self, text: &'t [u8], parts: &mut Parts) -> Option<&'t [u8]> {
        match self {
            Field::Literal(byte) => text.strip_prefix(&[*byte]),
            Field::Year => number(text, 4, 4, &mut parts.year),
            Field::ShortYear => {
                let rest = number(text, 2, 2, &mut parts.year)?;
                parts.year += if parts.year >= FIRST_SHORT_YEAR { 1_900 } else { 2_000 };
                Some(rest)
            }
            Field::Month(digits) => digits.read(text, &mut parts.month),
            Field::MonthName => {
                let length = text.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
                let (name, rest) = text.split_at(length);
                let is_it = |month: &str| {
                    let month = month.as_bytes();
                    name.eq_ignore_ascii_case(month) || name.eq_ignore_ascii_case(&month[..3])
                };
                parts.month = MONTHS.iter().position(|month| is_it(month))? as i64 + 1;
                Some(rest)
            }
            Field::Day(digits) => digits.read(text, &mut parts.day),
            Field::Hour(digits) | Field::Hour12(digits) => digits.read(text, &mut parts.hour),
            Field::Half => {
                let (half, rest) = text.split_at_checked(2)?;
                let is_afternoon = half.eq_ignore_ascii_case(b"pm");
                (is_afternoon || half.eq_ignore_ascii_case(b"am")).then_some(())?;
                parts.is_afternoon = Some(is_afternoon);
                Some(rest)
            }
            Field::Minute(digits) => digits.read(text, &mut parts.minute),
            Field::Second(digits) => digits.read(text, &mut parts.second),
            Field::Fraction => fraction(text, &mut parts.fraction_us),
            Field::PointAndFraction => match text.strip_prefix(b".") {
                Some(digits) => fraction(digits, &mut parts.fraction_us),
                None => Some(text),
            },
            Field::Offset => offset(text, &mut parts.offset_us),
        }
    }
}

impl Digits {
    fn read<'t>(self, text: &'t [u8], into: &mut i64) -> Option<&'t [u8]> {
        match self {
            Digits::Two => number(text, 2, 2, into),
            Digits::OneOrTwo => number(text, 1, 2, into),
            Digits::SpaceOrTwo => match text.strip_prefix(b" ") {
                Some(text) => number(text, 1, 1, into),
                None => number(text, 1, 2, into),
            },
        }
    }
}

/// A number of `min` to `max` digits at the start of the text.
fn number<'t>(text: &'t [u8], min: usize, max: usize, into: &mut i64) -> Option<&'t [u8]> {
    let digits = text.iter().take(max).take_while(|byte| byte.is_ascii_digit()).count();
    (digits >= min).then_some(())?;
    let (digits, rest) = text.split_at(digits);
    *into = digits.iter().fold(0, |number, digit| number * 10 + i64::from(digit - b'0'));
    Some(rest)
}

/// Decimals of a second; those beyond microseconds are cut off.
fn fraction<'t>(text: &'t [u8], us: &mut i64) -> Option<&'t [u8]> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    (digits > 0).then_some(())?;
    let (digits, rest) = text.split_at(digits);
    let six = digits.iter().chain(std::iter::repeat(&b'0')).take(6);
    *us = six.fold(0, |us, digit| us * 10 + i64::from(digit - b'0'));
    Some(rest)
}

fn offset<'t>(text: &'t [u8], us: &mut Option<i64>) -> Option<&'t [u8]> {
    let (first, rest) = text.split_first()?;
    let sign = match first {
        b'Z' | b'z' => {
            *us = Some(0);
            return Some(rest);
        }
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let (mut hours, mut minutes) = (0, 0);
    let rest = number(rest, 2, 2, &mut hours)?;
    let after_colon = rest.strip_prefix(b":").unwrap_or(rest);
    let rest = number(after_colon, 2, 2, &mut minutes).unwrap_or(rest);
    *us = Some(sign * (hours * 60 + minutes) * 60 * MICROS_PER_SECOND);
    Some(rest)
}

impl From<TimestampFormat> for String {
    fn from(format: TimestampFormat) -> String {
        format.text.as_ref().to_owned()
    }
}

impl fmt::Debug for TimestampFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, f)
    }
}

#[cfg(test)]
mod tests {
    use chrono::NaiveDateTime;
    use proptest::prelude::*;

    use super::*;
    use crate::domain::time::MICROS_PER_HOUR;

    fn format(text: &str) -> TimestampFormat {
        text.to_owned().try_into().unwrap()
    }

    fn read(text: &str, by: &str) -> Option<String> {
        let time = format(by).read(text.as_bytes())?;
        let wall = chrono::DateTime::from_timestamp_micros(time.wall_us)?.naive_utc().to_string();
        Some(match time.offset_us {
            Some(us) => format!("{wall} {}", us / MICROS_PER_HOUR),
            None => wall,
        })
    }

    #[test]
    fn text_is_read_in_the_configured_form_only() {
        let at = Some("2024-05-07 12:42:28".to_owned());
        for (text, by) in [
            ("07-05-2024 12:42:28", "%d-%m-%Y %H:%M:%S"),
            ("7.5.2024 12:42:28", "%d.%m.%Y %H:%M:%S"),
            ("05/07/24 12:42:28 PM", "%m/%d/%y %I:%M:%S %p"),
            ("20240507124228", "%Y%m%d%H%M%S"),
            ("07-May-2024 12:42:28", "%d-%b-%Y %T"),
            ("7 may 2024 12:42:28", "%e %B %Y %T"),
            ("2024-05-07T12:42:28", "%FT%T"),
            ("den 07.05.2024 um 12:42:28 Uhr", "den %d.%m.%Y um %H:%M:%S Uhr"),
        ] {
            assert_eq!(read(text, by), at, "{text} by {by}");
        }
        assert_eq!(
            read("07.05.2024 12:42:28,250", "%d.%m.%Y %H:%M:%S,%f").unwrap(),
            "2024-05-07 12:42:28.250"
        );
        assert_eq!(read("07.05.2024 12:42", "%d.%m.%Y %H:%M").unwrap(), "2024-05-07 12:42:00");
        assert_eq!(read("07.05.2024", "%d.%m.%Y").unwrap(), "2024-05-07 00:00:00");
        assert_eq!(
            read("07.05.2024 00:10 +0300", "%d.%m.%Y %H:%M %z").unwrap(),
            "2024-05-07 00:10:00 3"
        );
        for fraction in ["", ".5"] {
            assert!(read(&format!("07.05.2024 12:42:28{fraction}"), "%d.%m.%Y %T%.f").is_some());
        }
        for (text, by) in [
            ("05-13-2024 12:42:28", "%d-%m-%Y %H:%M:%S"),
            ("2024-05-07 12:42:28", "%d-%m-%Y %H:%M:%S"),
            ("07-05-24 12:42:28", "%d-%m-%Y %H:%M:%S"),
            ("07-05-2024 12:42:28 ", "%d-%m-%Y %H:%M:%S"),
            ("07-05-2024 24:42:28", "%d-%m-%Y %H:%M:%S"),
            ("31-02-2024 12:42:28", "%d-%m-%Y %H:%M:%S"),
            ("07-05-2024 13:42 PM", "%d-%m-%Y %I:%M %p"),
            ("1052024", "%d%m%Y"),
            ("07-Mai-2024", "%d-%b-%Y"),
        ] {
            assert_eq!(read(text, by), None, "{text} by {by}");
        }
    }

    #[test]
    fn days_are_read_from_dates_and_times() {
        let by = format("%d.%m.%Y %H:%M:%S");
        let day = |text: &str| by.read_day(text.as_bytes()).map(|day| day.to_string());
        assert_eq!(day("07.05.2024").unwrap(), "2024-05-07");
        assert_eq!(day("07.05.2024 23:59:59").unwrap(), "2024-05-07");
        assert_eq!(day("07.05.2024 x"), None);
        assert_eq!(day("2024-05-07"), None);
        assert!(format("%Y-%d-%m").is_like_iso_but_swapped());
        assert!(!by.is_like_iso_but_swapped() && !format("%F %T").is_like_iso_but_swapped());
    }

    proptest! {
        /// What the library writes in a format is read as the same time.
        #[test]
        fn times_that_the_library_writes_are_read(
            us in -2_000_000_000_000_000i64..4_000_000_000_000_000,
            by in prop::sample::select(vec![
                "%d-%m-%Y %H:%M:%S%.6f", "%m/%d/%Y %I:%M:%S%.6f %p", "%Y%m%d%H%M%S%.6f",
                "%e %B %Y, %k:%M:%S%.6f", "%b %d %Y %T%.6f",
            ]),
        ) {
            let time: NaiveDateTime = chrono::DateTime::from_timestamp_micros(us).unwrap().naive_utc();
            let text = time.format(by).to_string();
            let read = format(by).read(text.trim().as_bytes()).map(|time| time.wall_us);
            prop_assert_eq!(read, Some(us), "{}", text);
        }
    }
}
