//! `run-all` on Spark gives the expected answers, and later runs compute only what changed.

use serde_json::json;

use super::{Cluster, compare_outputs, ok, run};
use crate::harness::{EXAMPLE_VIEWS, Workspace, expected};
use crate::insights::random_worlds::{assert_answers, random_world};
use crate::insights::reference::Rules;
use crate::movement;
use crate::periods::{PER_DAY, PER_MONTH, PER_WEEK, around_the_turn_of_the_year};

#[test]
#[ignore = "needs Spark: run make test"]
fn run_all_on_spark_gives_the_expected_answers() {
    let cluster = Cluster::acquire();
    let work = Workspace::mini();
    let settings = cluster.settings("engine = \"spark\"");
    work.config(&settings);
    work.set_snapshot_dates("[\"2024-10-01\", \"newest\"]");
    ok(&work, &["run-all"]);
    let stored = work.snapshot("warehouse/results");
    // a file and a list each; two views are snapshots of the newest date
    assert_eq!(stored.len(), 2 * (EXAMPLE_VIEWS.len() + 2), "{stored:?}");
    assert_eq!(
        work.ok(&["query", "users-per-lau-newest", "--format", "csv"]),
        "lau_id,lau_name,user_count\nEE_0003,Saare vald,4\nEE_0002,\"Maa, \"\"vald\"\"\",1\n"
    );
    for (name, file) in EXAMPLE_VIEWS {
        let answer = work.ok(&["query", name, "--format", "csv"]);
        assert_eq!(answer, expected(file), "{name}");
    }
    // stored results are shown, not computed again
    assert_eq!(work.snapshot("warehouse/results"), stored);
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

    // weeks and months across the turn of a year
    work.remove("views");
    work.config(&settings);
    around_the_turn_of_the_year(&work);
    ok(&work, &["run-all"]);
    for (name, rows) in
        [("users-per-day", PER_DAY), ("users-per-week", PER_WEEK), ("users-per-month", PER_MONTH)]
    {
        assert_eq!(work.ok(&["query", name, "--format", "csv"]), rows, "{name}");
    }
}

#[test]
#[ignore = "needs Spark: run make test"]
fn views_about_people_on_spark_equal_the_reference() {
    let cluster = Cluster::acquire();
    let world = random_world(6, ("2024-09-20", 45), 40, &[20, 21], None);
    let work = Workspace::mini();
    world.write(&work);
    work.config(&cluster.settings("[weights]\nmin_devices = 3\n"));
    work.add_views_about_people();
    for stage in ["compress", "geojoin", "quality", "load"] {
        work.ok(&[stage]);
    }
    ok(&work, &["views", "--engine", "spark"]);
    assert_answers(&work, &world, Rules { window: None, min_devices: 3 });
}

#[test]
#[ignore = "needs Spark and Python 3: run make test"]
fn movement_on_spark_equals_the_reference() {
    let cluster = Cluster::acquire();
    // a date in it has a repeated hour
    let world = movement::random::world(3, "2024-10-25", true);
    let work = Workspace::mini();
    world.write(&work);
    let settings = format!(
        "engine = \"spark\"\n[time]\nzone = \"Europe/Tallinn\"\n{}",
        movement::random::HOMES
    );
    work.config(&cluster.settings(&settings));
    work.add_views_about_people();
    let printed = ok(&work, &["run-all"]);
    assert!(!printed.contains("not computed by Spark"), "{printed}");
    let settings = json!({ "zone": "Europe/Tallinn" });
    movement::reference::assert_equal(&work, &world, &settings);
}

const ODD: &str = "-- name: odd
-- view: odd
-- title: Odd
-- description: The type of an hour.
-- order: type
-- chart: table
SELECT DISTINCT arrow_typeof(hour) AS type FROM mobile_events_compressed
";
