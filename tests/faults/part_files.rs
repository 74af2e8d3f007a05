//! Part files of a date that are missing, were added, or replaced by others that are valid themselves.

use std::fs;
use std::path::{Path, PathBuf};

use mobility::formats::parquet::{checksum, provenance};
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;
use serde_json::{Value, json};

use super::UndisturbedRun;
use crate::harness::{Workspace, read_table};

const DATE: &str = "2024-10-01";
const MANIFEST: &str = "processed/compressed_events.json";

fn json_of(work: &Workspace, name: &str) -> Value {
    serde_json::from_str(&work.read(name)).unwrap()
}

/// A workspace whose first date has two part files, as dates with many events have, after a load.
fn with_two_parts() -> Workspace {
    let work = Workspace::loaded();
    let folder = work.path(&format!("processed/compressed_events/date={DATE}"));
    let whole = folder.join("part-00000.parquet");
    let table = read_table(&whole);
    let inputs = provenance::read(&whole).unwrap().inputs;
    fs::remove_file(&whole).unwrap();
    let half = table.num_rows() / 2;
    let parts = [table.slice(0, half), table.slice(half, table.num_rows() - half)];
    let mut files = serde_json::Map::new();
    for (number, part) in parts.iter().enumerate() {
        let path = folder.join(format!("part-0000{number}.parquet"));
        let entries = provenance::entries(&inputs, &[]).unwrap();
        let properties = WriterProperties::builder().set_key_value_metadata(Some(entries)).build();
        let file = fs::File::create(&path).unwrap();
        let mut writer = ArrowWriter::try_new(file, part.schema(), Some(properties)).unwrap();
        writer.write(part).unwrap();
        writer.close().unwrap();
        checksum::embed(&path).unwrap();
        let stored = checksum::stored(&path).unwrap();
        let (sum, bytes) = stored.split_once(' ').unwrap();
        let bytes: u64 = bytes.parse().unwrap();
        files.insert(
            format!("date={DATE}/part-0000{number}.parquet"),
            json!({ "rows": part.num_rows(), "bytes": bytes, "checksum": sum }),
        );
    }
    let mut manifest = json_of(&work, MANIFEST);
    manifest["dates"][DATE]["files"] = files.into();
    work.write(MANIFEST, manifest.to_string());
    work.ok(&["run-all"]);
    work
}

fn only(work: &Workspace, pattern: &str) -> PathBuf {
    let pattern = work.path(pattern);
    let mut found = glob::glob(&pattern.to_string_lossy()).unwrap().map(Result::unwrap);
    let path = found.next().unwrap_or_else(|| panic!("nothing is like {}", pattern.display()));
    assert_eq!(found.next(), None);
    path
}

