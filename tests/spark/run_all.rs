//! `run-all` on Spark gives the expected answers, and later runs compute only what changed.

use super::{Cluster, compare_outputs, ok, run};
use crate::harness::EXAMPLE_VIEWS;
use crate::harness::{Workspace, expected};

#[test]
#[ignore = "needs Spark: run make test"]
fn run_all_on_spark_gives_the_expected_answers() {
    let cluster = Cluster::acquire();
    let work = Workspace::mini();
    let settings = cluster.settings("engine = \"spark\"");
    work.config(&settings);
    ok(&work, &["run-all"]);
    let stored = work.snapshot("warehouse/v000001/results");
    assert_eq!(stored.len(), EXAMPLE_VIEWS.len(), "{stored:?}");
    for (name, file) in EXAMPLE_VIEWS {
        let answer = work.ok(&["query", name, "--format", "csv"]);
        assert_eq!(answer, expected(file), "{name}");
    }
    // stored results are shown, not computed again
    assert_eq!(work.snapshot("warehouse/v000001/results"), stored);
    assert!(ok(&work, &["views"]).contains("unchanged, skipped"));
    assert!(ok(&work, &["check"]).is_empty());

    // a new file of the second day recomputes only that date
    let inodes = |work: &Workspace, date: &str| -> Vec<u64> {
        use std::os::unix::fs::MetadataExt;
        let pattern = work.path(&format!("processed/compressed_events/date={date}/*.parquet"));
        let files = glob::glob(&pattern.to_string_lossy()).unwrap();
        files.map(|file| file.unwrap().metadata().unwrap().ino()).collect()
    };
    let before = inodes(&work, "2024-10-01");
    work.write(
        "raw/events/year=2024/month=10/day=2/again.parquet",
        std::fs::read(work.path("raw/events/year=2024/month=10/day=2/part-0.parquet")).unwrap(),
    );
    let native = Workspace::copy_of(&work);
    let printed = ok(&work, &["compress"]);
    assert!(printed.contains("1 date compressed, 1 date unchanged"), "{printed}");
    assert_eq!(inodes(&work, "2024-10-01"), before);
    ok(&native, &["compress", "--engine", "native"]);
    compare_outputs::same(&native, &work);

    // a function that only the native engine has is an error that names the remedy
    work.write("views/odd.sql", ODD);
    work.config(&settings);
    let failed = run(&work, &["views"]);
    assert_eq!(failed.status, 1, "{}", failed.stderr);
    for word in
        ["Spark failed while computing view odd", "odd.sql", "arrow_typeof", "--engine native"]
    {
        assert!(failed.stderr.contains(word), "no {word:?} in {}", failed.stderr);
    }
    assert!(!failed.stderr.contains("\tat "), "{}", failed.stderr);
    ok(&work, &["views", "--engine", "native"]);
    assert!(work.ok(&["query", "odd", "--format", "csv"]).contains("Timestamp"));
}

const ODD: &str = "-- name: odd
-- view: odd
-- title: Odd
-- description: The type of an hour.
-- order: type
-- chart: table
SELECT DISTINCT arrow_typeof(hour) AS type FROM mobile_events_compressed
";
