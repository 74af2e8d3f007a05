//! Runs that compute only the dates that changed.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::SystemTime;

use super::{DAY, Event, HOUR, along_a_line, codes, columns, record};
use crate::harness::Workspace;

const DAYS: i64 = 24 * HOUR;

fn path_of_day(day: i64, name: &str) -> String {
    format!("year=2024/month=10/day={day}/{name}.parquet")
}

fn day_file(work: &Workspace, day: i64, name: &str, events: &[Event]) {
    work.write_events(&path_of_day(day, name), columns(events));
}

fn three_days() -> Workspace {
    let work = along_a_line();
    for day in 1..=3 {
        let start = DAY + (day - 1) * DAYS;
        day_file(&work, day, "x", &[("u", "a", start), ("v", "b", start + HOUR)]);
    }
    work.ok(&["compress"]);
    work
}

/// Output files with their inodes, which a date keeps if it is not computed again.
fn inodes(work: &Workspace) -> BTreeMap<PathBuf, u64> {
    use std::os::unix::fs::MetadataExt;
    let pattern = work.path("processed/compressed_events/date=*/*.parquet");
    let files = glob::glob(&pattern.to_string_lossy()).unwrap().map(Result::unwrap);
    files.map(|path| (path.clone(), path.metadata().unwrap().ino())).collect()
}

/// Dates that were computed between two calls of [`inodes`].
fn computed_dates(before: &BTreeMap<PathBuf, u64>, after: &BTreeMap<PathBuf, u64>) -> Vec<String> {
    let fresh = after.iter().filter(|(path, inode)| before.get(*path) != Some(inode));
    let date = |path: &PathBuf| {
        path.parent().unwrap().file_name().unwrap().to_string_lossy()["date=".len()..].to_owned()
    };
    fresh.map(|(path, _)| date(path)).collect()
}

/// Makes the file of a day unreadable without changing its size and time.
fn make_unreadable(work: &Workspace, day: i64) {
    // not a Parquet file, so that opening it would fail
    let path = work.path("raw/events").join(path_of_day(day, "x"));
    let meta = path.metadata().unwrap();
    let modified = meta.modified().unwrap();
    std::fs::write(&path, vec![b'x'; meta.len() as usize]).unwrap();
    set_modified(&path, modified);
}

fn set_modified(path: &std::path::Path, time: SystemTime) {
    std::fs::File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
}

#[test]
fn new_day_is_computed_without_opening_other_files() {
    let work = three_days();
    for day in 1..=3 {
        make_unreadable(&work, day);
    }
    let before = inodes(&work);
    day_file(&work, 4, "x", &[("u", "a", DAY + 3 * DAYS)]);
    let ran = work.run(&["compress"]);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    assert!(ran.stderr.contains("1 date compressed, 3 dates unchanged"), "{}", ran.stderr);
    assert_eq!(computed_dates(&before, &inodes(&work)), ["2024-10-04"]);
    let manifest: serde_json::Value =
        serde_json::from_str(&work.read("processed/compressed_events.json")).unwrap();
    assert_eq!(manifest["rows_in"], 7);
    assert_eq!(manifest["inputs"].as_array().unwrap().len(), 4);
    assert_eq!(manifest["inputs"][3]["first"], "2024-10-04T00:00:00");
    let again = work.run(&["compress"]);
    assert!(again.stderr.contains("unchanged, skipped"), "{}", again.stderr);
}

#[test]
fn late_and_removed_files_recompute_the_dates_of_their_events() {
    let work = three_days();
    let before = inodes(&work);
    let late = [("w", "a", DAY), ("w", "a", DAY + 3 * DAYS), ("u", "a", DAY)];
    day_file(&work, 4, "late", &late);
    work.ok(&["compress"]);
    let after = inodes(&work);
    assert_eq!(computed_dates(&before, &after), ["2024-10-01", "2024-10-04"]);
    assert_eq!(codes(&work, "2024-10-01"), "duplicate=1");
    let whole = work.snapshot("processed/compressed_events");
    work.remove(&format!("raw/events/{}", path_of_day(4, "late")));
    let ran = work.run(&["compress"]);
    assert!(
        ran.stderr.contains("1 file of the previous run no longer there")
            && ran.stderr.contains("late.parquet"),
        "{}",
        ran.stderr
    );
    assert_eq!(computed_dates(&after, &inodes(&work)), ["2024-10-01"]);
    assert!(!work.path("processed/compressed_events/date=2024-10-04").exists());
    // restored, it gives the same rows again
    day_file(&work, 4, "late", &late);
    work.ok(&["compress"]);
    let rows = |files: Vec<(PathBuf, u64)>| files.len();
    assert_eq!(rows(work.snapshot("processed/compressed_events")), rows(whole));
    assert_eq!(codes(&work, "2024-10-01"), "duplicate=1");
}

