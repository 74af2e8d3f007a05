//! Invariants of all records, and a table of cases for warnings.

use std::collections::BTreeMap;

use chrono::{Days, NaiveDate};
use proptest::prelude::*;

use super::cells_on_date::CellLaus;
use super::codes::code_rows;
use super::comparison::add_comparisons;
use super::figures::{UserCounts, figures};
use super::movement::add_shares;
use super::{CodeRow, DayFigures, Level, percent, rows_of, warnings};
use crate::checks::{Code, Disposition};
use crate::datasets::day_record::{DayRecord, FileRecord};
use crate::datasets::geodata::{CellWithLau, LauMatch};
use crate::datasets::movement::MovementTotals;
use crate::domain::tables::Table;
use crate::formats::rows;

fn date(day: u64) -> NaiveDate {
    NaiveDate::from_ymd_opt(2024, 10, 1).unwrap() + Days::new(day)
}

/// A date without any warning: every user has one event in every hour, at one cell.
fn usual(day: u64, users: u64) -> DayRecord {
    let date = date(day);
    let hour = |h| date.and_hms_opt(h, 0, 0).unwrap();
    DayRecord {
        date,
        fingerprint: "m".to_owned(),
        users_key: None,
        provisional: false,
        files: vec![FileRecord {
            path: "a.parquet".to_owned(),
            folder_date: Some(date),
            rows: users * 24,
            bytes: 100,
            codes: BTreeMap::new(),
        }],
        clock_hours: 24,
        hours: (0..24).map(|h| (hour(h), users)).collect(),
        users_by_hours: BTreeMap::from([(24, users)]),
        users_by_events: BTreeMap::from([(24, users)]),
        cells: BTreeMap::from([("1".to_owned(), users * 24)]),
        rows_out: users * 24,
        bytes_out: 50,
    }
}

fn cells() -> CellLaus {
    let cell = |id: &str, lau_match, lau: Option<&str>| CellWithLau {
        cell_id: id.to_owned(),
        start: None,
        end: None,
        lau_id: lau.map(str::to_owned),
        lau_match,
    };
    let cells = [cell("1", LauMatch::Within, Some("A")), cell("2", LauMatch::Outside, None)];
    CellLaus::new(cells, &["A".to_owned()])
}

fn row(record: &DayRecord) -> DayFigures {
    let all = record.users_by_events.values().sum();
    figures(record, UserCounts { all, new: None, returning: None }, &cells()).unwrap()
}

/// Warnings about the last of several usual dates, of which the last is modified by `change`.
fn warnings_after(
    users: &[u64],
    change: impl Fn(&mut DayRecord),
) -> Vec<(Level, &'static str, String)> {
    let last = users.len() as u64 - 1;
    let mut days: Vec<DayFigures> = (0..)
        .zip(users)
        .map(|(day, users)| {
            let mut record = usual(day, *users);
            if day == last {
                change(&mut record);
            }
            row(&record)
        })
        .collect();
    add_comparisons(&mut days);
    let all = warnings(&days).into_iter().filter(|w| w.date == date(last));
    let all: Vec<_> = all.map(|w| (w.level, w.what, w.text)).collect();
    let day = days.last().unwrap();
    assert_eq!(day.warnings + day.criticals, all.len() as u64);
    all
}

/// Adds rows to the first file that are rejected as duplicates.
fn rejects(rows: u64) -> impl Fn(&mut DayRecord) {
    move |record| {
        record.files[0].rows += rows;
        record.files[0].codes.insert(Code::Duplicate, rows);
    }
}

