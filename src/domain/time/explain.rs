//! Why a time stamp cannot be used, in words, with the key that would help.
//!
//! Texts are quoted only if they look like a date, since the wrong column may hold ids.

use super::TIMESTAMP_RANGE_US;
use super::belief::{Belief, is_placeholder, is_placeholder_time, shown};
use super::format::TimestampFormat;
use super::text::EpochUnit;
use super::written::{DATE, written_time};

/// The forms of date-time text that are read without a format.
pub const ACCEPTED: &str =
    "2024-10-01 08:00:00, also with a T, without seconds, with decimals, and with a zone";

/// The end of the year 9999, local µs.
const LATEST_US: i64 = TIMESTAMP_RANGE_US.end;

/// Longer text is not quoted.
const MAX_QUOTED: usize = 48;
/// The days between 1899-12-30 and a time that can be believed, by which spreadsheets count.
const SPREADSHEET_DAYS: std::ops::Range<i128> = 32_874..80_000;

/// How the time stamps of a file are read.
#[derive(Debug, Clone, Copy, Default)]
pub struct ReadAs<'a> {
    /// Numbers of this unit.
    pub unit: Option<EpochUnit>,
    /// Text of this format.
    pub format: Option<&'a str>,
    /// True if the unit of numbers is a setting, and not a property of the column.
    pub unit_is_configured: bool,
}

/// Explains text that is not a time stamp.
pub fn unreadable(text: &str, read_as: ReadAs, belief: Belief) -> String {
    let text = text.trim();
    if let Some(number) = number(text) {
        return match (read_as.unit, number_without_unit(text, number, read_as, belief)) {
            (Some(unit), _) => format!("a number that is not one of {}", unit.name()),
            (None, hint) => format!("{hint}; expected are {}", expected(read_as)),
        };
    }
    if let Some(format) = compact_format(text).filter(|_| read_as.unit.is_none()) {
        return format!(
            "a date and time without separators; set columns.timestamp_format = {format:?}"
        );
    }
    if !looks_like_a_date(text) {
        return format!(
            "text that does not look like a date (is columns.timestamp right?); expected are {}",
            expected(read_as)
        );
    }
    let proposed: Vec<String> = proposed_formats(text)
        .iter()
        .map(|f| format!("columns.timestamp_format = \"{f}\""))
        .collect();
    let remedy = match (read_as.unit, proposed.as_slice()) {
        (Some(_), _) => "; columns.timestamp_unit is for numbers, remove it for text".to_owned(),
        (None, []) => match unknown_zone(text) {
            Some(zone) => zone_remedy(zone),
            None => "; columns.timestamp_format states another form".to_owned(),
        },
        (None, [one]) => format!("; set {one}"),
        (None, several) => {
            format!("; if the day comes first, set {}", several.join(", if the month does, "))
        }
    };
    format!("{text:?}; expected are {}{remedy}", expected(read_as))
}

fn expected(read_as: ReadAs) -> String {
    match read_as {
        ReadAs { unit: Some(unit), .. } => format!("numbers of {} since 1970", unit.name()),
        ReadAs { format: Some(format), .. } => {
            format!("times as in columns.timestamp_format = {format:?}")
        }
        _ => format!("times such as {ACCEPTED}"),
    }
}

/// Explains a number for which no unit is configured; `text` are its digits.
pub fn number_without_unit(text: &str, number: i128, read_as: ReadAs, belief: Belief) -> String {
    if let Some(format) = digits_format(text) {
        return format!(
            "{} digits that look like a date; set columns.timestamp_format = {format:?}",
            text.len()
        );
    }
    match belief.unit_of(number) {
        Some(unit) => {
            let remedy = match read_as.unit_is_configured {
                true => format!("set columns.timestamp_unit = {:?}", unit.key()),
                false => "write the column as a time stamp instead of text".to_owned(),
            };
            format!("a number, which can be {} since 1970; {remedy}", unit.name())
        }
        None if SPREADSHEET_DAYS.contains(&number) => {
            "a number, which can be a date of a spreadsheet in days; save the column as text"
                .to_owned()
        }
        None => "a number that is not a believable time in any unit since 1970".to_owned(),
    }
}

