//! Dates with times as text in other forms than the usual one, with a zone or without.

use std::borrow::Cow;

use arrow::compute::kernels::cast_utils::string_to_datetime;
use chrono::{DateTime, TimeZone, Utc};
use chrono_tz::Tz;

/// Bytes of a date such as `2024-10-01`.
pub const DATE: usize = 10;
/// Bytes of a date with hours and minutes.
const MINUTES: usize = 16;

/// A time as it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WrittenTime {
    /// What the clock showed, µs since 1970.
    pub wall_us: i64,
    /// The instant, µs since 1970 UTC, if a zone was written with it: `Z`, an offset or a name.
    pub instant_us: Option<i64>,
}

/// Reads a text without spaces around it. The zone may be `Z`, an offset such as `+03:00`, a name of the
/// IANA database, or both as in `+03:00[Europe/Tallinn]` (RFC 9557), of which the offset counts. A local time that
/// occurs twice in its zone is the first of the two.
///
/// Returns `None` for other text, and for a local time that the clocks of its zone skip.
pub fn written_time(text: &str) -> Option<WrittenTime> {
    let (text, zone) = split_zone(text)?;
    let text = &*with_seconds(&text);
    let us = |text: &str| Some(string_to_datetime(&Utc, text).ok()?.timestamp_micros());
    let shown_us = us(text)?;
    let offset = text.get(DATE..).and_then(|time| time.find(['+', '-']));
    if let Some(at) = offset {
        let wall_us = us(text[..DATE + at].trim_end())?;
        return Some(WrittenTime { wall_us, instant_us: Some(shown_us) });
    }
    let instant_us = match zone {
        _ if text.ends_with(['Z', 'z']) => Some(shown_us),
        Some(zone) => {
            let wall = DateTime::from_timestamp_micros(shown_us)?.naive_utc();
            Some(zone.from_local_datetime(&wall).earliest()?.timestamp_micros())
        }
        None => None,
    };
    Some(WrittenTime { wall_us: shown_us, instant_us })
}

/// The text with seconds, if it has only hours and minutes.
fn with_seconds(text: &str) -> Cow<'_, str> {
    match text.as_bytes() {
        [_, _, _, _, _, _, _, _, _, _, b' ' | b'T' | b't', _, _, b':', _, _, rest @ ..]
            if text.is_ascii() && !rest.starts_with(b":") && !rest.starts_with(b".") =>
        {
            let (minutes, zone) = text.split_at(MINUTES);
            Cow::Owned(format!("{minutes}:00{zone}"))
        }
        _ => Cow::Borrowed(text),
    }
}

/// Takes the name of a zone off the end of a text; `None` if what is written there is not a zone.
fn split_zone(text: &str) -> Option<(Cow<'_, str>, Option<Tz>)> {
    if let Some((time, tags)) = text.strip_suffix(']').and_then(|text| text.split_once('[')) {
        return match zone_of_tags(tags)? {
            None => Some((Cow::Borrowed(time), None)),
            Some(offset) if offset.starts_with(['+', '-']) => {
                let has_offset = time.ends_with(['Z', 'z'])
                    || time.get(DATE..).is_some_and(|time| time.contains(['+', '-']));
                let written = if has_offset {
                    Cow::Borrowed(time)
                } else {
                    (time.to_owned() + offset).into()
                };
                Some((written, None))
            }
            Some(name) => Some((Cow::Borrowed(time), Some(name.parse().ok()?))),
        };
    }
    // a `T` may separate the time from the date
    let time = text.get(DATE + 1..).unwrap_or_default();
    match time.find(|c: char| c.is_ascii_alphabetic()) {
        Some(at) if !matches!(&time[at..], "Z" | "z") => {
            let (before, name) = text.split_at(DATE + 1 + at);
            let before = before.trim_end();
            (before.len() > DATE).then_some(())?;
            Some((Cow::Borrowed(before), Some(name.parse().ok()?)))
        }
        _ => Some((Cow::Borrowed(text), None)),
    }
}

