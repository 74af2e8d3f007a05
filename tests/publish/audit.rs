//! The audit from outside.

use arrow::array::{ArrayRef, BooleanArray, Date32Array, Int64Array, StringArray};
use sha2::{Digest, Sha256};

use super::world::{LAUS, of_one_date};
use crate::harness::{Workspace, array, write_parquet};

#[test]
fn release_of_the_program_gives_nothing_away() {
    let work = of_one_date([12, 40, 100]);
    work.ok(&["publish", "out"]);
    let audited = work.ok(&["publish", "--audit", "out", "--format", "json"]);
    let audited: serde_json::Value = serde_json::from_str(&audited).unwrap();
    assert_eq!(audited["faults"], serde_json::json!([]));
    // 152 without 100 are 52, of which each of two unknown numbers leaves one at least for the other
    let kind = &audited["kinds"][0];
    assert_eq!(kind["kind"], "by_lau.devices");
    assert_eq!(
        (&kind["numbers"], &kind["least"], &kind["greatest"]),
        (&2.into(), &1.0.into(), &51.0.into())
    );
}

/// Puts other numbers of a view into a release, and their sum into the manifest.
fn tamper(work: &Workspace, devices: [Option<i64>; 3]) {
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("date", array(Date32Array::from(vec![19_997; 3]))),
        ("lau_id", array(StringArray::from(LAUS.to_vec()))),
        ("devices", array(Int64Array::from(devices.to_vec()))),
        ("suppressed", array(BooleanArray::from(devices.map(|n| n.is_none()).to_vec()))),
    ];
    write_parquet(&work.path("out/by-lau.parquet"), columns, 100);
    let mut manifest: serde_json::Value =
        serde_json::from_str(&work.read("out/manifest.json")).unwrap();
    let sum = Sha256::digest(work.read_bytes("out/by-lau.parquet"));
    let sum: String = sum.iter().map(|byte| format!("{byte:02x}")).collect();
    manifest["files"]["by-lau.parquet"] = sum.into();
    work.write("out/manifest.json", manifest.to_string());
}

#[test]
fn number_that_follows_from_the_others_is_a_fault() {
    let work = of_one_date([12, 40, 100]);
    work.ok(&["publish", "out"]);
    tamper(&work, [None, Some(40), Some(100)]);
    work.fails(
        &["publish", "--audit", "out"],
        1,
        &["by_lau.devices of 2024-10-01, EE_A is 12", "do not hand the release over"],
    );
    // a number of 52 that follows is not about few devices
    tamper(&work, [Some(12), None, Some(88)]);
    work.ok(&["publish", "--audit", "out"]);
}

#[test]
fn number_that_follows_with_an_earlier_release_is_a_fault() {
    let work = of_one_date([12, 40, 100]);
    work.ok(&["publish", "earlier", "--view", "totals"]);
    work.ok(&["publish", "out", "--view", "by-lau"]);
    work.ok(&["publish", "--audit", "out", "--with", "earlier"]);
    // 152 devices, of which 140 are elsewhere
    tamper(&work, [None, Some(40), Some(100)]);
    work.ok(&["publish", "--audit", "out"]);
    work.fails(
        &["publish", "--audit", "out", "--with", "earlier"],
        1,
        &["by_lau.devices of 2024-10-01, EE_A is 12", "who has out and earlier"],
    );
    work.fails(&["publish", "--audit", "out", "--with", "raw"], 1, &["is raw a release?"]);
}

#[test]
fn count_that_has_changed_by_few_devices_is_a_fault() {
    let work = of_one_date([20, 40, 100]);
    work.ok(&["publish", "earlier", "--view", "by-lau"]);
    work.ok(&["publish", "out", "--view", "by-lau"]);
    work.ok(&["publish", "--audit", "out", "--with", "earlier"]);
    tamper(&work, [Some(20), Some(43), None]);
    work.fails(
        &["publish", "--audit", "out", "--with", "earlier"],
        1,
        &["by_lau.devices of 2024-10-01, EE_B has changed by 3 since the release in earlier"],
    );
    // by 16 devices, and by none
    tamper(&work, [Some(36), Some(40), None]);
    work.ok(&["publish", "--audit", "out", "--with", "earlier"]);
}

#[test]
fn changed_and_additional_files_are_reported() {
    let work = of_one_date([12, 40, 100]);
    work.ok(&["publish", "out"]);
    work.write("out/more.csv", "x");
    work.fails(&["publish", "--audit", "out"], 1, &["more.csv does not belong to the release"]);
    work.remove("out/more.csv");
    work.write("out/totals.csv", "date,devices,suppressed\n");
    work.fails(&["publish", "--audit", "out"], 1, &["totals.csv was changed after the release"]);
    work.fails(&["publish", "--audit", "raw"], 1, &["is raw a release?"]);
}