/// Explains a number that was read in a unit and is no time that can be believed.
pub fn unbelievable_number(
    number: i128,
    unit: EpochUnit,
    read_as: ReadAs,
    belief: Belief,
) -> String {
    let us = i64::try_from(unit.micros(number)).unwrap_or(i64::MAX);
    let time = shown(us);
    if is_placeholder(number) || us < LATEST_US && is_placeholder_time(us) {
        return format!("{time}, a number that often stands for an unknown time");
    }
    match belief.unit_of(number).filter(|other| *other != unit) {
        Some(other) => format!("{time}; {}", reread_in(other, unit, read_as)),
        None => time,
    }
}

/// Explains a time, local µs, that cannot be believed.
pub fn unbelievable_time(us: i64) -> String {
    let time = shown(us);
    match is_placeholder_time(us) {
        true => format!("{time}, which often stands for an unknown time"),
        false => time,
    }
}

/// The unit in which numbers can be believed that were read as times such as this one, µs, in words;
/// `None` if there is none.
pub fn other_unit(us: i64, read_as: ReadAs, belief: Belief) -> Option<String> {
    let unit = read_as.unit?;
    belief.other_unit(us, unit).map(|other| reread_in(other, unit, read_as))
}

fn reread_in(other: EpochUnit, unit: EpochUnit, read_as: ReadAs) -> String {
    let remedy = match read_as.unit_is_configured {
        true => format!("set columns.timestamp_unit = {:?}", other.key()),
        false => "write the file again with the right unit".to_owned(),
    };
    format!(
        "it was read as a number of {}, and as {} it would be believable: {remedy}",
        unit.name(),
        other.name()
    )
}

/// The whole part of a number with or without decimals.
pub fn number(text: &str) -> Option<i128> {
    let whole = match text.split_once('.') {
        Some((whole, decimals)) if decimals.bytes().all(|b| b.is_ascii_digit()) => whole,
        Some(_) => return None,
        None => text,
    };
    whole.parse().ok()
}

/// The format of digits that look like a date with or without a time.
pub(super) fn digits_format(text: &str) -> Option<&'static str> {
    let format = match text.len() {
        8 => "%Y%m%d",
        12 => "%Y%m%d%H%M",
        14 => "%Y%m%d%H%M%S",
        _ => return None,
    };
    let is_date = text.bytes().all(|b| b.is_ascii_digit()) && is_compact_date(text);
    is_date.then_some(format)
}

fn is_compact_date(digits: &str) -> bool {
    let part = |range: std::ops::Range<usize>| digits[range].parse::<u32>().unwrap_or(u32::MAX);
    (1990..2100).contains(&part(0..4))
        && (1..=12).contains(&part(4..6))
        && (1..=31).contains(&part(6..8))
}

/// True for short text of digits, separators and a few letters, as dates have and ids have not.
fn looks_like_a_date(text: &str) -> bool {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || " -/.:,+[]()_".contains(c);
    let longest = |is_part: fn(char) -> bool| {
        text.split(|c| !is_part(c)).map(str::len).max().unwrap_or_default()
    };
    let separators = text.matches(['-', '/', '.', ':', ' ', ',']).count();
    text.len() <= MAX_QUOTED
        && text.chars().all(is_allowed)
        && text.contains(|c: char| c.is_ascii_digit())
        && separators >= 2
        && longest(|c| c.is_ascii_digit()) <= 9
        // letters and digits of an id in hexadecimal alternate
        && longest(|c| c.is_ascii_alphanumeric()) <= 9
}

/// Formats of a text with the date in another order: one, or two if day and month cannot be told apart.
pub(super) fn proposed_formats(text: &str) -> Vec<String> {
    let end = text.find([' ', 'T', ',']).unwrap_or(text.len());
    let (date, time) = text.split_at(end);
    let Some(time) = time_format(time) else { return Vec::new() };
    let Some(separator) = date.chars().find(|c| "./-".contains(*c)) else { return Vec::new() };
    let parts: Vec<&str> = date.split(separator).collect();
    let &[first, second, third] = parts.as_slice() else { return Vec::new() };
    let number = |part: &str| part.parse::<u32>().ok();
    let dates: Vec<[&str; 3]> = match (number(first), number(second), number(third)) {
        (Some(_), None, Some(_)) if second.len() == 3 => vec![["%d", "%b", year(third)]],
        (Some(_), None, Some(_)) => vec![["%d", "%B", year(third)]],
        (Some(_), Some(month), Some(_)) if first.len() == 4 && month > 12 => {
            vec![["%Y", "%d", "%m"]]
        }
        (Some(_), Some(_), Some(_)) if first.len() == 4 => vec![["%Y", "%m", "%d"]],
        (Some(day), Some(_), Some(_)) if day > 12 => vec![["%d", "%m", year(third)]],
        (Some(_), Some(day), Some(_)) if day > 12 => vec![["%m", "%d", year(third)]],
        (Some(_), Some(_), Some(_)) => {
            vec![["%d", "%m", year(third)], ["%m", "%d", year(third)]]
        }
        _ => Vec::new(),
    };
    let formats = dates.iter().map(|date| format!("{}{time}", date.join(&separator.to_string())));
    formats.filter(|format| reads(format, text)).collect()
}

