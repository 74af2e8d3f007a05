//! Rows and codes by date and file, and the record of a date that contains them.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use super::date_totals::DateTotals;
use super::findings::Findings;
use super::survey::SurveyedInput;
use crate::checks::Code;
use crate::datasets::day_record::{DayRecord, FileRecord};
use crate::domain::time::{DayShift, LocalDate, SpanHour};

/// Rows and codes of a date, or of the rows without one, by number of the file.
#[derive(Debug, Default)]
pub struct DateCounts {
    pub rows: BTreeMap<u32, u64>,
    pub codes: BTreeMap<u32, BTreeMap<Code, u64>>,
}

impl DateCounts {
    /// The counts by date.
    pub fn by_date(
        rows: impl IntoIterator<Item = ((u32, Option<LocalDate>), u64)>,
        findings: &Findings,
    ) -> BTreeMap<Option<NaiveDate>, DateCounts> {
        let mut counts: BTreeMap<Option<NaiveDate>, DateCounts> = BTreeMap::new();
        let calendar = |date: Option<LocalDate>| date.and_then(LocalDate::calendar);
        for ((file, date), rows) in rows {
            *counts.entry(calendar(date)).or_default().rows.entry(file).or_default() += rows;
        }
        for ((file, date), code, rows) in findings.iter() {
            let codes = &mut counts.entry(calendar(date)).or_default().codes;
            *codes.entry(file).or_default().entry(code).or_default() += rows;
        }
        counts
    }

    /// The counts for the record.
    pub fn files(&self, sources: &[SurveyedInput]) -> Vec<FileRecord> {
        let record = |(file, rows): (&u32, &u64)| {
            let source = &sources[*file as usize];
            let all: u64 = source.groups.iter().map(|group| group.rows).sum();
            let share = u128::from(source.input.bytes) * u128::from(*rows) / u128::from(all.max(1));
            FileRecord {
                path: source.input.location.text(),
                folder_date: source.folder.and_then(LocalDate::calendar),
                rows: *rows,
                bytes: share as u64,
                codes: self.codes.get(file).cloned().unwrap_or_default(),
            }
        };
        self.rows.iter().map(record).collect()
    }
}

/// Creates the record of a date. `cells` are the ids by number.
pub fn record(
    date: NaiveDate,
    fingerprint: String,
    provisional: bool,
    shift: &DayShift,
    files: Vec<FileRecord>,
    (totals, cells): (&DateTotals, &[String]),
) -> DayRecord {
    let hour = |(hour, events): (&SpanHour, &u64)| {
        let us = hour.since(LocalDate::from_calendar(date)).label_us();
        let label = chrono::DateTime::from_timestamp_micros(us).unwrap_or_default().naive_utc();
        (label, *events)
    };
    let active = totals.cells.iter().zip(cells).filter(|(events, _)| **events > 0);
    DayRecord {
        date,
        fingerprint,
        users_key: None,
        provisional,
        files,
        clock_hours: shift.clock_hours(),
        hours: totals.hours.iter().map(hour).collect(),
        users_by_hours: totals.users_by_hours.clone(),
        users_by_events: totals.users_by_events(),
        cells: active.map(|(events, id)| (id.clone(), *events)).collect(),
        rows_out: totals.rows,
        bytes_out: totals.bytes,
    }
}
