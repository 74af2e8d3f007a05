//! Stores of released tables: made by hand from the exact rows of views, so that tests do not depend on how a release
//! is made, and by the program.

use std::collections::BTreeMap;
use std::fs;

use arrow::array::{AsArray, BooleanArray, Int64Array, RecordBatch};
use arrow::compute::{cast, filter_record_batch};
use arrow::datatypes::{DataType, Date32Type, Int64Type};
use chrono::NaiveDate;
use serde_json::{Value, json};

use crate::harness::{Workspace, array, read_table, write_parquet};

/// A view to be released.
pub struct Release {
    /// Name in SQL.
    pub view: &'static str,
    pub measures: &'static [&'static str],
    /// Withheld numbers are null; else their rows are left out.
    pub is_complete: bool,
}

/// Writes the store `data/published`, in which numbers from 1 to less than `min_devices` are withheld.
pub fn publish(work: &Workspace, min_devices: i64, views: &[Release]) {
    let tables = work.path("data/published/tables");
    fs::create_dir_all(&tables).unwrap();
    fs::copy(work.path("processed/lau.parquet"), tables.join("lau.0a.parquet")).unwrap();
    let mut listed = BTreeMap::new();
    for release in views {
        let exact = exact(work, release.view);
        let folder = tables.join(release.view);
        fs::create_dir_all(&folder).unwrap();
        let mut files = BTreeMap::new();
        for (period, rows) in by_period(&exact) {
            let file = format!("{period}.0a.parquet");
            let (rows, flags) = withheld(&rows, release, min_devices);
            let schema = rows.schema();
            let names = schema.fields().iter().map(|field| field.name().as_str());
            let mut columns: Vec<_> = names.zip(rows.columns().iter().cloned()).collect();
            columns.push(("suppressed", array(flags)));
            write_parquet(&folder.join(&file), columns, 1 << 20);
            files.insert(period, file);
        }
        let schema = exact.schema();
        let names = schema.fields().iter().map(|field| field.name().clone());
        let keys: Vec<String> =
            names.filter(|name| !release.measures.contains(&name.as_str())).collect();
        listed.insert(
            release.view,
            json!({ "keys": keys, "measures": release.measures, "is_complete": release.is_complete, "files": files }),
        );
    }
    let list = json!({
        "version": 1, "newest": "0a0a0a0a0a0a0a0a", "releases": ["0a0a0a0a0a0a0a0a"],
        "thresholds": { "min_devices": min_devices, "zeros": "show" },
        "lau": "lau.0a.parquet", "views": listed,
    });
    work.write("data/published/published.json", list.to_string());
}

/// The exact rows of a view.
pub fn exact(work: &Workspace, view: &str) -> RecordBatch {
    work.ok(&["query", view, "--audience", "analyst", "--output", "exact.parquet"]);
    read_table(&work.path("exact.parquet"))
}

/// The rows of each date; all rows if they have none.
fn by_period(rows: &RecordBatch) -> BTreeMap<String, RecordBatch> {
    let column = ["date", "hour"].into_iter().find_map(|name| rows.column_by_name(name));
    let Some(column) = column else {
        return BTreeMap::from([("all".to_owned(), rows.clone())]);
    };
    let days = cast(column, &DataType::Date32).unwrap();
    let days = days.as_primitive::<Date32Type>();
    let mut periods = BTreeMap::new();
    for day in days.values().iter().collect::<std::collections::BTreeSet<_>>() {
        let of_day = BooleanArray::from_iter(days.iter().map(|d| Some(d == Some(*day))));
        let name = NaiveDate::from_epoch_days(*day).unwrap().to_string();
        periods.insert(name, filter_record_batch(rows, &of_day).unwrap());
    }
    periods
}

