//! Columns of days: the first or last day on which a row of the cell plan is valid.

use anyhow::{Result, bail};
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Date32Type, Int64Type, TimeUnit};
use chrono_tz::Tz;

use crate::domain::null_words::NullWords;
use crate::domain::time::format::TimestampFormat;
use crate::domain::time::written::written_time;
use crate::domain::time::{Clock, LocalHour, MICROS_PER_HOUR};

const DAY_US: i64 = 24 * MICROS_PER_HOUR;
/// 9999-12-31, days since 1970-01-01: that day and later ones mean that there is no end.
const LAST_DAY: i32 = 2_932_896;

/// Which end of a period a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    First,
    Last,
}

/// A value that is not a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotADay;

/// A column of days, and for each row whether a time of day was dropped; empty if the file lacks it.
#[derive(Default)]
pub struct DayColumn {
    days: Vec<Result<Option<i32>, NotADay>>,
    with_time_of_day: Vec<bool>,
    /// Text that is not a day, by row: the first such text.
    first_invalid: Option<(usize, String)>,
}

impl DayColumn {
    /// Instants become the days that they have in `zone`, else in the zone that the column or the text
    /// states; times without a zone are local already. Text may also be a date or time in `format`.
    ///
    /// # Errors
    /// A column of another type than dates, time stamps and text; an unknown time zone.
    pub fn new(
        column: Option<&ArrayRef>,
        bound: Bound,
        zone: Option<Tz>,
        nulls: &NullWords,
        format: Option<&TimestampFormat>,
    ) -> Result<Self> {
        let Some(column) = column else { return Ok(DayColumn::default()) };
        let mut result = DayColumn::default();
        match column.data_type() {
            DataType::Timestamp(_, own) => {
                let mut clock = match own {
                    Some(own) => Clock::for_column(zone, Some(own))?,
                    None => Clock::new(None),
                };
                let micros = DataType::Timestamp(TimeUnit::Microsecond, own.clone());
                // the largest values of coarse units do not fit, and lie beyond every date
                let micros = cast(&cast(column, &micros)?, &DataType::Int64)?;
                for (i, us) in micros.as_primitive::<Int64Type>().iter().enumerate() {
                    let local_us = us.map(|us| clock.local_us(us));
                    let day = match local_us {
                        None if column.is_valid(i) => Err(NotADay),
                        us => Ok(us.map(day_of)),
                    };
                    result.push(day, local_us.is_some_and(has_time_of_day), bound);
                }
            }
            DataType::Date32 | DataType::Date64 | DataType::Null => {
                let days = cast(column, &DataType::Date32)?;
                for day in days.as_primitive::<Date32Type>() {
                    result.push(Ok(day), false, bound);
                }
            }
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
                let text = cast(column, &DataType::Utf8)?;
                let days = cast(column, &DataType::Date32)?;
                let days = days.as_primitive::<Date32Type>();
                let mut clock = Clock::new(zone);
                for (text, day) in text.as_string::<i32>().iter().zip(days) {
                    let text = text.unwrap_or_default().trim();
                    let formatted = format.and_then(|format| format.read_day(text.as_bytes()));
                    let is_ambiguous = format.is_some_and(TimestampFormat::is_like_iso_but_swapped);
                    let (day, has_time) = match written_time(text) {
                        _ if is_open(text, bound, nulls) => (Ok(None), false),
                        _ if formatted.is_some() => {
                            let time = format.and_then(|format| format.read(text.as_bytes()));
                            let has_time = time.is_some_and(|time| has_time_of_day(time.wall_us));
                            (Ok(formatted.map(|day| day.to_epoch_days())), has_time)
                        }
                        _ if is_ambiguous => (Err(NotADay), false),
                        Some(written) => {
                            let us = match (zone, written.instant_us) {
                                (Some(_), Some(instant_us)) => clock.local_us(instant_us),
                                _ => written.wall_us,
                            };
                            (Ok(Some(day_of(us))), has_time_of_day(us))
                        }
                        None => (day.map(Some).ok_or(NotADay), false),
                    };
                    if day.is_err() && result.first_invalid.is_none() {
                        result.first_invalid = Some((result.days.len(), text.to_owned()));
                    }
                    result.push(day, has_time, bound);
                }
            }
            other => bail!("has type {other}; expected a date"),
        }
        Ok(result)
    }

    fn push(&mut self, day: Result<Option<i32>, NotADay>, has_time: bool, bound: Bound) {
        let is_beyond = |day: &i32| bound == Bound::Last && *day >= LAST_DAY;
        self.days.push(day.map(|day| day.filter(|day| !is_beyond(day))));
        self.with_time_of_day.push(has_time);
    }

    /// Days since 1970-01-01; `None` without a limit.
    pub fn day(&self, row: usize) -> Result<Option<i32>, NotADay> {
        self.days.get(row).copied().unwrap_or(Ok(None))
    }

    /// The text of the first row that is not a day, if it is this row.
    pub fn invalid_text(&self, row: usize) -> Option<&str> {
        self.first_invalid.as_ref().filter(|(first, _)| *first == row).map(|(_, text)| &**text)
    }

    /// True for a time that is not midnight.
    pub fn has_time_of_day(&self, row: usize) -> bool {
        self.with_time_of_day.get(row).copied().unwrap_or_default()
    }
}