/// The format of a date and time such as `20241001T080000`, with a zone or without.
pub(super) fn compact_format(text: &str) -> Option<&'static str> {
    let formats = ["%Y%m%dT%H%M%S", "%Y%m%dT%H%M", "%Y%m%dT%H%M%S%z", "%Y%m%dT%H%M%S.%f"];
    text.as_bytes().get(8).filter(|b| **b == b'T')?;
    formats.into_iter().find(|format| reads(format, text))
}

/// True if a format reads the text.
pub(super) fn reads(format: &str, text: &str) -> bool {
    TimestampFormat::try_from(format.to_owned()).is_ok_and(|f| f.read(text.as_bytes()).is_some())
}

/// What follows a time that can be read, if it begins like the name of a zone.
fn unknown_zone(text: &str) -> Option<&str> {
    let begins = |c: char| c.is_ascii_alphabetic() || c == '[';
    // a `T` may separate the time from the date
    let at = DATE + 1 + text.get(DATE + 1..)?.find(begins)?;
    let (time, zone) = text.split_at(at);
    written_time(time.trim_end())?;
    Some(zone.trim_matches(['[', ']']))
}

fn zone_remedy(zone: &str) -> String {
    let named = chrono_tz::TZ_VARIANTS.iter().map(|known| known.name());
    let near = named.into_iter().find(|known| known.eq_ignore_ascii_case(zone));
    let hint = near.map(|known| format!("; did you mean {known:?}?")).unwrap_or_default();
    format!(
        "; the zone {zone:?} is neither an offset such as +03:00 nor a name of the IANA database such as \
         Europe/Tallinn{hint}"
    )
}

fn year(digits: &str) -> &'static str {
    if digits.len() == 2 { "%y" } else { "%Y" }
}

