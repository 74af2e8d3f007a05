//! `check`: errors are found before any stage runs.

use crate::harness::{Warehouse, Workspace, test_on_each_warehouse};

#[test]
fn check_accepts_valid_inputs_and_changes_nothing() {
    let work = Workspace::mini();
    let before = work.snapshot("");
    let printed = work.ok(&["check"]);
    for words in [
        "26 rows in 2 files, 3 KiB",
        "9 cells in 10 versions",
        "4 units of EE",
        "14 views",
        "ok     warehouse  embedded:",
        "is empty",
    ] {
        assert!(printed.contains(words), "no {words:?} in {printed}");
    }
    assert_eq!(work.snapshot(""), before);
    work.ok(&["run-all"]);
    assert!(work.ok(&["check"]).contains("mobile_events_compressed 21"));
}

fn invalid_view_is_found_before_any_stage_runs(warehouse: Warehouse) {
    let work = warehouse.mini();
    work.copy_shipped_views();
    // before and after the first load
    for loaded in [false, true] {
        for (sql, words) in [
            ("SELECT hour,\n  nope\nFROM mobile_events_compressed\n", ["line 2", "nope"]),
            ("SELEC 1 AS x\n", ["line 1", "SELEC"]),
            ("SELECT cell_id - date AS x FROM mobile_events_compressed\n", ["broken", "line 1"]),
            ("-- order: y\nSELECT 1 AS x\n", ["order", "y"]),
            ("DELETE FROM lau\n", ["broken", "views"]),
            ("SELECT * FROM broken\n", ["broken", "itself"]),
        ] {
            work.write("views/broken.sql", sql);
            let before = work.snapshot("processed");
            work.fails(&["run-all", "--force"], 1, &[&["broken.sql"], &words[..]].concat());
            assert_eq!(work.snapshot("processed"), before, "{sql}");
            let checked = work.run(&["check"]);
            assert_eq!(checked.status, 1, "{}", checked.stdout);
            let line = checked.stdout.lines().find(|l| l.starts_with("WRONG")).unwrap();
            assert!(line.contains("views") && line.contains("broken.sql"), "{line}");
            assert!(checked.stderr.contains("1 problem found"), "{}", checked.stderr);
        }
        if !loaded {
            // a view over views is valid
            work.write("views/broken.sql", "SELECT * FROM unique_locations_per_user_per_day");
            work.ok(&["check"]);
            work.ok(&["run-all"]);
        }
    }
}

test_on_each_warehouse!(invalid_view_is_found_before_any_stage_runs);

#[test]
fn one_error_is_counted_once() {
    let work = Workspace::mini();
    work.copy_shipped_views();
    work.write("views/again.sql", "-- view: agg_events_per_hour\nSELECT 1 AS x\n");
    work.fails(&["check"], 1, &["1 problem found"]);
}

#[test]
fn check_says_the_shares_of_events_and_cells_that_find_a_place() {
    let printed = Workspace::mini().ok(&["check"]);
    for words in [
        "26 rows of 2 files sampled",
        "of 26 (",
        "sampled events have a cell of the cell plan",
        "of 10 (",
        "in a LAU",
    ] {
        assert!(printed.contains(words), "no {words:?} in {printed}");
    }
}

#[test]
fn a_cell_plan_without_any_cell_of_the_events_is_found() {
    let work = Workspace::mini();
    work.remove("raw/cells");
    work.write("raw/cells/plan.csv", "cell_id,site,latitude,longitude\nA1,100,59.13,9.9\n");
    let checked = work.run(&["check"]);
    assert_eq!(checked.status, 1, "{}", checked.stdout);
    let line = checked.stdout.lines().find(|l| l.starts_with("WRONG  events")).unwrap();
    for words in ["0 of 26 (0 %)", "\"A1\"", "columns.plan_cell_id"] {
        assert!(line.contains(words), "no {words:?} in {line}");
    }
    work.config("[columns]\nplan_cell_id = \"site\"\n");
    let printed = work.ok(&["check"]);
    let line = printed.lines().find(|l| l.starts_with("warn   events")).unwrap();
    assert!(line.contains("sampled events have a cell of the cell plan, for example"), "{line}");
    // and no share twice
    assert_eq!(line.matches("have a cell of the cell plan").count(), 1, "{line}");
    assert_eq!(line.matches("in a LAU").count(), 1, "{line}");
    // the right cells, but of other dates
    work.write(
        "raw/cells/plan.csv",
        "cell_id,latitude,longitude,valid_date_end\n100,59.13,9.9,2023-12-31\n",
    );
    work.config("");
    let checked = work.run(&["check"]);
    assert!(checked.stdout.contains("none on their dates"), "{}", checked.stdout);
}

/// A workspace whose cell plan is replaced by CSV lines.
fn with_plan(lines: &str) -> Workspace {
    let work = Workspace::mini();
    work.remove("raw/cells");
    work.write("raw/cells/plan.csv", format!("cell_id,latitude,longitude\n{lines}"));
    work
}

#[test]
fn skipped_rows_of_the_cell_plan_are_a_warning() {
    let work = with_plan("100,59.13,9.9\n2,,10.1\n3,99,10\n");
    let printed = work.ok(&["check"]);
    let line = printed.lines().find(|l| l.starts_with("warn   cell plan")).unwrap();
    for words in ["1 cell in 1 version;", "1 row of the cell plan rejected", "plan.csv, row 2"] {
        assert!(line.contains(words), "no {words:?} in {printed}");
    }
    work.config("strict = true\n");
    assert!(work.run(&["check"]).stdout.contains("WRONG  cell plan"));
    // a cell plan of another country is valid but hardly intended
    let printed = with_plan("100,45,9.9\n").ok(&["check"]);
    assert!(
        printed.contains("warn   cell plan") && printed.contains("no cell lies in a LAU"),
        "{printed}"
    );
}

#[test]
fn check_rejects_a_cell_plan_that_geojoin_rejects() {
    for (lines, words) in
        [("1,9.9,59.13\n2,10.1,59.13\n", "swapped"), ("1,123,10\n2,-91,10\n", "none of 2 rows")]
    {
        let work = with_plan(lines);
        work.fails(&["geojoin"], 1, &[words]);
        let checked = work.run(&["check"]);
        assert_eq!(checked.status, 1, "{}", checked.stdout);
        let line = checked.stdout.lines().find(|l| l.starts_with("WRONG  cell plan"));
        assert!(line.is_some_and(|l| l.contains(words)), "{}", checked.stdout);
    }
}

#[test]
fn check_explains_on_demand_what_the_numbers_of_views_count() {
    let work = Workspace::mini();
    work.copy_shipped_views();
    let sql = "SELECT date, COUNT(*) AS n FROM agg_cell_count_per_user_per_day GROUP BY date";
    work.write("views/own.sql", sql);
    let explained = work.ok(&["check", "--publication"]);
    for words in [
        "\nusers-per-day\n  counts user_count\n  keys date; rows exist only where there are devices\n",
        "\n  user_count seen in users_per_week.user_count by week(date) as week\n",
        "\nown\n  cannot be published: the header does not say what it counts; write `-- counts:` with",
        "\nuser-cell-dates\n  cannot be published: its rows belong to single users: ",
    ] {
        assert!(explained.contains(words), "no {words:?} in {explained}");
    }
    let checked = work.ok(&["check"]);
    assert!(explained.starts_with(&checked) && !checked.contains("published"), "{checked}");
}
