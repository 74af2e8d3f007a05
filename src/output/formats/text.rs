//! Values as text in the notation of PostgreSQL, so that both engines give the same CSV. Values that
//! occur by the million are written without allocation and without `std::fmt`.

use std::io::Write;

use crate::domain::ids::hex_digits;

/// Separator of date and time, and suffix of a time stamp with a time zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// `2024-10-01 08:00:00`, in UTC `2024-10-01 08:00:00+00`.
    Sql,
    /// `2024-10-01T08:00:00`, in UTC `2024-10-01T08:00:00Z`.
    Iso,
}

/// Writes an integer.
pub(super) fn integer(value: i64, out: &mut Vec<u8>) {
    if value < 0 {
        out.push(b'-');
    }
    unsigned(value.unsigned_abs(), out);
}

/// Writes an unsigned integer.
pub(super) fn unsigned(mut value: u64, out: &mut Vec<u8>) {
    let mut digits = [0; 20];
    let mut start = digits.len();
    loop {
        start -= 1;
        digits[start] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[start..]);
}

/// Writes the shortest digits that parse to the same number: `5`, `24.75`, `1e+15`, `1e-05`. An
/// exponent is used below 0.0001 and from 10^15 on.
pub(super) fn double(value: f64, out: &mut Vec<u8>) {
    if not_finite(value, out) {
        return;
    }
    let size = value.abs();
    if value == 0.0 || (1e-4..1e15).contains(&size) {
        let _ = write!(out, "{value}");
    } else {
        exponent(&format!("{value:e}"), out);
    }
}

/// Like [`double`], but with an exponent from 10^6 on, as a single-precision number has fewer digits.
pub(super) fn single(value: f32, out: &mut Vec<u8>) {
    if not_finite(f64::from(value), out) {
        return;
    }
    let size = value.abs();
    if value == 0.0 || (1e-4..1e6).contains(&size) {
        let _ = write!(out, "{value}");
    } else {
        exponent(&format!("{value:e}"), out);
    }
}

fn not_finite(value: f64, out: &mut Vec<u8>) -> bool {
    if value.is_nan() {
        out.extend_from_slice(b"NaN");
    } else if value.is_infinite() {
        out.extend_from_slice(if value > 0.0 { b"Infinity" } else { b"-Infinity" });
    }
    !value.is_finite()
}

/// `1e300` as `1e+300` and `1e-7` as `1e-07`: PostgreSQL writes the sign and two digits.
fn exponent(text: &str, out: &mut Vec<u8>) {
    let (digits, power) = text.split_once('e').unwrap_or((text, "0"));
    let (sign, power) = match power.strip_prefix('-') {
        Some(power) => ('-', power),
        None => ('+', power),
    };
    let _ = write!(out, "{digits}e{sign}{power:0>2}");
}

/// Writes at least `width` digits, padded with zeros.
fn padded(value: u64, width: usize, out: &mut Vec<u8>) {
    let start = out.len();
    out.resize(start + width, b'0');
    let mut rest = value;
    for place in out[start..].iter_mut().rev() {
        *place = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    if rest > 0 {
        out.truncate(start);
        unsigned(value, out);
    }
}

/// Writes a date, given in days since 1970-01-01.
pub(super) fn date(days: i64, out: &mut Vec<u8>) {
    let (year, month, day) = civil(days);
    if year < 0 {
        out.push(b'-');
    }
    padded(year.unsigned_abs(), 4, out);
    out.push(b'-');
    padded(month, 2, out);
    out.push(b'-');
    padded(day, 2, out);
}

/// Year, month and day of the proleptic Gregorian calendar. The algorithm is `civil_from_days` of Howard
/// Hinnant, "chrono-Compatible Low-Level Date Algorithms": it counts in eras of 400 years that start on
/// 1 March, so that the leap day is the last day of a year.
fn civil(days: i64) -> (i64, u64, u64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month as u64, day as u64)
}