/// The format of what follows the date; `None` for an unknown form.
fn time_format(text: &str) -> Option<String> {
    let clock = text.trim_start_matches([' ', 'T', ',']);
    let before = &text[..text.len() - clock.len()];
    if clock.is_empty() {
        return before.is_empty().then(String::new);
    }
    let (clock, half) = match clock.to_ascii_uppercase().trim_end_matches(['A', 'P', 'M']).len() {
        length if length < clock.len() => (&clock[..length], true),
        _ => (clock, false),
    };
    let (digits, zone) = match clock.find(['+', 'Z']) {
        Some(at) => (&clock[..at], "%z"),
        None => (clock, ""),
    };
    let space = &digits[digits.trim_end().len()..];
    let hour = if half { "%I" } else { "%H" };
    // Oracle writes 08.00.00.000000
    let separator = if digits.contains(':') { ":" } else { "." };
    let fields = [hour, "%M", "%S", "%f"].into_iter().zip(digits.trim_end().split(separator));
    let field = |(field, part): (&str, &str)| match part.find(['.', ',']) {
        Some(at) => format!("{field}{}%f", &part[at..=at]),
        None => field.to_owned(),
    };
    let mut format = format!("{before}{}", fields.map(field).collect::<Vec<_>>().join(separator));
    format.push_str(space);
    format.push_str(if half { "%p" } else { zone });
    Some(format)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BELIEF: Belief = Belief { now_us: 1_800_000_000_000_000 };

    fn why(text: &str) -> String {
        unreadable(text, ReadAs { unit_is_configured: true, ..ReadAs::default() }, BELIEF)
    }

    #[test]
    fn numbers_name_the_unit_that_fits() {
        for (text, unit) in [
            ("1727769600", "\"s\""),
            ("1727769600.25", "\"s\""),
            ("1727769600000", "\"ms\""),
            ("1727769600000000", "\"us\""),
            ("1727769600000000000", "\"ns\""),
        ] {
            assert!(
                why(text).contains(&format!("columns.timestamp_unit = {unit}")),
                "{}",
                why(text)
            );
        }
        assert!(why("20241001080000").contains("columns.timestamp_format = \"%Y%m%d%H%M%S\""));
        assert!(why("45566.33").contains("spreadsheet"));
        let in_parquet = unreadable("1727769600", ReadAs::default(), BELIEF);
        assert!(in_parquet.contains("seconds") && in_parquet.contains("as a time stamp"));
        assert!(why("37255512345678901234").contains("any unit"));
    }

    #[test]
    fn formats_are_proposed_and_day_and_month_are_not_guessed() {
        for (text, formats) in [
            ("07-05-2024 12:42:28", vec!["%d-%m-%Y %H:%M:%S", "%m-%d-%Y %H:%M:%S"]),
            ("17.05.2024 12:42", vec!["%d.%m.%Y %H:%M"]),
            ("05/17/24 01:42:28 PM", vec!["%m/%d/%y %I:%M:%S %p"]),
            ("17-May-2024 12:42:28,123", vec!["%d-%b-%Y %H:%M:%S,%f"]),
            ("2024/05/17T12:42:28.5", vec!["%Y/%m/%d T%H:%M:%S.%f"]),
            ("2024-17-05 12:42:28", vec!["%Y-%d-%m %H:%M:%S"]),
            ("17.05.2024", vec!["%d.%m.%Y"]),
            ("17-MAY-24 08.00.00.000000 AM", vec!["%d-%b-%y %I.%M.%S.%f %p"]),
        ] {
            let formats: Vec<String> = formats.iter().map(|f| f.replace(" T", "T")).collect();
            assert_eq!(proposed_formats(text), formats, "{text}");
            let why = why(text);
            assert!(why.contains(text) && formats.iter().all(|f| why.contains(f)), "{why}");
        }
    }

    #[test]
    fn a_format_is_proposed_only_if_it_reads_the_text() {
        assert!(why("20241001T080000").contains("\"%Y%m%dT%H%M%S\""));
        assert!(why("20241001T080000Z").contains("\"%Y%m%dT%H%M%S%z\""));
        for text in ["2024-10-01 24:00:00", "2024-10-01T08:00:00 +3", "31.04.2024 08:00"] {
            let why = why(text);
            assert!(!why.contains("set columns.timestamp_format"), "{why}");
        }
        for (text, zone) in [
            ("2024-10-01T08:00:00 EEST", "\"EEST\""),
            ("2024-10-01 08:00:00 UTC+3", "\"UTC+3\""),
            ("2024-10-01T08:00:00+03:00[Europe/Nowhere]", "\"Europe/Nowhere\""),
            ("2024-10-01 08:00:00 europe/tallinn", "did you mean \"Europe/Tallinn\"?"),
        ] {
            let why = why(text);
            assert!(why.contains(text) && why.contains(zone) && why.contains("+03:00"), "{why}");
        }
    }

    #[test]
    fn text_that_may_be_an_id_is_not_quoted() {
        for id in [
            "0f8fad5b-d9cb-469f-a165-70867728950e",
            "deadbeefdeadbeef",
            "u1",
            "37255512345",
            "a b c",
        ] {
            assert!(!why(id).contains(id), "{}", why(id));
        }
    }

    #[test]
    fn another_unit_is_proposed_for_a_number_out_of_belief() {
        let configured =
            ReadAs { unit: Some(EpochUnit::Ms), unit_is_configured: true, ..ReadAs::default() };
        let why = unbelievable_number(1_727_769_600, EpochUnit::Ms, configured, BELIEF);
        assert!(
            why.contains("1970-01-20") && why.contains("columns.timestamp_unit = \"s\""),
            "{why}"
        );
        let stored = ReadAs { unit_is_configured: false, ..configured };
        let why = unbelievable_number(1_727_769_600_000, EpochUnit::S, stored, BELIEF);
        assert!(why.contains("milliseconds") && why.contains("write the file again"), "{why}");
        let why = unbelievable_number(9_999_999_999, EpochUnit::S, configured, BELIEF);
        assert!(why.contains("2286-11-20") && why.contains("unknown time"), "{why}");
    }
}
