//! The records of dates: `days/2024-10-01.json`, and the users of the date beside it.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use super::findings::Findings;
use super::survey::Source;
use super::tally::Tally;
use crate::checks::Code;
use crate::datasets::day_record::{DayRecord, FileRecord};
use crate::domain::time::{DayShift, LocalDate, MICROS_PER_HOUR};

/// Rows and codes of a date, or of none, by number of the file.
#[derive(Debug, Default)]
pub struct Found {
    pub rows: BTreeMap<u32, u64>,
    pub codes: BTreeMap<u32, BTreeMap<Code, u64>>,
}

impl Found {
    /// What was found, by date.
    pub fn by_date(
        rows: impl IntoIterator<Item = ((u32, Option<LocalDate>), u64)>,
        findings: &Findings,
    ) -> BTreeMap<Option<NaiveDate>, Found> {
        let mut found: BTreeMap<Option<NaiveDate>, Found> = BTreeMap::new();
        let calendar = |date: Option<LocalDate>| date.and_then(LocalDate::calendar);
        for ((file, date), rows) in rows {
            *found.entry(calendar(date)).or_default().rows.entry(file).or_default() += rows;
        }
        for ((file, date), code, rows) in findings.iter() {
            let codes = &mut found.entry(calendar(date)).or_default().codes;
            *codes.entry(file).or_default().entry(code).or_default() += rows;
        }
        found
    }

    /// The same for the record.
    pub fn files(&self, sources: &[Source]) -> Vec<FileRecord> {
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

/// Puts the record of a date together. `cells` has the ids by number.
pub fn record(
    date: NaiveDate,
    fingerprint: String,
    provisional: bool,
    shift: &DayShift,
    files: Vec<FileRecord>,
    (tally, cells): (&Tally, &[String]),
) -> DayRecord {
    let start = LocalDate::from_calendar(date).first_hour().start_us();
    let hour = |(hour, events): (&u32, &u64)| {
        let us = start + i64::from(hour / 2) * MICROS_PER_HOUR + i64::from(hour % 2);
        let label = chrono::DateTime::from_timestamp_micros(us).unwrap_or_default().naive_utc();
        (label, *events)
    };
    let active = tally.cells.iter().zip(cells).filter(|(events, _)| **events > 0);
    DayRecord {
        date,
        fingerprint,
        provisional,
        files,
        clock_hours: shift.clock_hours(),
        hours: tally.hours.iter().map(hour).collect(),
        users_by_hours: tally.users_by_hours.clone(),
        users_by_events: tally.users_by_events(),
        cells: active.map(|(events, id)| (id.clone(), *events)).collect(),
        rows_out: tally.rows,
        bytes_out: tally.bytes,
    }
}
