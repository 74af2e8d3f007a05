//! The computations against the SQL of the views, over random presence.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryArray, Date32Array, Float64Array, Int64Array, StringArray,
    TimestampMicrosecondArray,
};
use arrow::compute::concat_batches;
use chrono::{DateTime, Days, Timelike};
use datafusion::arrow::util::pretty::pretty_format_batches;
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;

use super::*;
use crate::config::Config;
use crate::datasets::file_list::ListedFile;
use crate::domain::tables::presence_file_schema;
use crate::domain::time::MICROS_PER_HOUR;
use crate::warehouse::embedded::presence_sql::PresenceSql;
use crate::warehouse::embedded::table_files::TableFile;

const VIEWS: [&str; 5] =
    ["devices_per_date", "night_places", "od_pairs_per_day", "present_places", "workday_sites"];

/// A generator of random numbers that is the same everywhere (SplitMix64).
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % end
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
}

/// A row of hourly presence: user, cell, hour, first and last event, events, those at two places, and the first
/// and last of the others.
type Row = (String, String, i64, i64, i64, i64, i64, Option<(i64, i64)>);

fn write(path: &Path, schema: &SchemaRef, columns: Vec<ArrayRef>, group: usize) -> TableFile {
    let batch = RecordBatch::try_new(Arc::clone(schema), columns).unwrap();
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(group)).build();
    let file = File::create(path).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    let bytes = std::fs::metadata(path).unwrap().len();
    let rows = batch.num_rows() as u64;
    TableFile { path: path.to_owned(), listed: ListedFile { rows, bytes, ..ListedFile::default() } }
}

fn write_presence(path: &Path, rows: &[Row]) -> TableFile {
    let texts = |of: fn(&Row) -> &String| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(rows.iter().map(of)))
    };
    let times = |of: fn(&Row) -> Option<i64>| -> ArrayRef {
        Arc::new(TimestampMicrosecondArray::from_iter(rows.iter().map(of)))
    };
    let counts = |of: fn(&Row) -> i64| -> ArrayRef {
        Arc::new(Int64Array::from_iter_values(rows.iter().map(of)))
    };
    let columns = vec![
        texts(|row| &row.0),
        texts(|row| &row.1),
        times(|row| Some(row.2)),
        times(|row| Some(row.3)),
        times(|row| Some(row.4)),
        counts(|row| row.5),
        counts(|row| row.6),
        times(|row| row.7.map(|(first, _)| first)),
        times(|row| row.7.map(|(_, last)| last)),
    ];
    write(path, &presence_file_schema(), columns, 50)
}

/// Cells of few sites in few LAUs, some of them outside, some valid on some of the dates.
fn write_plan(path: &Path, first: NaiveDate, random: &mut Random) -> TableFile {
    // cell, first and last day on which it is valid, LAU and site
    type Cell = (String, Option<i32>, Option<i32>, Option<String>, String);
    let mut rows: Vec<Cell> = Vec::new();
    let day = first.to_epoch_days();
    for cell in 0..16 {
        let id = format!("c{cell}");
        let mut row = |from, to| {
            let lau = (!random.one_in(5)).then(|| format!("EE_{}", random.below(4)));
            rows.push((id.clone(), from, to, lau, format!("s{}", random.below(7))));
        };
        match cell % 4 {
            0 => row(Some(day + 1), Some(day + 2)),
            1 => {
                row(None, Some(day));
                row(Some(day + 1), None);
            }
            _ => row(None, None),
        }
    }
    let length = rows.len();
    let texts = |values: Vec<Option<String>>| -> ArrayRef { Arc::new(StringArray::from(values)) };
    let numbers: ArrayRef = Arc::new(Float64Array::from(vec![0.0; length]));
    let columns = vec![
        texts(rows.iter().map(|row| Some(row.0.clone())).collect()),
        Arc::clone(&numbers),
        Arc::clone(&numbers),
        Arc::new(Date32Array::from_iter(rows.iter().map(|row| row.1))),
        Arc::new(Date32Array::from_iter(rows.iter().map(|row| row.2))),
        texts(rows.iter().map(|row| row.3.clone()).collect()),
        texts(vec![Some("within".to_owned()); length]),
        numbers,
        Arc::new(BinaryArray::from_iter_values(vec![b""; length])),
        texts(rows.iter().map(|row| Some(row.4.clone())).collect()),
    ];
    write(path, &Table::CellPlan.schema(), columns, 1_000)
}