/// The zone out of tags such as `Europe/Tallinn][u-ca=gregory`: a name or an offset, which can only be the
/// first one. An exclamation mark means that a tag must be understood; other tags with a key say nothing
/// about the time.
///
/// Returns `None` for tags that are not valid or must be understood and are not.
fn zone_of_tags(tags: &str) -> Option<Option<&str>> {
    let mut zone = None;
    for (number, tag) in tags.split("][").enumerate() {
        let name = tag.strip_prefix('!').unwrap_or(tag);
        match name.split_once('=') {
            Some((key, value)) if !key.is_empty() && !value.is_empty() => {
                (tag == name || key == "u-ca").then_some(())?;
            }
            None if number == 0 && !name.is_empty() => zone = Some(name),
            _ => return None,
        }
    }
    let is_offset = |name: &str| name.bytes().skip(1).all(|b| b.is_ascii_digit() || b == b':');
    match zone {
        Some(offset) if offset.starts_with(['+', '-']) && !is_offset(offset) => None,
        zone => Some(zone),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EIGHT: i64 = 1_727_769_600_000_000; // 2024-10-01 08:00:00
    const HOUR: i64 = 3_600_000_000;

    #[test]
    fn every_form_of_a_zone_gives_the_same_wall_time_and_instant() {
        let expected = Some(WrittenTime { wall_us: EIGHT, instant_us: Some(EIGHT - 3 * HOUR) });
        for text in [
            "2024-10-01 08:00:00.000 Europe/Tallinn",
            "2024-10-01T08:00:00 Europe/Tallinn",
            "2024-10-01 08:00:00Europe/Tallinn",
            "2024-10-01 08:00:00 Etc/GMT-3",
            "2024-10-01T08:00:00+03:00",
            "2024-10-01 08:00:00 +0300",
            "2024-10-01T08:00:00+03:00[Europe/Tallinn]",
            "2024-10-01T08:00:00[Europe/Tallinn]",
            "2024-10-01T08:00:00.000+03",
            "2024-10-01 08:00 Europe/Tallinn",
            "2024-10-01T08:00+03:00",
            "2024-10-01T08:00:00+03:00[!Europe/Tallinn]",
            "2024-10-01T08:00:00+03:00[Europe/Tallinn][u-ca=gregory]",
            "2024-10-01T08:00:00+03:00[!u-ca=gregory][x-own=1]",
            "2024-10-01T08:00:00+03:00[+03:00]",
            "2024-10-01T08:00:00[+03:00]",
            "2024-10-01T08:00[!+03]",
        ] {
            assert_eq!(written_time(text), expected, "{text}");
        }
        let utc = Some(WrittenTime { wall_us: EIGHT, instant_us: Some(EIGHT) });
        for text in ["2024-10-01T08:00:00Z", "2024-10-01 08:00:00 UTC", "2024-10-01T08:00:00Z[UTC]"]
        {
            assert_eq!(written_time(text), utc, "{text}");
        }
        let unzoned = Some(WrittenTime { wall_us: EIGHT, instant_us: None });
        assert_eq!(written_time("2024-10-01T08:00:00.000"), unzoned);
        assert_eq!(written_time("2024-10-01 08:00"), unzoned);
    }

    #[test]
    fn what_is_not_a_time_in_a_zone_is_not_read() {
        for text in [
            "2024-10-01 08:00:00 Europe/Nowhere",
            "2024-10-01 08:00:00 PM",
            "2024-10-01T08:00:00+03:00[nowhere]",
            "2024-10-01T08:00:00+03:00[!x-own=1]",
            "2024-10-01T08:00:00+03:00[u-ca=gregory][Europe/Tallinn]",
            "2024-10-01T08:00:00+03:00[]",
            "2024-10-01T08:00:00+03:00[+x]",
            "2024-10-01 UTC",
            "2024-10-01 08:00.5",
            "2024-10-01 08",
            "2024-10-01 08:5",
            "2024-13-01 08:00:00 UTC",
            "soon",
            "é024-10-01é08:00:00",
            // skipped when the clocks go forward
            "2024-03-31 03:30:00 Europe/Tallinn",
        ] {
            assert_eq!(written_time(text), None, "{text}");
        }
    }

    #[test]
    fn a_local_time_that_occurs_twice_is_the_first() {
        let written = written_time("2024-10-27 03:30:00 Europe/Tallinn").unwrap();
        assert_eq!(written.wall_us - written.instant_us.unwrap(), 3 * HOUR);
    }
}