/// The rows without their small numbers, and in which of them one is missing.
fn withheld(rows: &RecordBatch, release: &Release, min: i64) -> (RecordBatch, BooleanArray) {
    let is_small = |n: i64| n > 0 && n < min;
    let mut flags = vec![false; rows.num_rows()];
    let mut columns = rows.columns().to_vec();
    for measure in release.measures {
        let at = rows.schema().index_of(measure).unwrap();
        let numbers = columns[at].as_primitive::<Int64Type>();
        for (flag, n) in flags.iter_mut().zip(numbers.values()) {
            *flag |= is_small(*n);
        }
        let shown = numbers.iter().map(|n| n.filter(|n| !is_small(*n)));
        columns[at] = array(Int64Array::from_iter(shown));
    }
    let rows = RecordBatch::try_new(rows.schema(), columns).unwrap();
    if release.is_complete {
        return (rows, flags.into());
    }
    let kept = BooleanArray::from_iter(flags.iter().map(|flag| Some(!flag)));
    let rows = filter_record_batch(&rows, &kept).unwrap();
    let none = BooleanArray::from(vec![false; rows.num_rows()]);
    (rows, none)
}

/// The lists of released views as the server shows them.
pub fn names(views: &Value) -> Vec<String> {
    let list = views["views"].as_array().unwrap();
    list.iter().map(|view| view["view"].as_str().unwrap().to_owned()).collect()
}

/// Views with numbers that occur nowhere else. Of the four LAUs, two have numbers from 913,571 to 917,999, and
/// two have larger ones; places are named after them.
const COMPLETE: &str = "-- name: complete
-- view: complete
-- title: Complete
-- order: date, lau_id
-- chart: map devices
-- counts: devices
-- keys: every date, lau_id, lau_name
SELECT d.date, l.lau_id, l.lau_name,
  CAST(910000 + 3571 * l.place + 13 * EXTRACT(DAY FROM d.date) AS BIGINT) AS devices
";
const SPARSE: &str = "-- name: sparse
-- view: sparse
-- title: Sparse
-- order: date, place
-- chart: bar place devices
-- counts: devices
-- keys: date, place
SELECT d.date, 'place-' || l.lau_id AS place,
  CAST(910007 + 3571 * l.place + 13 * EXTRACT(DAY FROM d.date) AS BIGINT) AS devices
";
const BY_DAY: &str = "-- name: by-day
-- view: by_day
-- title: By day
-- order: date
-- chart: line date devices
-- counts: devices
-- keys: every date
SELECT d.date, CAST(914772 + 2999 * EXTRACT(DAY FROM d.date) AS BIGINT) AS devices
";
const PARTIAL: &str = "-- name: partial
-- view: partial
-- title: Partial
-- order: date, lau_id
-- chart: map devices others
-- counts: devices, others
-- keys: any date, lau_id, lau_name
SELECT d.date, l.lau_id, l.lau_name,
  CAST(910011 + 3571 * l.place + 13 * EXTRACT(DAY FROM d.date) AS BIGINT) AS devices,
  CAST(CASE WHEN l.place = 1 THEN 911003 ELSE 2000000 + l.place END AS BIGINT) AS others
";
const UNRELEASED: &str = "-- name: unreleased
-- view: unreleased
-- title: Unreleased
-- counts: devices
-- keys: every date, lau_id
SELECT d.date, l.lau_id, CAST(977001 + 3571 * l.place AS BIGINT) AS devices
";
const FROM: &str =
    "FROM (SELECT lau_id, lau_name, ROW_NUMBER() OVER (ORDER BY lau_id) AS place FROM lau) AS l
CROSS JOIN (SELECT date FROM users_per_day) AS d
";

/// The smallest number that is shown of these views.
pub const MIN: i64 = 920_000;

/// The mini data with these views, of which all but one were released.
pub fn released() -> Workspace {
    let work = Workspace::loaded();
    with_views(&work, "");
    publish(
        &work,
        MIN,
        &[
            Release { view: "complete", measures: &["devices"], is_complete: true },
            Release { view: "sparse", measures: &["devices"], is_complete: false },
            Release { view: "by_day", measures: &["devices"], is_complete: true },
        ],
    );
    work
}