/// The hours that there are on a date, as in hourly presence.
fn labels(clock: &Clock, date: NaiveDate) -> Vec<i64> {
    clock.hours_of(date).iter().map(|hour| hour.label_us).collect()
}

fn user_rows(user: &str, labels: &[i64], random: &mut Random) -> Vec<Row> {
    let mut seen = BTreeSet::new();
    for _ in 0..random.below(12) {
        // often at the ends of the date
        let hour = match random.below(4) {
            0 => random.below(3) as usize,
            1 => labels.len() - 1 - random.below(3) as usize,
            _ => random.below(labels.len() as u64) as usize,
        };
        let cell =
            if random.one_in(9) { "unknown".to_owned() } else { format!("c{}", random.below(16)) };
        seen.insert((labels[hour], cell));
    }
    let mut rows = Vec::new();
    for (label, cell) in seen {
        let start = label.div_euclid(MICROS_PER_HOUR) * MICROS_PER_HOUR;
        // equal times, and equal distances from full hours, are frequent
        let mut time =
            || start + [0, 900, 1_800, 2_700, 3_599][random.below(5) as usize] * 1_000_000;
        let (a, b) = (time(), time());
        let (first, last) = (a.min(b), a.max(b));
        let events = 1 + random.below(3) as i64;
        let at_two_places =
            if random.one_in(4) { random.below(events as u64 + 1) as i64 } else { 0 };
        let placed = (at_two_places > 0 && at_two_places < events).then_some((last, last));
        rows.push((user.to_owned(), cell, label, first, last, events, at_two_places, placed));
    }
    rows
}

/// Five dates, of which the fourth has no events that count.
fn world(folder: &Path, first: NaiveDate, clock: &Clock, random: &mut Random) -> TableFiles {
    let mut files = TableFiles::default();
    let plan = write_plan(&folder.join("cell_plan.parquet"), first, random);
    files.add_table(Table::CellPlan, plan);
    for number in 0..5 {
        let date = first + Days::new(number);
        let labels = labels(clock, date);
        let mut users: Vec<String> = (0..40).map(|user| format!("u{user}")).collect();
        users.sort_unstable();
        let mut of_users: Vec<Vec<Row>> =
            users.iter().map(|user| user_rows(user, &labels, random)).collect();
        if number == 3 {
            of_users.iter_mut().flatten().for_each(|row| row.1 = "unknown".to_owned());
        }
        // the users are divided at another place on each date
        let split = 5 + random.below(30) as usize;
        let write = |(part, rows): (usize, &[Vec<Row>])| {
            let path = folder.join(format!("{date}-{part}.parquet"));
            write_presence(&path, &rows.concat())
        };
        let parts = [&of_users[..split], &of_users[split..]];
        files.add_presence(date, parts.into_iter().enumerate().map(write).collect());
    }
    files
}

/// The rows of a view by its SQL over all dates, in the order of its periods.
fn by_sql(registry: &Registry, view: &View, files: &TableFiles) -> String {
    let mut parts = Vec::new();
    for source in registry.dependencies(view).unwrap() {
        parts.push(format!("{} AS (\n{}\n)", source.view, source.sql));
    }
    let with =
        if parts.is_empty() { String::new() } else { format!("WITH {}\n", parts.join(",\n")) };
    let period = view.period.as_deref().unwrap_or("date");
    let order: Vec<&str> = view.order.iter().map(|order| order.column.as_str()).collect();
    let sql = format!(
        "{with}SELECT * FROM (\n{}\n) AS v ORDER BY {period}, {}",
        view.sql,
        order.join(", ")
    );
    let rows = PresenceSql::new().unwrap().rows(&sql, files).unwrap();
    text(vec![rows])
}

fn text(rows: Vec<Rows>) -> String {
    let schema = rows[0].schema();
    let batches: Vec<RecordBatch> = rows.into_iter().flatten().map(Result::unwrap).collect();
    let rows = concat_batches(&schema, &batches).unwrap();
    pretty_format_batches(&[rows]).unwrap().to_string()
}