#[test]
fn only_unusual_figures_cause_warnings() {
    use Level::{Critical, Warning};
    let nothing = |_: &mut DayRecord| {};
    let whats = |users: &[u64]| -> Vec<&'static str> {
        warnings_after(users, nothing).into_iter().map(|(_, what, _)| what).collect()
    };
    // rows in are 24 a user
    for (users, expected) in [
        (&[100, 100, 100][..], &[][..]),
        // two previous dates are too few for a comparison
        (&[100, 100, 300], &[]),
        (&[100, 100, 100, 300], &["rows_in"]),
        (&[100, 100, 100, 100], &[]),
        // mean 100, standard deviation 10: 120 is exactly at the limit of two, 121 beyond it
        (&[90, 100, 110, 120], &[]),
        (&[90, 100, 110, 121], &["rows_in"]),
        (&[90, 100, 110, 80], &[]),
        (&[90, 100, 110, 79], &["rows_in"]),
        // mean 100, standard deviation 20: the limit of 30 % of the mean is reached first
        (&[80, 100, 120, 130], &[]),
        (&[80, 100, 120, 131], &["rows_in"]),
        // only the previous seven dates are compared
        (&[900, 900, 100, 100, 100, 100, 100, 100, 100, 100], &[]),
        (&[900, 100, 100, 100, 100, 100, 100, 900], &["rows_in"]),
        // however small the deviation is, less than a tenth of the mean is no news
        (&[100, 100, 100, 110], &[]),
        (&[100, 100, 100, 111], &["rows_in"]),
        (&[100, 101, 99, 90], &[]),
        (&[100, 101, 99, 89], &["rows_in"]),
    ] {
        assert_eq!(whats(users), expected, "{users:?}");
    }
    let text = &warnings_after(&[100, 100, 100, 300], nothing)[0].2;
    assert_eq!(text, "7,200 rows in, more than the usual 2,400 of the previous 3 dates");
    // a rejected row among thousands is no news, one in a thousand is
    assert_eq!(warnings_after(&[100, 100, 100, 100], rejects(2)), []);
    let one = warnings_after(&[100, 100, 100, 100], rejects(3));
    let text = "0.12 % of the rows rejected, more than the usual 0 % of the previous 3 dates";
    assert_eq!(one, [(Warning, "rejected_percent", text.to_owned())]);
    let empty = |record: &mut DayRecord| {
        let moved = record.hours.pop_last().unwrap().1;
        *record.hours.first_entry().unwrap().get_mut() += moved;
    };
    let one = warnings_after(&[100], empty);
    assert_eq!(one, [(Critical, "empty_hours", "1 clock hour without events".to_owned())]);
    let provisional = |record: &mut DayRecord| {
        empty(record);
        record.provisional = true;
    };
    assert_eq!(warnings_after(&[100], provisional), []);
    let few = |record: &mut DayRecord| record.provisional = true;
    let text = &warnings_after(&[100, 100, 100, 300], few)[0].2;
    assert!(text.ends_with("; more rows of the date may follow"), "{text}");
}

/// Moves events to a cell outside all LAUs, or to one that is not planned.
fn unmapped(record: &mut DayRecord, events: u64, cell: &str) {
    *record.cells.get_mut("1").unwrap() -= events;
    record.cells.insert(cell.to_owned(), events);
}

#[test]
fn more_than_one_percent_of_unmapped_events_is_critical() {
    // 2,400 events in all; cell 2 lies outside all LAUs, cell 3 is not planned
    for cell in ["2", "3"] {
        for (events, level) in [(0, None), (1, None), (24, None), (25, Some(Level::Critical))] {
            let found = warnings_after(&[100], |record| unmapped(record, events, cell));
            let found: Vec<_> = found.into_iter().map(|(level, what, _)| (level, what)).collect();
            let expected: Vec<_> =
                level.map(|level| (level, "unmapped_percent")).into_iter().collect();
            assert_eq!(found, expected, "{events}");
        }
    }
}

/// Numbers of dates with such warnings, by the numbers of unmapped events on consecutive dates of 24,000
/// events.
fn warned(unmapped_events: impl IntoIterator<Item = u64>) -> Vec<(NaiveDate, Level, String)> {
    let mut days: Vec<DayFigures> = (0..)
        .zip(unmapped_events)
        .map(|(day, events)| {
            let mut record = usual(day, 1_000);
            unmapped(&mut record, events, "2");
            row(&record)
        })
        .collect();
    add_comparisons(&mut days);
    let all = warnings(&days);
    assert!(all.iter().all(|w| w.what == "unmapped_percent"), "{all:?}");
    all.into_iter().map(|w| (w.date, w.level, w.text)).collect()
}

#[test]
fn steady_share_of_unmapped_events_is_no_warning_and_a_jump_is_one() {
    // 240 events are 1 %
    for steady in [1, 24, 120, 240] {
        assert_eq!(warned([steady; 61]), [], "{steady}");
        let varying = (0..61).map(|day| steady + steady * (day * 7 % 11) / 55 - steady / 11);
        let varying = varying.map(|events| events.min(240)).collect::<Vec<_>>();
        assert_eq!(warned(varying), [], "{steady}");
    }
    // a share about the limit is as steady as any other one
    let about = (0..61).map(|day| if day < 3 { 239 } else { 220 + day * 5 % 41 });
    assert_eq!(warned(about), []);
    // a jump is reported when it happens; what follows is the new usual share
    let found = warned((0..61).map(|day| if day < 30 { 24 } else { 96 }));
    let text = "96 events (0.4 %) in no LAU, more than the usual 0.1 % of the previous 7 dates: the \
                cell is unknown, not valid on the date, or outside all LAUs";
    assert_eq!(found, [(date(30), Level::Warning, text.to_owned())]);
    // a jump above the limit is critical, and so are the dates after it
    let found = warned((0..40).map(|day| if day < 30 { 24 } else { 2_400 }));
    let criticals = found.iter().filter(|(_, level, _)| *level == Level::Critical).count();
    assert_eq!((found.len(), criticals), (10, 10));
    assert!(found[0].2.contains("(10 %) in no LAU, more than the usual 0.1 %"), "{}", found[0].2);
    // too many from the beginning
    assert_eq!(warned([480; 61]).len(), 61);
    // a handful of events is no jump
    assert_eq!(warned((0..10).map(|day| if day < 9 { 0 } else { 23 })), []);
}

