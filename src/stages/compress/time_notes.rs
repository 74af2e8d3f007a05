//! Messages about time stamps that are counted, but may not mean what they say: dates that events of a mobile
//! network cannot have, and dates without a time of day.

use chrono::{NaiveDate, NaiveDateTime};

use crate::datasets::manifest::RecordedInput;
use crate::domain::numbers::counted;
use crate::domain::time::LocalDate;
use crate::domain::time::belief::{Belief, is_placeholder_time};
use crate::domain::time::explain::{ReadAs, other_unit};

/// One message for dates before 1990 and one for dates in the future, with the number of rows, the first
/// file, and what may be the reason. `read_as` states how an input is read, if it was opened.
pub fn unlikely_dates<'a>(
    inputs: &[RecordedInput],
    read_as: impl Fn(usize) -> Option<ReadAs<'a>>,
    belief: Belief,
) -> Vec<String> {
    let is_early = |date: &NaiveDate| {
        let date = LocalDate::from_calendar(*date);
        !belief.accepts_date(date) && date < belief.last_date()
    };
    let is_late = |date: &NaiveDate| LocalDate::from_calendar(*date) > belief.last_date();
    let early = unlikely(inputs, is_early, |input| input.first);
    let late = unlikely(inputs, is_late, |input| input.last);
    let mut messages = Vec::new();
    for (found, beyond) in [(early, "before 1990"), (late, "in the future")] {
        let Some(Unlikely { rows, files, number, time }) = found else { continue };
        let mut message = format!(
            "{} of {} on dates {beyond}, for example at {time} in {}",
            counted(rows, "row"),
            counted(files, "file"),
            inputs[number].path.display()
        );
        let us = time.and_utc().timestamp_micros();
        // the last time says more about the unit, if the first ones stand for unknown times
        let last = inputs[number].last.map(|last| last.and_utc().timestamp_micros());
        let by_unit = |us: i64| other_unit(us, read_as(number)?, belief);
        if is_placeholder_time(us) {
            message.push_str(", which often stands for an unknown time");
        }
        if let Some(reason) = by_unit(us).or_else(|| last.and_then(by_unit)) {
            message.push_str(&format!("; {reason}"));
        }
        message.push_str("; they are counted on these dates");
        messages.push(message);
    }
    messages
}

/// A message about dates without a time of day, if there are any.
pub fn bare_dates(inputs: &[RecordedInput]) -> Option<String> {
    let with_any = || inputs.iter().filter(|input| input.bare_dates > 0);
    let first = with_any().next()?;
    Some(format!(
        "{} of {} have a date without a time of day, and count at 00:00; the first file is {}",
        counted(with_any().map(|input| input.bare_dates).sum(), "time stamp"),
        counted(with_any().count() as u64, "file"),
        first.path.display()
    ))
}

struct Unlikely {
    rows: u64,
    files: u64,
    /// Position of the first input.
    number: usize,
    /// A time of it.
    time: NaiveDateTime,
}

fn unlikely(
    inputs: &[RecordedInput],
    is_unlikely: impl Fn(&NaiveDate) -> bool,
    time: impl Fn(&RecordedInput) -> Option<NaiveDateTime>,
) -> Option<Unlikely> {
    let mut found: Option<Unlikely> = None;
    for (number, input) in inputs.iter().enumerate() {
        let Some(time) = time(input).filter(|time| is_unlikely(&time.date())) else { continue };
        let of_dates = input.dates.iter().filter(|(date, _)| is_unlikely(date));
        let rows: u64 = of_dates.map(|(_, rows)| rows).sum();
        let found = found.get_or_insert(Unlikely { rows: 0, files: 0, number, time });
        found.rows += rows;
        found.files += 1;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::text::EpochUnit;

    #[test]
    fn early_dates_are_reported_with_the_unit_that_fits() {
        let day = |text: &str| -> NaiveDateTime { text.parse().unwrap() };
        let belief = Belief { now_us: 1_800_000_000_000_000 };
        let read_as = ReadAs { unit: Some(EpochUnit::Ms), unit_is_configured: true, format: None };
        let input = |first: &str, last: &str| RecordedInput {
            path: "a.csv".into(),
            first: Some(day(first)),
            last: Some(day(last)),
            dates: [day(first).date(), day(last).date()].map(|date| (date, 5)).into(),
            ..RecordedInput::default()
        };
        let of = |input| unlikely_dates(&[input], |_| Some(read_as), belief);
        assert!(of(input("2024-10-01T00:00:00", "2024-10-02T00:00:00")).is_empty());
        let seconds = of(input("1970-01-20T23:56:09.600", "1970-01-20T23:56:09.700"));
        assert_eq!(seconds.len(), 1);
        for words in ["5 rows of 1 file", "before 1990", "1970-01-20", "timestamp_unit = \"s\""] {
            assert!(seconds[0].contains(words), "{words}: {seconds:?}");
        }
        let zeros = of(input("1970-01-01T00:00:00", "2024-10-02T00:00:00"));
        assert!(zeros[0].contains("unknown time") && !zeros[0].contains("unit"), "{zeros:?}");
        let late = of(input("2024-10-01T00:00:00", "2286-11-20T17:46:39"));
        assert!(late[0].contains("in the future"), "{late:?}");
    }
}