#[test]
fn computed_rows_are_those_of_the_sql() {
    let date = |text: &str| text.parse::<NaiveDate>().unwrap();
    for (seed, zone, first) in [
        (1, None, "2024-10-01"),
        (2, Some("Europe/Tallinn"), "2024-10-26"),
        (3, Some("Europe/Tallinn"), "2024-03-30"),
    ] {
        let mut config = Config::default();
        config.time.zone = zone.map(str::to_owned);
        config.present.window_s = 2_700;
        config.calendar.holidays = vec![date(first) + Days::new(2)];
        let registry = Registry::read((&config).into()).unwrap();
        let clock = Clock::from(registry.presence_rules().clock_changes());
        let folder = tempfile::tempdir().unwrap();
        let files = world(folder.path(), date(first), &clock, &mut Random(seed));
        for name in VIEWS {
            let view = registry.find(name).unwrap();
            let computation = PresenceView::of(&registry, view).unwrap();
            let growth = view.growth.unwrap();
            let periods: Vec<DatedPeriod> = growth
                .periods(files.presence.keys().copied())
                .into_iter()
                .map(|start| (start, growth.reads(start)))
                .collect();
            let expected = by_sql(&registry, view, &files);
            assert!(expected.lines().count() > 4, "{name}: {expected}");
            let together = computation.rows(&files, &periods).unwrap().unwrap();
            assert_eq!(text(together), expected, "{name} from {first}");
            // users are divided among the cores
            let one_by_one = |period| computation.rows(&files, &[period]).unwrap().unwrap();
            let one_by_one = periods.into_iter().flat_map(one_by_one).collect();
            assert_eq!(text(one_by_one), expected, "{name} from {first}");
        }
    }
}

#[test]
fn clocks_that_go_back_give_a_date_an_hour_more() {
    let mut config = Config::default();
    config.time.zone = Some("Europe/Tallinn".to_owned());
    let registry = Registry::read((&config).into()).unwrap();
    let clock = Clock::from(registry.presence_rules().clock_changes());
    let hours = |text: &str| -> Vec<u32> {
        let hour = |us: i64| DateTime::from_timestamp_micros(us).unwrap().hour();
        labels(&clock, text.parse().unwrap()).into_iter().map(hour).collect()
    };
    assert_eq!(hours("2024-10-27")[..6], [0, 1, 2, 3, 3, 4]);
    assert_eq!(hours("2024-10-27").len(), 25);
    assert_eq!(hours("2024-03-31")[..4], [0, 1, 2, 4]);
}

#[test]
fn files_that_are_not_sorted_are_left_to_the_engine() {
    let registry = Registry::read((&Config::default()).into()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let first: NaiveDate = "2024-10-01".parse().unwrap();
    let mut files = world(folder.path(), first, &Clock::default(), &mut Random(4));
    let view = registry.find("devices-per-date").unwrap();
    let computation = PresenceView::of(&registry, view).unwrap();
    let periods = [(first, (first, first))];
    assert!(computation.rows(&files, &periods).unwrap().is_some());
    let row = |user: &str| -> Row { (user.to_owned(), "c2".to_owned(), 0, 0, 0, 1, 0, None) };
    let path = folder.path().join("other.parquet");
    files.add_presence(first, vec![write_presence(&path, &[row("b"), row("a")])]);
    assert!(computation.rows(&files, &periods).unwrap().is_none());
}

#[test]
fn views_over_other_sql_are_left_to_the_engine() {
    let folder = tempfile::tempdir().unwrap();
    let of = |file: &str, text: &str, view: &str| {
        std::fs::write(folder.path().join(file), text).unwrap();
        let mut config = Config::default();
        config.views.dir = Some(folder.path().to_owned());
        let registry = Registry::read((&config).into()).unwrap();
        PresenceView::of(&registry, registry.find(view).unwrap()).is_some()
    };
    let shipped = include_str!("../../../../sql/views/devices_per_date.sql");
    assert!(of("devices_per_date.sql", shipped, "devices-per-date"));
    let own = shipped.replace("COUNT(*)", "COUNT(*) + 1");
    assert!(!of("devices_per_date.sql", &own, "devices-per-date"));
    // also those that read it
    assert!(!of("devices_per_date.sql", &own, "night-places"));
}