#[test]
fn fewer_files_than_usual_cause_a_warning_even_with_late_files() {
    let files = |record: &DayRecord, own: usize, late: usize| -> DayRecord {
        let mut record = record.clone();
        let empty = FileRecord { rows: 0, bytes: 0, ..record.files[0].clone() };
        record.files.extend(vec![empty.clone(); own - 1]);
        let folder_date = record.date.pred_opt();
        record.files.extend(vec![FileRecord { folder_date, ..empty }; late]);
        record
    };
    let mut days: Vec<DayFigures> = [(3, 0), (3, 1), (2, 1), (3, 0)]
        .into_iter()
        .zip(0..)
        .map(|((own, late), day)| row(&files(&usual(day, 10), own, late)))
        .collect();
    add_comparisons(&mut days);
    let expected: Vec<_> = days.iter().map(|day| day.files_expected).collect();
    assert_eq!(expected, [None, Some(3), Some(3), Some(3)]);
    let read: Vec<_> = days.iter().map(|day| (day.files_read, day.files_late)).collect();
    assert_eq!(read, [(3, 0), (4, 1), (3, 1), (3, 0)]);
    let all = warnings(&days);
    assert_eq!((all.len(), all[0].date, all[0].what), (1, date(2), "files"));
    assert_eq!(all[0].text, "2 files in the folder of the date, usually 3");
}

#[test]
fn repeated_hour_counts_as_its_own_clock_hour() {
    let mut record = usual(26, 5);
    record.clock_hours = 25;
    assert_eq!(row(&record).empty_hours, 1);
    // the label of the second one is a microsecond later
    let (hour, events) = record.hours.pop_last().unwrap();
    record.hours.insert(hour, events - 1);
    record.hours.insert(hour + chrono::TimeDelta::microseconds(1), 1);
    assert_eq!((record.hours.len(), row(&record).empty_hours), (25, 0));
    record.hours.pop_last();
    record.hours.pop_last();
    record.clock_hours = 23;
    record.hours.remove(&(hour - chrono::TimeDelta::hours(20)));
    record.hours.insert(hour, events * 2);
    assert_eq!((record.hours.len(), row(&record).empty_hours), (23, 0));
}

#[test]
fn inconsistent_record_is_rejected() {
    type Change = fn(&mut DayRecord);
    let changes: [(&str, Change); 6] = [
        ("rows in, but", |r| r.files[0].rows += 1),
        ("rows in, but", |r| {
            r.hours.pop_last();
        }),
        ("over the cells", |r| {
            r.cells.insert("9".to_owned(), 1);
        }),
        ("over the users", |r| r.users_by_events = BTreeMap::from([(23, 5)])),
        ("by their hours", |r| {
            r.users_by_hours.insert(3, 1);
        }),
        ("codes", |r| {
            r.files[0].codes.insert(Code::PingPong, 1_000);
        }),
    ];
    let users = |all| UserCounts { all, new: None, returning: None };
    for (word, change) in changes {
        let mut record = usual(0, 5);
        change(&mut record);
        let error = figures(&record, users(5), &cells()).unwrap_err().to_string();
        assert!(error.contains(word) && error.contains("2024-10-01"), "{error}");
    }
    // the list has one user more
    let error = figures(&usual(0, 5), users(6), &cells()).unwrap_err().to_string();
    assert!(error.contains("6 users, but 5 by their events"), "{error}");
}

