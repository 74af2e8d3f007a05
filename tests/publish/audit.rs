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