/// Writes a time stamp, given in microseconds since 1970-01-01. A fraction is written without trailing
/// zeros, and only if it is not zero.
pub(super) fn timestamp(micros: i64, zoned: bool, style: Style, out: &mut Vec<u8>) {
    const SECOND: i64 = 1_000_000;
    const DAY: i64 = 86_400 * SECOND;
    date(micros.div_euclid(DAY), out);
    out.push(if style == Style::Sql { b' ' } else { b'T' });
    let of_day = micros.rem_euclid(DAY);
    let seconds = (of_day / SECOND) as u64;
    padded(seconds / 3_600, 2, out);
    out.push(b':');
    padded(seconds / 60 % 60, 2, out);
    out.push(b':');
    padded(seconds % 60, 2, out);
    let fraction = (of_day % SECOND) as u64;
    if fraction > 0 {
        out.push(b'.');
        padded(fraction, 6, out);
        while out.last() == Some(&b'0') {
            out.pop();
        }
    }
    if zoned {
        out.extend_from_slice(if style == Style::Sql { b"+00" } else { b"Z" });
    }
}

/// Writes bytes as lower-case hexadecimal.
pub(super) fn hex(bytes: &[u8], out: &mut Vec<u8>) {
    out.reserve(bytes.len() * 2);
    for byte in bytes {
        out.extend_from_slice(&hex_digits(*byte));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(write: impl Fn(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn whole_numbers_reach_both_ends_of_their_type() {
        assert_eq!(shown(|o| integer(i64::MIN, o)), "-9223372036854775808");
        assert_eq!(shown(|o| integer(0, o)), "0");
        assert_eq!(shown(|o| unsigned(u64::MAX, o)), "18446744073709551615");
    }

    #[test]
    fn floats_print_as_postgresql_prints_them() {
        for (value, text) in [
            (0.1, "0.1"),
            (5.0, "5"),
            (24.75, "24.75"),
            (-0.0, "-0"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (1.5e-7, "1.5e-07"),
            (999_999_999_999_999.0, "999999999999999"),
            (1e15, "1e+15"),
            (1e300, "1e+300"),
            (-2.5e-300, "-2.5e-300"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "Infinity"),
            (f64::NEG_INFINITY, "-Infinity"),
        ] {
            assert_eq!(shown(|o| double(value, o)), text);
        }
        assert_eq!(shown(|o| single(0.1, o)), "0.1");
        assert_eq!(shown(|o| single(1e6, o)), "1e+06");
    }

    #[test]
    fn dates_before_1970_leap_days_and_far_years_are_right() {
        for (days, text) in [
            (0, "1970-01-01"),
            (-1, "1969-12-31"),
            (11_016, "2000-02-29"),
            (20_002, "2024-10-06"),
            (-25_508, "1900-03-01"),
            (-719_468, "0000-03-01"),
            (-719_529, "-0001-12-31"),
            (2_932_897, "10000-01-01"),
        ] {
            assert_eq!(shown(|o| date(days, o)), text);
        }
    }

    #[test]
    fn a_time_stamp_has_a_fraction_only_when_there_is_one() {
        let at = |micros, style| shown(|o| timestamp(micros, false, style, o));
        assert_eq!(at(1_727_769_600_000_000, Style::Sql), "2024-10-01 08:00:00");
        assert_eq!(at(1_727_769_600_000_000, Style::Iso), "2024-10-01T08:00:00");
        assert_eq!(at(1_727_769_600_120_000, Style::Sql), "2024-10-01 08:00:00.12");
        assert_eq!(at(1_727_769_600_000_001, Style::Sql), "2024-10-01 08:00:00.000001");
        assert_eq!(at(-1, Style::Sql), "1969-12-31 23:59:59.999999");
        assert_eq!(shown(|o| timestamp(0, true, Style::Sql, o)), "1970-01-01 00:00:00+00");
        assert_eq!(shown(|o| timestamp(0, true, Style::Iso, o)), "1970-01-01T00:00:00Z");
    }

    #[test]
    fn the_ends_of_the_time_line_do_not_overflow() {
        assert!(shown(|o| timestamp(i64::MAX, false, Style::Sql, o)).starts_with("294247-01-10 "));
        assert!(shown(|o| timestamp(i64::MIN, false, Style::Sql, o)).starts_with("-290308-12-21 "));
    }
}