#[test]
fn recomputed_date_equals_a_run_from_scratch() {
    let work = three_days();
    let before = inodes(&work);
    day_file(&work, 2, "x", &[("u", "c", DAY + DAYS), ("", "a", DAY + DAYS)]);
    work.ok(&["compress"]);
    assert_eq!(computed_dates(&before, &inodes(&work)), ["2024-10-02"]);
    let incremental =
        (work.snapshot("processed/compressed_events"), work.snapshot("processed/days"));
    // the digests of users depend on the key
    let key = work.read("processed/users.key");
    work.remove("processed");
    work.write("processed/users.key", key);
    work.ok(&["compress"]);
    let whole = (work.snapshot("processed/compressed_events"), work.snapshot("processed/days"));
    assert_eq!(incremental, whole);
}

#[test]
fn cell_plan_change_recomputes_only_its_dates() {
    let work = three_days();
    let before = inodes(&work);
    use arrow::array::{Float64Array, StringArray};
    let new = crate::harness::array(StringArray::from(vec!["2024-10-02"]));
    let end = crate::harness::array(StringArray::from(vec!["2024-10-02"]));
    crate::harness::write_parquet(
        &work.path("raw/cells/moved.parquet"),
        vec![
            ("cell_id", crate::harness::array(StringArray::from(vec!["a"]))),
            ("latitude", crate::harness::array(Float64Array::from(vec![57.0]))),
            ("longitude", crate::harness::array(Float64Array::from(vec![25.0]))),
            ("valid_date_start", new),
            ("valid_date_end", end),
        ],
        10,
    );
    work.ok(&["compress"]);
    assert_eq!(computed_dates(&before, &inodes(&work)), ["2024-10-02"]);
}

#[test]
fn since_leaves_earlier_dates_unchanged_and_reports_it() {
    let work = three_days();
    let before = inodes(&work);
    for day in [1, 3] {
        day_file(&work, day, "more", &[("z", "a", DAY + (day - 1) * DAYS)]);
    }
    let ran = work.run(&["run-all", "--since", "2024-10-02"]);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    assert!(ran.stderr.contains("1 date changed and left as before"), "{}", ran.stderr);
    assert_eq!(computed_dates(&before, &inodes(&work)), ["2024-10-03"]);
    // the next run without --since computes the skipped date
    work.ok(&["run-all"]);
    assert_eq!(computed_dates(&before, &inodes(&work)), ["2024-10-01", "2024-10-03"]);
    work.fails(&["run-all", "--since", "yesterday"], 2, &["--since"]);
}

#[test]
fn date_is_provisional_until_its_open_days_have_passed() {
    let work = along_a_line();
    let today = chrono::Utc::now().date_naive();
    let midnight = today.and_time(chrono::NaiveTime::MIN).and_utc().timestamp_micros();
    let file = [("u", "a", midnight), ("u", "a", midnight - DAYS), ("u", "a", midnight - 5 * DAYS)];
    work.write_events("x.parquet", columns(&file));
    work.ok(&["compress"]);
    let provisional = |days: i64| {
        record(&work, &(today - chrono::TimeDelta::days(days)).to_string())["provisional"].clone()
    };
    assert_eq!([provisional(0), provisional(1), provisional(5)], [true, true, false]);
    work.config("[checks]\nopen_days = 10\n");
    work.ok(&["compress"]);
    assert_eq!(provisional(5), true);
}

#[test]
fn new_day_of_a_year_is_computed_without_the_other_days() {
    let work = along_a_line();
    let file: Vec<Event> = (0..365).map(|day| ("u", "a", DAY - day * DAYS)).collect();
    work.write_events("year.parquet", columns(&file));
    work.ok(&["compress"]);
    let before = inodes(&work);
    assert_eq!(before.len(), 365);
    let path = work.path("raw/events/year.parquet");
    let (size, time) =
        (path.metadata().unwrap().len(), path.metadata().unwrap().modified().unwrap());
    std::fs::write(&path, vec![0; size as usize]).unwrap();
    set_modified(&path, time);
    day_file(&work, 2, "x", &[("u", "a", DAY + DAYS)]);
    work.ok(&["compress"]);
    assert_eq!(computed_dates(&before, &inodes(&work)), ["2024-10-02"]);
}
