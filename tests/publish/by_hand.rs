//! Tables small enough to be worked out by hand.

use std::fs;

use super::world::{add_devices, configure, load, of_one_date, three_units};
use crate::harness::{Workspace, read_table};

fn released(work: &Workspace, name: &str) -> String {
    work.read(&format!("out/{name}.csv"))
}

#[test]
fn small_count_is_withheld_with_the_smallest_other_count() {
    let work = of_one_date([12, 40, 100]);
    work.ok(&["publish", "out"]);
    assert_eq!(
        released(&work, "by-lau"),
        "date,lau_id,devices,suppressed\n\
         2024-10-01,EE_A,,true\n2024-10-01,EE_B,,true\n2024-10-01,EE_C,100,false\n"
    );
    assert_eq!(released(&work, "totals"), "date,devices,suppressed\n2024-10-01,152,false\n");
    assert_eq!(
        work.read("out.gate_report.csv"),
        "date,view,cells,primary,secondary,value_lost_share\n\
         2024-10-01,by_lau,3,1,1,0.342105\n2024-10-01,totals,1,0,0,0.000000\n"
    );
    assert_eq!(
        work.read("out.reasons.csv"),
        "date,view,key,measure,reason\n\
         2024-10-01,by_lau,\"2024-10-01, EE_A\",devices,few_devices\n\
         2024-10-01,by_lau,\"2024-10-01, EE_B\",devices,secondary\n"
    );
    // the same rows in the other formats and in the store
    for file in ["out/by-lau.parquet", &table_of(&work, "by_lau", "2024-10-01")] {
        let rows = read_table(&work.path(file));
        let numbers = rows.column_by_name("devices").unwrap();
        assert_eq!((rows.num_rows(), numbers.null_count()), (3, 2), "{file}");
        assert_eq!(rows.schema().fields().last().unwrap().name(), "suppressed");
    }
    let map: serde_json::Value = serde_json::from_str(&work.read("out/by-lau.geojson")).unwrap();
    let numbers =
        map["features"].as_array().unwrap().iter().map(|f| f["properties"]["devices"].clone());
    assert_eq!(
        numbers.collect::<Vec<_>>(),
        [serde_json::Value::Null, serde_json::Value::Null, 100.into()]
    );
}

/// The file in the store with the rows of a view and a period.
fn table_of(work: &Workspace, view: &str, period: &str) -> String {
    let list: serde_json::Value =
        serde_json::from_str(&work.read("published/published.json")).unwrap();
    let name = list["views"][view]["files"][period].as_str().unwrap();
    format!("published/tables/{view}/{name}")
}

#[test]
fn two_tiny_counts_are_withheld_with_a_third() {
    let work = of_one_date([2, 1, 100]);
    work.ok(&["publish", "out"]);
    assert_eq!(
        released(&work, "by-lau"),
        "date,lau_id,devices,suppressed\n\
         2024-10-01,EE_A,,true\n2024-10-01,EE_B,,true\n2024-10-01,EE_C,,true\n"
    );
    assert_eq!(released(&work, "totals"), "date,devices,suppressed\n2024-10-01,103,false\n");
}

#[test]
fn zero_is_shown_unless_zeros_are_hidden() {
    let work = of_one_date([0, 40, 100]);
    work.ok(&["publish", "out"]);
    let rows =
        "date,lau_id,devices,suppressed\n2024-10-01,EE_A,0,false\n2024-10-01,EE_B,40,false\n";
    assert!(released(&work, "by-lau").starts_with(rows));
    let work = of_one_date([0, 40, 100]);
    configure(&work, "zeros = \"hide\"");
    work.ok(&["publish", "out"]);
    let rows = "date,lau_id,devices,suppressed\n2024-10-01,EE_A,,true\n2024-10-01,EE_B,,true\n";
    assert!(released(&work, "by-lau").starts_with(rows));
}

#[test]
fn date_without_enough_devices_has_no_row() {
    let mut world = three_units();
    add_devices(&mut world, "2024-10-01", [20, 40, 100]);
    add_devices(&mut world, "2024-10-02", [3, 4, 5]);
    let work = load(&world, "");
    work.ok(&["publish", "out", "--view", "totals"]);
    assert_eq!(released(&work, "totals"), "date,devices,suppressed\n2024-10-01,160,false\n");
    assert!(!work.path("out/by-lau.csv").exists());
}

#[test]
fn dates_are_released_one_after_the_other() {
    let mut world = three_units();
    add_devices(&mut world, "2024-10-01", [20, 40, 100]);
    add_devices(&mut world, "2024-10-02", [30, 50, 70]);
    let work = load(&world, "");
    for (date, rows) in [("2024-10-01", "160"), ("2024-10-02", "150")] {
        let folder = format!("out-{date}");
        work.ok(&["publish", &folder, "--date", date]);
        let expected = format!("date,devices,suppressed\n{date},{rows},false\n");
        assert_eq!(work.read(&format!("{folder}/totals.csv")), expected);
    }
    let list: serde_json::Value =
        serde_json::from_str(&work.ok(&["publish", "list", "--format", "json"])).unwrap();
    let dates = list.as_array().unwrap().iter().map(|release| release["first"].clone());
    assert_eq!(dates.collect::<Vec<_>>(), ["2024-10-01", "2024-10-02"]);
    let id = list[1]["id"].as_str().unwrap();
    let shown = work.ok(&["publish", "show", &id[..6]]);
    assert!(
        shown.contains(id) && shown.contains("by-lau") && shown.contains("2024-10-02"),
        "{shown}"
    );
    work.fails(&["publish", "show", "zz"], 2, &["there is no release zz"]);
    let periods: serde_json::Value =
        serde_json::from_str(&work.read("published/published.json")).unwrap();
    assert_eq!(periods["views"]["totals"]["files"].as_object().unwrap().len(), 2);
    work.fails(
        &["publish", "later", "--from", "2024-11-01"],
        2,
        &["from 2024-10-01 to 2024-10-02"],
    );
}

#[test]
fn dry_run_shows_figures_and_writes_nothing() {
    let work = of_one_date([12, 40, 100]);
    let before = fs::read_dir(work.path("")).unwrap().count();
    let text = work.ok(&["publish", "--dry-run", "--format", "json"]);
    let figures: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        figures[0],
        serde_json::json!({
            "view": "by_lau", "cells": 3, "primary": 1, "secondary": 1,
            "value_lost_share": 52.0 / 152.0
        })
    );
    assert_eq!(fs::read_dir(work.path("")).unwrap().count(), before);
}