/// The same, released by the program itself.
pub fn published() -> Workspace {
    let work = Workspace::loaded();
    with_views(&work, "");
    let views = ["complete", "sparse", "partial", "by-day"].map(|view| ["--view", view]).concat();
    work.ok(&[&["publish", "out"], &views[..]].concat());
    work
}

/// Adds the views; `config` comes first in the configuration.
pub fn with_views(work: &Workspace, config: &str) {
    work.copy_shipped_views();
    for (name, text) in [
        ("complete", COMPLETE),
        ("sparse", SPARSE),
        ("partial", PARTIAL),
        ("unreleased", UNRELEASED),
    ] {
        work.write(&format!("views/{name}.sql"), format!("{text}{FROM}"));
    }
    work.write("views/by_day.sql", format!("{BY_DAY}FROM users_per_day AS d\n"));
    work.config(&format!("[publish]\nmin_devices = {MIN}\n{config}"));
    work.ok(&["views", "--quiet"]);
}

/// What must not be seen: withheld numbers, their sums and those of all rows, rows that were left out, and what was
/// not released at all.
pub fn secrets(work: &Workspace) -> Vec<String> {
    let numbers = |view: &str| {
        let rows = exact(work, view);
        let column = rows.column_by_name("devices").unwrap();
        let days = rows.column_by_name("date").unwrap().as_primitive::<Date32Type>().clone();
        let numbers = column.as_primitive::<Int64Type>().clone();
        (days, numbers)
    };
    let mut secrets = Vec::new();
    for view in ["complete", "sparse", "partial", "by_day", "unreleased"] {
        let (days, numbers) = numbers(view);
        let small = |n: &i64| *n < MIN || view == "unreleased";
        let hidden = || numbers.values().iter().copied().filter(small);
        assert!(hidden().count() >= 1 && numbers.len() > 1, "{view}");
        secrets.extend(hidden());
        secrets.extend([hidden().sum(), numbers.values().iter().sum::<i64>()]);
        for day in days.values().iter().collect::<std::collections::BTreeSet<_>>() {
            let of_day = || days.values().iter().zip(numbers.values()).filter(|(d, _)| *d == day);
            secrets.push(of_day().map(|(_, n)| n).sum());
            secrets.push(of_day().map(|(_, n)| *n).filter(small).sum());
        }
    }
    let (shown, shown_places) = (shown(work), shown_places(work));
    assert!(shown_places.len() < 4, "{shown_places:?}");
    let secrets = secrets.into_iter().filter(|n| *n > 99_999 && !shown.contains(n));
    let mut secrets: Vec<String> = secrets.map(|n| n.to_string()).collect();
    let places = (1..=4).map(|n| format!("place-EE_000{n}"));
    secrets.extend(places.filter(|place| !shown_places.contains(place)));
    secrets.sort();
    secrets.dedup();
    secrets
}

/// The places of released rows.
fn shown_places(work: &Workspace) -> Vec<String> {
    let mut places = Vec::new();
    for entry in fs::read_dir(work.path("data/published/tables/sparse")).unwrap() {
        let rows = read_table(&entry.unwrap().path());
        let names = rows.column_by_name("place").unwrap().as_string::<i32>().clone();
        places.extend(names.iter().flatten().map(str::to_owned));
    }
    places.sort();
    places.dedup();
    places
}

/// The numbers that were released.
fn shown(work: &Workspace) -> Vec<i64> {
    let mut shown = Vec::new();
    for view in ["complete", "sparse", "partial", "by_day"] {
        let folder = work.path(&format!("data/published/tables/{view}"));
        if !folder.exists() {
            continue;
        }
        for entry in fs::read_dir(folder).unwrap() {
            let rows = read_table(&entry.unwrap().path());
            let numbers =
                rows.column_by_name("devices").unwrap().as_primitive::<Int64Type>().clone();
            shown.extend(numbers.iter().flatten());
        }
    }
    shown
}
