//! Conversion of time columns of every type and unit to local time in microseconds.

use anyhow::{Result, bail};
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{
    DataType, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType,
};
use chrono_tz::Tz;

use super::format::{FormattedTime, TimestampFormat};
use super::text::{EpochUnit, UsualText, number_us};
use super::written::{DATE, written_time};
use super::{Clock, EventTime, MICROS_PER_SECOND};
use crate::domain::null_words::NullWords;

/// Converts time columns of one file.
#[derive(Debug, Clone)]
pub struct Times {
    clock: Clock,
    configured: bool,
    usual: UsualText,
    nulls: NullWords,
    format: Option<TimestampFormat>,
    /// Texts so far that are a date without a time of day.
    bare_dates: u64,
}

impl Times {
    /// `zone` is the configured zone, which takes precedence over that of the column; text that is one
    /// of `nulls` is a missing time.
    ///
    /// # Errors
    /// A column zone that is not known.
    pub fn new(zone: Option<Tz>, column: &DataType, nulls: &NullWords) -> Result<Self> {
        let own = match column {
            DataType::Timestamp(_, own) => own.as_deref(),
            _ => None,
        };
        Ok(Times {
            clock: Clock::for_column(zone, own)?,
            configured: zone.is_some(),
            usual: UsualText::default(),
            nulls: nulls.clone(),
            format: None,
            bare_dates: 0,
        })
    }

    /// The same, with text in this form only, if there is one.
    pub fn with_format(self, format: Option<&TimestampFormat>) -> Self {
        Times { format: format.cloned(), ..self }
    }

    /// Number of texts so far that are a date without a time of day.
    pub fn bare_dates(&self) -> u64 {
        self.bare_dates
    }

    /// The same, with times that the clocks show for the second time distinguished from the first.
    pub fn tracking_repeats(self) -> Self {
        Times { clock: self.clock.tracking_repeats(), ..self }
    }

    /// The clock that converts the instants of the column.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Local time of a value in the column's unit, µs.
    pub fn local_us(&mut self, value: i64, unit: TimeUnit) -> i64 {
        self.clock.local_us(micros(value, unit))
    }

    /// Local time of a value in the column's unit.
    #[inline]
    pub fn event_time(&mut self, value: i64, unit: TimeUnit) -> EventTime {
        self.clock.event_time(micros(value, unit))
    }

    /// Local times of a column.
    ///
    /// # Errors
    /// A column type that event files do not have.
    pub fn convert(&mut self, column: &ArrayRef, out: &mut Vec<EventTime>) -> Result<()> {
        out.clear();
        match column.data_type() {
            DataType::Timestamp(unit, _) => {
                let values: &[i64] = match unit {
                    TimeUnit::Second => column.as_primitive::<TimestampSecondType>().values(),
                    TimeUnit::Millisecond => {
                        column.as_primitive::<TimestampMillisecondType>().values()
                    }
                    TimeUnit::Microsecond => {
                        column.as_primitive::<TimestampMicrosecondType>().values()
                    }
                    TimeUnit::Nanosecond => {
                        column.as_primitive::<TimestampNanosecondType>().values()
                    }
                };
                out.extend(values.iter().map(|v| self.clock.event_time(micros(*v, *unit))));
                if let Some(nulls) = column.nulls() {
                    for (i, time) in out.iter_mut().enumerate() {
                        if nulls.is_null(i) {
                            *time = EventTime::MISSING;
                        }
                    }
                }
            }
            DataType::Utf8View => {
                for text in column.as_string_view() {
                    out.push(text.map_or(EventTime::MISSING, |text| self.of_text(text.as_bytes())));
                }
            }
            other => bail!("time stamps of type {other} cannot be read"),
        }
        Ok(())
    }

