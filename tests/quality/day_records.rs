//! Day records as `compress` writes them, and the figures that follow from them, worked out by hand.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use mobility::checks::Code;
use mobility::datasets::day_record::{DayRecord, FileRecord};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::harness::Workspace;

/// A file: path, date of its folder, rows, bytes, and codes.
pub type File<'a> = (&'a str, Option<&'a str>, u64, u64, &'a [(Code, u64)]);

/// Writes the record of a date and its users from kept events: (user, cell, hour, count).
pub fn write_day(
    work: &Workspace,
    date: &str,
    files: &[File],
    events: &[(&str, &str, u32, u64)],
    change: impl Fn(&mut DayRecord),
) {
    let day: NaiveDate = date.parse().unwrap();
    let mut hours = BTreeMap::new();
    let mut cells = BTreeMap::new();
    let mut users: BTreeMap<&str, (u64, BTreeSet<u32>)> = BTreeMap::new();
    for (user, cell, hour, count) in events {
        *hours.entry(day.and_hms_opt(*hour, 0, 0).unwrap()).or_default() += count;
        *cells.entry((*cell).to_owned()).or_default() += count;
        let seen = users.entry(user).or_default();
        seen.0 += count;
        seen.1.insert(*hour);
    }
    let mut users_by_hours = BTreeMap::new();
    let mut users_by_events = BTreeMap::new();
    for (count, hours) in users.values() {
        *users_by_hours.entry(hours.len() as u32).or_default() += 1;
        *users_by_events.entry(*count).or_default() += 1;
    }
    let files = files.iter().map(|(path, folder, rows, bytes, codes)| FileRecord {
        path: (*path).to_owned(),
        folder_date: folder.map(|f| f.parse().unwrap()),
        rows: *rows,
        bytes: *bytes,
        codes: codes.iter().copied().collect(),
    });
    let mut record = DayRecord {
        date: day,
        fingerprint: format!("made for {date}"),
        users_key: None,
        provisional: false,
        files: files.collect(),
        clock_hours: 24,
        hours,
        users_by_hours,
        users_by_events,
        cells,
        rows_out: 5,
        bytes_out: 250,
    };
    change(&mut record);
    let name = |ending: &str| format!("processed/days/{date}.{ending}");
    work.write(&name("json"), serde_json::to_string(&record).unwrap());
    let mut digests: Vec<[u8; 16]> = users
        .keys()
        .map(|user| Sha256::digest(user.as_bytes())[..16].try_into().unwrap())
        .collect();
    digests.sort_unstable();
    work.write(&name("users"), digests.concat());
}

/// Writes records of three dates beside the mini cell plan: one date with gaps and errors, one in
/// order with a late file, and a provisional one.
pub fn three_dates(work: &Workspace) {
    work.ok(&["compress", "--quiet"]);
    work.ok(&["geojoin", "--quiet"]);
    work.remove("processed/days");
    write_day(
        work,
        "2024-10-01",
        &[(
            "day=1/a.parquet",
            Some("2024-10-01"),
            10,
            1_000,
            &[(Code::Duplicate, 2), (Code::UnknownCell, 1)],
        )],
        &[
            ("a", "100", 8, 3),
            ("a", "200", 9, 1),
            ("b", "500", 8, 1),
            ("c", "700", 10, 2),
            ("c", "999", 11, 1),
        ],
        |_| {},
    );
    let mut events: Vec<_> = (0..24).map(|hour| ("a", "600", hour, 1)).collect();
    events.push(("d", "100", 0, 1));
    write_day(
        work,
        "2024-10-02",
        &[
            ("day=2/a.parquet", Some("2024-10-02"), 20, 800, &[]),
            ("day=1/b.parquet", Some("2024-10-01"), 6, 200, &[(Code::CellMissing, 1)]),
        ],
        &events,
        |_| {},
    );
    write_day(
        work,
        "2024-10-03",
        &[("day=3/a.parquet", Some("2024-10-03"), 1, 10, &[(Code::PingPong, 1)])],
        &[("b", "800", 5, 1)],
        |record| {
            record.provisional = true;
            (record.rows_out, record.bytes_out) = (0, 0);
        },
    );
    let undated = json!([{ "path": "flat.parquet", "folder_date": null, "rows": 2, "bytes": 20,
        "codes": { "time_missing": 2 } }]);
    work.write("processed/days/undated.json", undated.to_string());
}

/// The expected table `quality_daily` of the three dates, worked out by hand.
pub const DAILY: &str = "\
date,provisional,rows_in,rows_kept,rows_rejected,rows_unplaced,rows_flagged,files_expected,files_read,files_late,users,new_users,users_1_hour,users_8_hours,users_20_hours,events_per_user_p50,events_per_user_p95,events_per_user_p99,events_per_user_max,events_per_hour_min,events_per_hour_mean,events_per_hour_max,empty_hours,cells_planned,cells_active,cells_silent,cells_unplanned,events_within,events_boundary,events_nearest,events_outside,events_unmapped,laus_without_cells,laus_without_users,bytes_in,bytes_out,rows_out,compression_ratio,compression_ratio_rows,warnings,criticals,returning_share,stay_share,move_share,pass_share,unknown_share,returning_trips_share
2024-10-01,false,10,8,2,1,0,,1,0,3,,3,0,0,3,4,4,4,0,0.333333,4,20,8,4,4,1,4,1,0,2,3,1,2,1000,250,5,4,1.6,0,2,,,,,,
2024-10-02,false,26,25,1,0,0,1,2,1,2,1,2,1,1,1,24,24,24,1,1.041667,2,0,8,2,6,0,25,0,0,0,0,1,2,1000,250,5,4,5,0,0,,,,,,
2024-10-03,true,1,1,0,0,1,1,1,0,1,0,1,0,0,1,1,1,1,0,0.041667,1,23,9,1,8,0,1,0,0,0,0,0,3,10,0,0,,,0,0,,,,,,
";

/// The expected table `quality_codes` of the three dates and of rows without a date.
pub const CODES: &str = "\
date,file,code,disposition,rows,percent,late
,flat.parquet,time_missing,rejected,2,100,false
2024-10-01,day=1/a.parquet,duplicate,rejected,2,20,false
2024-10-01,day=1/a.parquet,ok,kept,7,70,false
2024-10-01,day=1/a.parquet,unknown_cell,unplaced,1,10,false
2024-10-02,day=1/b.parquet,cell_missing,rejected,1,16.666667,true
2024-10-02,day=1/b.parquet,ok,kept,5,83.333333,true
2024-10-02,day=2/a.parquet,ok,kept,20,100,false
2024-10-03,day=3/a.parquet,ping_pong,flagged,1,100,false
";