/// What happens to a part file.
type Disturbance = (&'static str, fn(&Path));

/// The other part of the date. Names in the warehouse go on with a checksum.
fn other(part: &Path) -> PathBuf {
    let pattern = part.with_file_name("part-00000.*");
    glob::glob(&pattern.to_string_lossy()).unwrap().next().unwrap().unwrap()
}

const DISTURBANCES: [Disturbance; 3] = [
    ("is missing", |part| fs::remove_file(part).unwrap()),
    ("is not the file that was written", |part| {
        fs::remove_file(part).unwrap();
        fs::copy(other(part), part).unwrap();
    }),
    ("does not belong there", |part| {
        fs::copy(part, part.with_file_name("part-00002.parquet")).unwrap();
    }),
];

#[test]
fn processed_part_file_that_is_missing_added_or_replaced_is_reported_and_repaired() {
    let good = with_two_parts();
    let undisturbed = UndisturbedRun::of(&good);
    for (what, disturb) in DISTURBANCES {
        let work = Workspace::copy_of(&good);
        disturb(&work.path(&format!("processed/compressed_events/date={DATE}/part-00001.parquet")));
        let words = [what, &format!("date={DATE}/part-0000"), "`mobility compress`"];
        for load in [&["load"][..], &["load", "--force"], &["run-all", "--from", "load"]] {
            work.fails(load, 1, &words);
        }
        let checked = work.run(&["check"]);
        assert_eq!(checked.status, 1, "{}", checked.stdout);
        let line = checked.stdout.lines().find(|l| l.starts_with("WRONG  processed"));
        assert!(line.is_some_and(|l| words.iter().all(|w| l.contains(w))), "{}", checked.stdout);
        // the date would be lost
        work.fails(&["compress", "--since", "2024-10-02"], 1, &[what, DATE, "--since"]);
        let ran = work.run(&["run-all"]);
        assert_eq!(ran.status, 0, "{}", ran.stderr);
        assert!(ran.stderr.contains(what) && ran.stderr.contains("1 date"), "{}", ran.stderr);
        undisturbed.assert_same_answers(&work, what);
        work.ok(&["check"]);
    }
}

#[test]
fn part_file_of_the_warehouse_that_is_missing_added_or_replaced_is_reported_and_repaired() {
    let good = with_two_parts();
    let undisturbed = UndisturbedRun::of(&good);
    // a file that was added is not read
    for (what, disturb) in DISTURBANCES.into_iter().take(2) {
        let work = Workspace::copy_of(&good);
        disturb(&only(&work, &format!("warehouse/tables/date={DATE}/part-00001.*")));
        let words = [what, &format!("date={DATE}/part-0000"), "`mobility load`"];
        // stored results are still those of the whole load
        work.ok(&["query", "agg_events_per_hour"]);
        work.fails(&["query", "mobile_events_compressed"], 1, &words);
        let sql = "SELECT COUNT(*) FROM mobile_events_placed";
        work.fails(&["query", "--sql", sql], 1, &words);
        work.fails(&["views"], 1, &words);
        work.fails(&["views", "--refresh"], 1, &words);
        // the next version would be without the file, and nobody would notice
        work.fails(&["purge", "--before", "2024-09-01", "--yes"], 1, &words);
        // a result that has to be computed again
        fs::remove_file(work.path("warehouse/results/agg_events_per_hour.json")).unwrap();
        work.fails(&["query", "agg_events_per_hour"], 1, &words);
        let checked = work.run(&["check"]);
        assert_eq!(checked.status, 1, "{}", checked.stdout);
        let line = checked.stdout.lines().find(|l| l.starts_with("WRONG  warehouse"));
        assert!(line.is_some_and(|l| words.iter().all(|w| l.contains(w))), "{}", checked.stdout);
        let ran = work.run(&["load"]);
        assert_eq!(ran.status, 0, "{}", ran.stderr);
        assert!(ran.stderr.contains(what) && ran.stderr.contains("loaded again"), "{}", ran.stderr);
        undisturbed.assert_same_answers(&work, what);
        work.ok(&["check"]);
    }
}

#[test]
fn file_that_was_added_to_the_warehouse_is_not_read() {
    let work = with_two_parts();
    let rows = ["query", "mobile_events_compressed", "--format", "csv"];
    let before = work.ok(&rows);
    let part = only(&work, &format!("warehouse/tables/date={DATE}/part-00001.*"));
    fs::copy(&part, part.with_file_name("part-00002.parquet")).unwrap();
    work.ok(&["views", "--refresh"]);
    work.ok(&["check"]);
    assert_eq!(work.ok(&rows), before);
    let sql = "SELECT SUM(event_count) AS n FROM agg_events_per_hour";
    assert_eq!(work.ok(&["query", "--sql", sql, "--format", "csv"]), "n\n25\n");
}

#[test]
fn missing_table_of_the_warehouse_is_reported_instead_of_being_empty() {
    let work = Workspace::loaded();
    let current = work.read("warehouse/CURRENT").split(' ').next().unwrap().to_owned();
    for table in ["quality_daily", "quality_codes", "cell_plan", "lau"] {
        let path = only(&work, &format!("warehouse/tables/{table}.*.parquet"));
        let bytes = fs::read(&path).unwrap();
        let name = path.file_name().unwrap().to_string_lossy();
        let words = [&*format!("{name} is missing"), "`mobility load`"];
        fs::remove_file(&path).unwrap();
        work.fails(&["query", table], 1, &words);
        fs::write(&path, &bytes).unwrap();
        assert_eq!(work.run(&["query", table]).status, 0);
    }
    work.remove(&format!("warehouse/{current}/files.json"));
    work.fails(&["query", "lau"], 1, &["files.json", "`mobility load`"]);
    work.ok(&["load"]);
    work.ok(&["query", "lau"]);
}

#[test]
fn damaged_part_file_is_found_by_check() {
    let work = Workspace::loaded();
    work.corrupt_pages(DATE);
    let checked = work.run(&["check"]);
    assert_eq!(checked.status, 1, "{}", checked.stdout);
    let line = checked.stdout.lines().find(|l| l.starts_with("WRONG  processed"));
    assert!(line.is_some_and(|l| l.contains("is damaged")), "{}", checked.stdout);
}

#[test]
fn manifest_of_an_earlier_version_is_accepted_and_completed_by_the_next_run() {
    let good = with_two_parts();
    let mut manifest = json_of(&good, MANIFEST);
    for date in manifest["dates"].as_object_mut().unwrap().values_mut() {
        assert!(date.as_object_mut().unwrap().remove("files").is_some());
    }
    good.write(MANIFEST, manifest.to_string());
    let work = Workspace::copy_of(&good);
    work.ok(&["load"]);
    work.ok(&["check"]);
    let ran = work.run(&["compress"]);
    assert!(ran.stderr.contains("0 dates compressed, 2 dates unchanged"), "{}", ran.stderr);
    let files = json_of(&work, MANIFEST)["dates"][DATE]["files"].as_object().unwrap().len();
    assert_eq!(files, 2);
    assert!(work.run(&["compress"]).stderr.contains("unchanged, skipped"));
    // the number of rows tells that a part is missing, though not which
    let work = Workspace::copy_of(&good);
    work.remove(&format!("processed/compressed_events/date={DATE}/part-00001.parquet"));
    work.fails(&["load"], 1, &[&format!("compressed_events/date={DATE}"), "`mobility compress`"]);
    work.ok(&["run-all"]);
}

#[test]
fn warehouse_of_an_earlier_version_is_read_and_completed_by_the_next_load() {
    let good = Workspace::loaded();
    let undisturbed = UndisturbedRun::of(&good);
    for listed in [true, false] {
        let work = Workspace::copy_of(&good);
        work.make_warehouse_of_an_earlier_version(listed);
        let count =
            |pattern: &str| glob::glob(&work.path(pattern).to_string_lossy()).unwrap().count();
        let query = |name: &str| work.ok(&["query", name, "--format", "csv"]);
        assert_eq!(count("warehouse/tables/**/*.parquet"), 0);
        let [rows, users] = ["mobile_events_compressed", "users-per-lau"].map(query);
        work.ok(&["views", "--refresh"]);
        work.ok(&["check"]);
        work.ok(&["load"]);
        assert_eq!(count("warehouse/v*/files.json"), 1 + usize::from(listed));
        assert_eq!(count("warehouse/tables/**/*.parquet"), 8);
        assert_eq!(["mobile_events_compressed", "users-per-lau"].map(query), [rows, users]);
        undisturbed.assert_same_answers(&work, "after the upgrade");
        // the folder of the earlier version goes when it is no longer the previous one
        work.ok(&["load", "--force"]);
        assert_eq!(count("warehouse/v*/mobile_events_compressed"), 0);
    }
}