    /// Local time of date and time in text.
    #[inline]
    pub fn of_text(&mut self, text: &[u8]) -> EventTime {
        if self.nulls.is_missing(text) {
            return EventTime::MISSING;
        }
        if self.format.is_some() {
            return self.of_formatted_text(text.trim_ascii());
        }
        match self.usual.us(text) {
            // without a UTC offset
            Some(us) => self.clock.event_time(us),
            None => self.of_unusual_text(text.trim_ascii()),
        }
    }

    /// Local time of a number in text.
    pub fn of_number(&mut self, text: &[u8], unit: EpochUnit) -> EventTime {
        if self.nulls.is_missing(text) {
            return EventTime::MISSING;
        }
        match number_us(text, unit) {
            Some(us) => self.clock.event_time(us),
            None => EventTime::UNREADABLE,
        }
    }

    fn of_unusual_text(&mut self, text: &[u8]) -> EventTime {
        if self.nulls.is_missing(text) {
            return EventTime::MISSING;
        }
        let written = std::str::from_utf8(text).ok().and_then(written_time);
        self.bare_dates += u64::from(written.is_some() && text.len() <= DATE);
        match written {
            None => EventTime::UNREADABLE,
            Some(written) if self.configured => {
                self.clock.event_time(written.instant_us.unwrap_or(written.wall_us))
            }
            // with a zone, the text shows local time, which is kept if no zone is configured
            Some(written) => EventTime::untracked(written.wall_us),
        }
    }
}

impl Times {
    fn of_formatted_text(&mut self, text: &[u8]) -> EventTime {
        let Some(format) = &self.format else { return EventTime::UNREADABLE };
        if self.nulls.is_missing(text) {
            return EventTime::MISSING;
        }
        match format.read(text) {
            None => EventTime::UNREADABLE,
            Some(FormattedTime { wall_us, offset_us }) => {
                self.bare_dates += u64::from(!format.has_time_of_day());
                match offset_us {
                    None => self.clock.event_time(wall_us),
                    Some(offset_us) if self.configured => {
                        self.clock.event_time(wall_us - offset_us)
                    }
                    Some(_) => EventTime::untracked(wall_us),
                }
            }
        }
    }
}