fn day_of(local_us: i64) -> i32 {
    LocalHour::of(local_us).date().0
}

fn has_time_of_day(local_us: i64) -> bool {
    local_us.rem_euclid(DAY_US) != 0
}

/// True for text that states that the period has no limit.
fn is_open(text: &str, bound: Bound, nulls: &NullWords) -> bool {
    let infinity = match bound {
        Bound::First => ["-infinity", "-inf"],
        Bound::Last => ["infinity", "inf"],
    };
    nulls.is_missing(text.as_bytes())
        || text == "\"\""
        || infinity.iter().any(|word| text.trim_start_matches('+').eq_ignore_ascii_case(word))
        // what MySQL writes for a date that is not known
        || text.starts_with("0000-00-00")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{StringArray, TimestampMicrosecondArray, TimestampSecondArray};

    use super::*;

    const TALLINN: Option<Tz> = Some(chrono_tz::Europe::Tallinn);
    const FIRST_OF_OCTOBER: i32 = 19_997;

    fn days(column: ArrayRef, bound: Bound, zone: Option<Tz>) -> Vec<Result<Option<i32>, NotADay>> {
        let nulls = NullWords::default();
        let rows = column.len();
        let days = DayColumn::new(Some(&column), bound, zone, &nulls, None).unwrap();
        (0..rows).map(|row| days.day(row)).collect()
    }

    fn text(values: &[&str], bound: Bound) -> Vec<Result<Option<i32>, NotADay>> {
        days(Arc::new(StringArray::from(values.to_vec())), bound, TALLINN)
    }

    #[test]
    fn instants_become_local_days() {
        // midnight in Tallinn is 21:00 of the day before in UTC
        let midnight = (i64::from(FIRST_OF_OCTOBER) * 24 - 3) * 3_600;
        let column = TimestampSecondArray::from(vec![midnight]).with_timezone("UTC");
        let october = [Ok(Some(FIRST_OF_OCTOBER))];
        assert_eq!(days(Arc::new(column.clone()), Bound::First, TALLINN), october);
        assert_eq!(
            days(Arc::new(column.with_timezone("Europe/Tallinn")), Bound::First, None),
            october
        );
        for written in [
            "2024-09-30T21:00:00Z",
            "2024-10-01 00:00:00+03:00",
            "2024-10-01 00:00:00 Europe/Tallinn",
            "2024-09-30 21:00:00.000 UTC",
        ] {
            assert_eq!(text(&[written], Bound::First), october, "{written}");
        }
    }

    #[test]
    fn times_without_a_zone_are_local_days() {
        let late = (i64::from(FIRST_OF_OCTOBER) * 24 + 23) * 3_600;
        let column = TimestampSecondArray::from(vec![late]);
        let october = [Ok(Some(FIRST_OF_OCTOBER))];
        assert_eq!(days(Arc::new(column), Bound::Last, TALLINN), october);
        assert_eq!(text(&["2024-10-01 23:00:00"], Bound::Last), october);
        assert_eq!(text(&["2024-10-01"], Bound::Last), october);
    }

    #[test]
    fn days_are_read_in_the_configured_form_and_as_iso_dates() {
        let days = |format: &str, text: &str| {
            let column: ArrayRef = Arc::new(StringArray::from(vec![text]));
            let format = TimestampFormat::try_from(format.to_owned()).unwrap();
            let nulls = NullWords::default();
            let days = DayColumn::new(Some(&column), Bound::First, None, &nulls, Some(&format));
            days.unwrap().day(0)
        };
        let october = Ok(Some(FIRST_OF_OCTOBER));
        for text in ["01.10.2024", "1.10.2024 08:00", "2024-10-01"] {
            assert_eq!(days("%d.%m.%Y %H:%M", text), october, "{text}");
        }
        assert_eq!(days("%d.%m.%Y %H:%M", "10/01/2024"), Err(NotADay));
        assert_eq!(days("%Y-%d-%m %H:%M", "2024-01-10"), october);
        assert_eq!(days("%Y-%d-%m %H:%M", "2024-01-13"), Err(NotADay));
    }

    #[test]
    fn open_ends_in_every_form_are_no_limit() {
        let words = ["", "\"\"", "infinity", "Infinity", "\\N", "NULL", "0000-00-00", "9999-12-31"];
        assert_eq!(text(&words, Bound::Last), [Ok(None); 8]);
        assert_eq!(
            text(&["0000-00-00 00:00:00", "9999-12-31T23:59:59Z"], Bound::Last),
            [Ok(None); 2]
        );
        assert_eq!(text(&["-infinity", "0000-00-00"], Bound::First), [Ok(None); 2]);
        assert_eq!(text(&["infinity", "soon"], Bound::First), [Err(NotADay); 2]);
        let far = TimestampMicrosecondArray::from(vec![253_402_300_799_000_000]);
        let far = far.with_timezone("UTC");
        assert_eq!(days(Arc::new(far), Bound::Last, TALLINN), [Ok(None)]);
    }
}
