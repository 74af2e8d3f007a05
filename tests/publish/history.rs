//! Releases after earlier ones.

use super::world::{add_devices, configure, load, of_one_date, three_units};
use crate::harness::Workspace;

fn releases(work: &Workspace) -> usize {
    let list = work.ok(&["publish", "list", "--format", "json"]);
    let list: serde_json::Value = serde_json::from_str(&list).unwrap();
    list.as_array().unwrap().len()
}

#[test]
fn same_input_gives_the_same_bytes_and_no_second_release() {
    let work = of_one_date([12, 40, 100]);
    work.ok(&["publish", "out"]);
    let store = work.snapshot("published");
    work.ok(&["publish", "out"]);
    work.ok(&["publish", "again"]);
    assert_eq!(work.snapshot("published"), store);
    let names = |folder: &str| -> Vec<_> {
        let files = work.snapshot(folder).into_iter();
        files.map(|(path, hash)| (path.file_name().unwrap().to_owned(), hash)).collect()
    };
    assert_eq!(names("out"), names("again"));
    assert_eq!(releases(&work), 1);
    // and in another store
    let first: Vec<_> = names("out");
    let other = of_one_date([12, 40, 100]);
    other.ok(&["publish", "out"]);
    let files = other.snapshot("out").into_iter();
    let files: Vec<_> =
        files.map(|(path, hash)| (path.file_name().unwrap().to_owned(), hash)).collect();
    assert_eq!(files, first);
}

#[test]
fn folder_with_something_else_is_refused() {
    let work = of_one_date([12, 40, 100]);
    work.write("other/notes.txt", "mine");
    work.fails(&["publish", "other"], 2, &["other exists and is no release"]);
    work.ok(&["publish", "out"]);
    work.fails(
        &["publish", "out", "--view", "totals"],
        2,
        &["out exists and holds another release"],
    );
    assert_eq!(releases(&work), 1);
}

#[test]
fn change_by_few_devices_is_withheld() {
    let mut world = three_units();
    add_devices(&mut world, "2024-10-01", [20, 40, 100]);
    let work = load(&world, "");
    work.ok(&["publish", "out"]);
    // 5 devices more in the last LAU, which arrived late
    let mut late = three_units();
    for device in 0..5 {
        late.seen(&format!("late{device}"), "c", "2024-10-01 11:00:00");
    }
    late.write_events(&work, "late.csv");
    work.ok(&["run-all"]);
    work.ok(&["publish", "later"]);
    assert_eq!(
        work.read("later/by-lau.csv"),
        "date,lau_id,devices,suppressed\n\
         2024-10-01,EE_A,20,false\n2024-10-01,EE_B,40,false\n2024-10-01,EE_C,,true\n"
    );
    assert_eq!(work.read("later/totals.csv"), "date,devices,suppressed\n");
    // 16 are many
    for device in 5..16 {
        late.seen(&format!("late{device}"), "c", "2024-10-01 11:00:00");
    }
    late.write_events(&work, "late.csv");
    work.ok(&["run-all"]);
    work.ok(&["publish", "much-later"]);
    assert_eq!(
        work.read("much-later/totals.csv"),
        "date,devices,suppressed\n2024-10-01,176,false\n"
    );
}

#[test]
fn what_an_earlier_release_gives_away_is_refused() {
    let work = of_one_date([12, 40, 100]);
    configure(&work, "min_devices = 5");
    work.ok(&["publish", "out"]);
    configure(&work, "");
    work.fails(
        &["publish", "later"],
        1,
        &[
            "by_lau.devices of 2024-10-01, EE_A",
            "at least 12 and at most 12",
            "An earlier release",
            "--view",
        ],
    );
    assert!(!work.path("later").exists());
    assert_eq!(releases(&work), 1);
}

#[test]
fn view_that_is_not_classified_is_refused_with_what_to_write() {
    let work = of_one_date([12, 40, 100]);
    work.write("views/own.sql", "SELECT date, COUNT(*) AS n FROM by_lau GROUP BY date");
    work.ok(&["views"]);
    work.fails(
        &["publish", "out", "--view", "own"],
        2,
        &[
            "own cannot be published",
            "write `-- counts:` with the columns that count devices",
            "(date, n)",
        ],
    );
    work.fails(&["publish", "out", "--view", "nope"], 2, &["nope"]);
    // without a name it is left out
    work.ok(&["publish", "out"]);
    assert!(!work.path("out/own.csv").exists() && work.path("out/by-lau.csv").exists());
}

#[test]
fn numbers_that_contradict_the_headers_are_refused() {
    let work = of_one_date([12, 40, 100]);
    let wrong =
        super::world::BY_LAU.replace("COALESCE(n.devices, 0)", "COALESCE(n.devices, 0) + 1");
    work.write("views/by_lau.sql", wrong);
    work.ok(&["views"]);
    work.fails(
        &["publish", "out"],
        1,
        &["totals.devices of 2024-10-01 (152) should be equal to", "the header of by_lau"],
    );
    assert!(!work.path("out").exists() && !work.path("published/published.json").exists());
}

#[test]
fn difference_from_a_number_of_an_earlier_release_is_a_count() {
    let mut world = three_units();
    add_devices(&mut world, "2024-10-01", [60, 5, 0]);
    let work = load(&world, "");
    let linked = super::world::BY_LAU.replace("-- sums: devices = ", "-- linked: devices in ");
    work.write("views/by_lau.sql", linked);
    work.ok(&["views"]);
    work.ok(&["publish", "first", "--view", "totals"]);
    assert_eq!(work.read("first/totals.csv"), "date,devices,suppressed\n2024-10-01,65,false\n");
    work.ok(&["publish", "second", "--view", "by-lau"]);
    // 65 without 60 are 5
    assert_eq!(
        work.read("second/by-lau.csv"),
        "date,lau_id,devices,suppressed\n\
         2024-10-01,EE_A,,true\n2024-10-01,EE_B,,true\n2024-10-01,EE_C,0,false\n"
    );
}