#[test]
fn rows_are_unchanged_after_a_round_trip_through_the_table() {
    let mut day = row(&usual(0, 7));
    day.new_users = Some(u64::from(u32::MAX) * 7);
    day.compression_ratio = Some(1.0 / 3.0);
    let batch = rows::to_batch(&[day.clone()], &Table::QualityDaily.schema()).unwrap();
    assert_eq!(rows_of::<DayFigures>(&batch).unwrap(), [day]);
    let mut record = usual(0, 7);
    rejects(3)(&mut record);
    let codes = code_rows(Some(record.date), &record.files);
    let batch = rows::to_batch(&codes, &Table::QualityCodes.schema()).unwrap();
    assert_eq!(rows_of::<CodeRow>(&batch).unwrap(), codes);
    for schema in [Table::QualityDaily.schema(), Table::QualityCodes.schema()] {
        let empty = rows::to_batch::<DayFigures>(&[], &schema).unwrap();
        assert_eq!(empty.num_rows(), 0);
        assert_eq!(rows_of::<DayFigures>(&empty).unwrap(), []);
    }
}

#[test]
fn small_percentages_keep_two_significant_digits() {
    for (value, text) in [
        (0.0, "0 %"),
        (100.0, "100 %"),
        (12.345, "12.3 %"),
        (1.0, "1 %"),
        (0.5, "0.5 %"),
        (0.042, "0.042 %"),
        (0.000_25, "0.00025 %"),
    ] {
        assert_eq!(percent(value), text);
    }
}

proptest! {
    #[test]
    fn rows_in_equal_the_sum_of_all_codes_and_kept_plus_rejected_rows(
        files in prop::collection::vec((0u64..50, prop::collection::btree_map(0usize..17, 1u64..20, 0..6)), 1..5)
    ) {
        let mut record = usual(0, 1);
        let one = record.files.remove(0);
        let mut kept = 0;
        for (number, (ok, codes)) in files.into_iter().enumerate() {
            let codes: BTreeMap<Code, u64> = codes.into_iter().map(|(c, n)| (Code::ALL[c], n)).collect();
            let coded: u64 = codes.values().sum();
            kept += ok + codes.iter().filter(|(c, _)| c.disposition() != Disposition::Rejected).map(|(_, n)| n).sum::<u64>();
            record.files.push(FileRecord { path: format!("{number}"), rows: ok + coded, codes, ..one.clone() });
        }
        // one user with all kept events, in one hour at one cell
        let users = u64::from(kept > 0);
        let hour = *record.hours.keys().next().unwrap();
        record.hours = BTreeMap::from([(hour, kept)]);
        record.cells = BTreeMap::from([("1".to_owned(), kept)]);
        record.users_by_hours = BTreeMap::from([(1, users)]);
        record.users_by_events = BTreeMap::from([(kept.max(1), users)]);
        let day = figures(&record, UserCounts { all: users, new: None, returning: None }, &cells()).unwrap();
        let codes = code_rows(Some(record.date), &record.files);
        let sum = |dispositions: &[&str]| codes.iter().filter(|r| dispositions.contains(&r.disposition.as_str())).map(|r| r.rows).sum::<u64>();
        prop_assert_eq!(day.rows_in, sum(&["kept", "rejected", "unplaced", "flagged"]));
        prop_assert_eq!(day.rows_kept, sum(&["kept", "unplaced", "flagged"]));
        prop_assert_eq!(day.rows_in, day.rows_kept + day.rows_rejected);
        prop_assert_eq!(day.rows_unplaced, sum(&["unplaced"]));
        prop_assert_eq!(day.rows_flagged, sum(&["flagged"]));
        prop_assert_eq!(day.cells_planned, day.cells_active + day.cells_silent);
        for file in &record.files {
            let percents: f64 = codes.iter().filter(|r| r.file == file.path).map(|r| r.percent).sum();
            prop_assert!(file.rows == 0 || (percents - 100.0).abs() < 1e-4, "{}", percents);
        }
    }
}

#[test]
fn change_of_pseudonyms_is_found_where_low_shares_end() {
    let changes = |shares: &[Option<f64>]| -> Vec<u64> {
        let day = |(number, share): (u64, &Option<f64>)| {
            let mut figures = row(&usual(number, 10));
            figures.returning_share = *share;
            figures
        };
        let days: Vec<DayFigures> = (0..).zip(shares).map(day).collect();
        let found = super::rotation::changes(&days);
        (0..shares.len() as u64).filter(|number| found.contains(&date(*number))).collect()
    };
    let shares = |parts: &[(usize, Option<f64>)]| -> Vec<Option<f64>> {
        parts.iter().flat_map(|(count, share)| vec![*share; *count]).collect()
    };
    let (high, low) = (Some(0.8), Some(0.1));
    assert_eq!(changes(&shares(&[(10, high), (7, low), (10, high)])), [17]);
    // the share of the change itself is not known yet
    assert_eq!(changes(&shares(&[(10, high), (7, low), (7, None)])), [17]);
    assert_eq!(changes(&shares(&[(10, high), (2, None), (5, low), (1, high)])), [17]);
    // too few dates before, too few low ones, and one that is known not to be low
    assert_eq!(changes(&shares(&[(6, high), (7, low), (10, high)])), [0; 0]);
    assert_eq!(changes(&shares(&[(10, high), (4, low), (10, high)])), [0; 0]);
    assert_eq!(changes(&shares(&[(10, high), (1, low), (1, high), (5, low), (3, high)])), [0; 0]);
    // exactly half of the median is not low
    assert_eq!(changes(&shares(&[(10, high), (7, Some(0.4)), (5, high)])), [0; 0]);
}