/// Puts a view that the test writes by hand into a release: its columns, and what the manifest says of it.
fn add_view(
    work: &Workspace,
    name: &str,
    columns: Vec<(&str, ArrayRef)>,
    mut of_view: serde_json::Value,
) {
    let file = format!("{name}.parquet");
    write_parquet(&work.path(&format!("out/{file}")), columns, 100);
    let sum = Sha256::digest(work.read_bytes(&format!("out/{file}")));
    let sum: String = sum.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut manifest: serde_json::Value =
        serde_json::from_str(&work.read("out/manifest.json")).unwrap();
    of_view["name"] = name.into();
    of_view["files"] = serde_json::json!([file]);
    for (key, value) in [("title", ""), ("description", "")] {
        of_view[key] = value.into();
    }
    manifest["files"][&file] = sum.into();
    manifest["views"][name] = of_view;
    work.write("out/manifest.json", manifest.to_string());
}

fn dates(rows: usize) -> (&'static str, ArrayRef) {
    ("date", array(Date32Array::from(vec![19_997; rows])))
}

fn texts(name: &'static str, values: &[&str]) -> (&'static str, ArrayRef) {
    (name, array(StringArray::from(values.to_vec())))
}

fn numbers(name: &'static str, values: &[Option<i64>]) -> (&'static str, ArrayRef) {
    (name, array(Int64Array::from(values.to_vec())))
}

/// A release of 50 devices, of which a view by area shows 30 in one and leaves two areas out. A view by place says what
/// was seen in one place of each area.
fn release_by_area_and_place(places: [Option<i64>; 3]) -> Workspace {
    let work = of_one_date([12, 40, 100]);
    work.ok(&["publish", "out", "--view", "totals"]);
    add_view(
        &work,
        "everybody",
        vec![dates(1), numbers("devices", &[Some(50)])],
        serde_json::json!({
            "keys": ["date"], "identity": ["date"], "every_key": false, "counts": ["devices"],
            "sums": [], "linked": [], "rows": 1
        }),
    );
    add_view(
        &work,
        "by_area",
        vec![dates(1), texts("area", &["p"]), numbers("devices", &[Some(30)])],
        serde_json::json!({
            "keys": ["date", "area"], "identity": ["date", "area"], "every_key": false,
            "counts": ["devices"], "sums": ["devices = everybody.devices by date"], "linked": [], "rows": 1
        }),
    );
    add_view(
        &work,
        "by_place",
        vec![dates(3), texts("area", &["p", "w", "z"]), numbers("devices", &places)],
        serde_json::json!({
            "keys": ["date", "area"], "identity": ["date", "area"], "every_key": true,
            "counts": ["devices"], "sums": [], "linked": ["devices in by_area.devices by date, area"], "rows": 3
        }),
    );
    work
}

#[test]
fn rows_that_are_left_out_link_the_views_beside_them() {
    // 20 devices are in the areas that were left out. 16 of them are in one, so that the other has 4 at most
    let work = release_by_area_and_place([Some(30), Some(16), None]);
    let fault =
        "by_area.devices of 2024-10-01, z is 1 to 4, as anybody can derive who has out, and 1 more";
    work.fails(&["publish", "--audit", "out"], 1, &[fault]);
    // without the 16 nothing is known
    let work = release_by_area_and_place([Some(30), None, None]);
    work.ok(&["publish", "--audit", "out"]);
}

#[test]
fn number_that_is_computed_from_a_withheld_one_is_a_fault() {
    let work = of_one_date([12, 40, 100]);
    work.ok(&["publish", "out"]);
    let add = |estimates: &[Option<i64>]| {
        add_view(
            &work,
            "estimates",
            vec![dates(3), texts("lau_id", &LAUS), numbers("estimate", estimates)],
            serde_json::json!({
                "keys": ["date", "lau_id"], "identity": ["date", "lau_id"], "every_key": true,
                "counts": ["estimate from by_lau.devices"], "sums": [], "linked": [], "rows": 3
            }),
        );
    };
    // 12 and 40 are withheld
    add(&[None, None, Some(300)]);
    work.ok(&["publish", "--audit", "out"]);
    add(&[None, Some(120), Some(300)]);
    work.fails(
        &["publish", "--audit", "out"],
        1,
        &["estimates.estimate of 2024-10-01, EE_B is shown, although a number is withheld from which it is computed"],
    );
}