fn micros(value: i64, unit: TimeUnit) -> i64 {
    match unit {
        TimeUnit::Second => value.saturating_mul(MICROS_PER_SECOND),
        TimeUnit::Millisecond => value.saturating_mul(1_000),
        TimeUnit::Microsecond => value,
        TimeUnit::Nanosecond => value.div_euclid(1_000),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{StringViewArray, TimestampNanosecondArray, TimestampSecondArray};

    use super::*;

    const MISSING: Option<i64> = None;

    fn times(zone: Option<Tz>, column: ArrayRef) -> Vec<EventTime> {
        let mut out = Vec::new();
        let nulls = NullWords::default();
        Times::new(zone, column.data_type(), &nulls).unwrap().convert(&column, &mut out).unwrap();
        out
    }

    fn convert(zone: Option<Tz>, column: ArrayRef) -> Vec<Option<i64>> {
        times(zone, column).into_iter().map(EventTime::us).collect()
    }

    const EIGHT: i64 = 1_727_769_600_000_000; // 2024-10-01 08:00:00
    const HOUR: i64 = 3_600_000_000;

    #[test]
    fn every_unit_gives_the_same_instant_and_nanoseconds_are_rounded_down() {
        let seconds = TimestampSecondArray::from(vec![Some(EIGHT / 1_000_000), None]);
        assert_eq!(convert(None, Arc::new(seconds)), [Some(EIGHT), MISSING]);
        let nanos = TimestampNanosecondArray::from(vec![EIGHT * 1_000 + 999, -1]);
        assert_eq!(convert(None, Arc::new(nanos)), [Some(EIGHT), Some(-1)]);
    }

    #[test]
    fn column_with_a_zone_is_read_in_its_own_local_time() {
        let column = TimestampSecondArray::from(vec![EIGHT / 1_000_000]);
        let zoned = |z: &str| -> ArrayRef { Arc::new(column.clone().with_timezone(z)) };
        assert_eq!(convert(None, zoned("Europe/Tallinn")), [Some(EIGHT + 3 * HOUR)]);
        assert_eq!(convert(None, zoned("+02:00")), [Some(EIGHT + 2 * HOUR)]);
        for utc in ["UTC", "utc", "Z"] {
            assert_eq!(convert(None, zoned(utc)), [Some(EIGHT)]);
        }
        let error = Times::new(None, zoned("UTC+3").data_type(), &NullWords::default());
        assert!(error.unwrap_err().to_string().contains("\"UTC+3\"; set time.zone"));
        assert_eq!(convert(Some(chrono_tz::Europe::Riga), zoned("UTC")), [Some(EIGHT + 3 * HOUR)]);
    }

    #[test]
    fn text_is_read_in_common_formats() {
        let texts = [
            "2024-10-01 08:00:00",
            "2024-10-01T08:00:00.5",
            "2024-10-01T08:00:00+03:00",
            "2024-10-01 08:00:00.000 Europe/Tallinn",
            "2024-10-01 08:00",
            "2024-10-01T08:00Z",
            "x",
            "",
            "NULL",
            " \\N ",
        ];
        let column = || -> ArrayRef { Arc::new(StringViewArray::from_iter_values(texts)) };
        let us = |us| EventTime::untracked(us);
        let [unreadable, missing] = [EventTime::UNREADABLE, EventTime::MISSING];
        let [eight, later] = [us(EIGHT), us(EIGHT + 500_000)];
        let expected =
            [eight, later, eight, eight, eight, eight, unreadable, missing, missing, missing];
        assert_eq!(times(None, column()), expected);
        let tallinn = Some(chrono_tz::Europe::Tallinn);
        let local = convert(tallinn, column());
        assert_eq!(local[0], Some(EIGHT + 3 * HOUR));
        assert_eq!(local[2..4], [Some(EIGHT); 2]);
    }

    #[test]
    fn text_is_read_in_the_configured_form_only() {
        let texts = [
            "01.10.2024 11:00 +0300",
            "1.10.2024 08:00 Z",
            "2024-10-01 08:00:00",
            "NULL",
            "",
            " 01.10.2024 11:00 +0300 ",
        ];
        let column: ArrayRef = Arc::new(StringViewArray::from_iter_values(texts));
        let format = TimestampFormat::try_from("%d.%m.%Y %H:%M %z".to_owned()).unwrap();
        let local = |zone| {
            let times = Times::new(zone, column.data_type(), &NullWords::default()).unwrap();
            let mut out = Vec::new();
            times.with_format(Some(&format)).convert(&column, &mut out).unwrap();
            out
        };
        let at = EventTime::untracked;
        let [unreadable, missing] = [EventTime::UNREADABLE, EventTime::MISSING];
        let eleven = at(EIGHT + 3 * HOUR);
        assert_eq!(local(None), [eleven, at(EIGHT), unreadable, missing, missing, eleven]);
        let in_zone = local(Some(chrono_tz::Europe::Tallinn));
        assert_eq!(in_zone, [eleven, eleven, unreadable, missing, missing, eleven]);
    }

    #[test]
    fn dates_without_a_time_of_day_are_counted() {
        let texts = ["2024-10-01", "2024-10-01 00:00:00", "2024-10-01 08:00", "x"];
        let column: ArrayRef = Arc::new(StringViewArray::from_iter_values(texts));
        let mut times = Times::new(None, column.data_type(), &NullWords::default()).unwrap();
        times.convert(&column, &mut Vec::new()).unwrap();
        assert_eq!(times.bare_dates(), 1);
        let format = TimestampFormat::try_from("%Y-%m-%d".to_owned()).unwrap();
        let mut times = times.with_format(Some(&format));
        times.convert(&column, &mut Vec::new()).unwrap();
        assert_eq!(times.bare_dates(), 2);
    }
}