#[test]
fn shares_of_time_and_of_returning_trips_have_four_decimal_places() {
    let mut day = row(&usual(0, 1));
    let totals = MovementTotals {
        stay_us: 6_000_000,
        pass_us: 2_000_000,
        move_us: 1_000_000,
        unknown_us: 21_000_000,
        trips: 7,
        returning_trips: 3,
        returning_trips_next_date: 1,
    };
    add_shares(&mut day, &totals);
    let time = [day.stay_share, day.pass_share, day.move_share, day.unknown_share];
    assert_eq!(time, [Some(0.2), Some(0.0667), Some(0.0333), Some(0.7)]);
    assert_eq!(day.returning_trips_share, Some(0.5714));
    add_shares(&mut day, &MovementTotals { trips: 0, ..totals });
    assert_eq!((day.unknown_share, day.returning_trips_share), (Some(0.7), None));
    add_shares(&mut day, &MovementTotals::default());
    assert_eq!((day.unknown_share, day.stay_share), (None, None));
}

#[test]
fn changed_shares_of_dates_between_others_are_warned_of() {
    let warned = |shares: &[f64], without: u64| -> Vec<(NaiveDate, &'static str)> {
        let day = |(number, share): (u64, &f64)| {
            let mut figures = row(&usual(number, 10));
            figures.unknown_share = Some(*share);
            figures.returning_trips_share = Some(1.0 - *share);
            figures
        };
        let days = (0..).zip(shares).map(day).filter(|day| day.date != date(without));
        let days: Vec<DayFigures> = days.collect();
        warnings(&days).into_iter().map(|warning| (warning.date, warning.what)).collect()
    };
    let both = |day| vec![(date(day), "unknown_share"), (date(day), "returning_trips_share")];
    assert_eq!(warned(&[0.3; 9], 99), []);
    // from 0.3 to more than one and a half times of it, and to less than two thirds
    assert_eq!(warned(&[0.3, 0.3, 0.3, 0.3, 0.45, 0.3], 99), []);
    assert_eq!(warned(&[0.3, 0.3, 0.3, 0.3, 0.46, 0.3], 99), both(4));
    assert_eq!(warned(&[0.3, 0.3, 0.3, 0.3, 0.19, 0.3], 99), both(4));
    // what is known falls from 0.2 to less than two thirds of it
    assert_eq!(warned(&[0.8, 0.8, 0.8, 0.8, 0.86, 0.8], 99), []);
    assert_eq!(warned(&[0.8, 0.8, 0.8, 0.8, 0.87, 0.8], 99), both(4));
    // less than two percentage points are no news
    assert_eq!(warned(&[0.01, 0.01, 0.01, 0.01, 0.029, 0.01], 99), []);
    // the first and the last date, and those beside a gap, have neither warnings nor a place in comparisons
    assert_eq!(warned(&[0.9, 0.3, 0.3, 0.3, 0.3, 0.9], 99), []);
    assert_eq!(warned(&[0.3, 0.3, 0.3, 0.3, 0.9, 0.3, 0.3, 0.3], 5), []);
    assert_eq!(warned(&[0.3, 0.3, 0.9, 0.9, 0.9, 0.3, 0.3], 3), []);
    let text = |shares: &[f64]| -> String {
        let day = |(number, share): (u64, &f64)| DayFigures {
            unknown_share: Some(*share),
            ..row(&usual(number, 10))
        };
        let days: Vec<DayFigures> = (0..).zip(shares).map(day).collect();
        warnings(&days).into_iter().map(|warning| warning.text).collect()
    };
    assert_eq!(
        text(&[0.3, 0.3, 0.31, 0.32, 0.5, 0.3]),
        "50 % of the time of the devices is unknown, more than the usual 31 % of the previous 3 dates"
    );
}
