//! The checks of the definitions, and one rule a device, with rows worked out by hand.

use serde_json::json;

use super::reference::{SHARES, tables};
use crate::harness::{Warehouse, test_on_each_warehouse};
use crate::insights::world::{World, rows};

/// Sites a, b and c in units of their own; c is 2,003.9 m from a, and near is 222 m from it. There are six sites
/// nearer to a than far, which is 36 km away and outside all units.
pub fn world() -> World {
    let mut world = World::default();
    world.unit("EE_A", "Aa", 24.00, None);
    world.unit("EE_B", "Bee", 24.02, None);
    world.unit("EE_C", "Cee", 24.04, None);
    world.cell("a", 59.01, 24.01);
    world.cell("near", 59.012, 24.01);
    world.cell("b", 59.01, 24.03);
    world.cell("c", 59.01, 24.045);
    world.cell("n1", 59.02, 24.01);
    world.cell("n2", 59.03, 24.01);
    world.cell("n3", 59.04, 24.01);
    world.cell("n4", 59.05, 24.01);
    world.cell("far", 59.3, 24.3);
    for (user, cell, at) in [
        // two events 70 minutes apart are one stay
        ("hours", "a", "2024-10-01 08:10:00"),
        ("hours", "a", "2024-10-01 09:20:00"),
        // from stay to stay
        ("trip", "a", "2024-10-01 07:00:00"),
        ("trip", "a", "2024-10-01 08:00:00"),
        ("trip", "c", "2024-10-01 08:40:00"),
        ("trip", "c", "2024-10-01 09:30:00"),
        // handed to c and back
        ("flicker", "a", "2024-10-01 12:00:00"),
        ("flicker", "a", "2024-10-01 12:05:00"),
        ("flicker", "c", "2024-10-01 12:07:00"),
        ("flicker", "a", "2024-10-01 12:09:00"),
        ("flicker", "a", "2024-10-01 12:20:00"),
        // away for a second too long
        ("long_flicker", "a", "2024-10-01 12:00:00"),
        ("long_flicker", "c", "2024-10-01 12:01:00"),
        ("long_flicker", "a", "2024-10-01 12:31:01"),
        // away too far
        ("far_flicker", "a", "2024-10-01 12:00:00"),
        ("far_flicker", "far", "2024-10-01 12:10:00"),
        ("far_flicker", "a", "2024-10-01 12:20:00"),
        // a gap of 8 hours from 23:00 on, and one that begins before
        ("night", "a", "2024-10-01 23:00:00"),
        ("night", "a", "2024-10-02 07:00:00"),
        ("early", "a", "2024-10-01 22:59:59"),
        ("early", "a", "2024-10-02 06:59:59"),
        // the same day of two years
        ("years", "a", "2023-10-01 12:00:00"),
        ("years", "a", "2024-10-01 12:00:00"),
        // a date without events in between
        ("edge", "a", "2024-10-01 23:50:00"),
        ("edge", "a", "2024-10-03 00:10:00"),
        // a pad on a date without events makes 20 minutes of 15
        ("pad", "a", "2024-10-02 00:02:00"),
        ("pad", "a", "2024-10-02 00:12:00"),
        // the second stay is too near for a trip
        ("walk", "a", "2024-10-02 07:00:00"),
        ("walk", "a", "2024-10-02 08:00:00"),
        ("walk", "near", "2024-10-02 08:10:00"),
        ("walk", "near", "2024-10-02 08:30:00"),
        ("walk", "c", "2024-10-02 09:10:00"),
        ("walk", "c", "2024-10-02 09:30:00"),
        // a second too long for a move
        ("gap", "a", "2024-10-02 07:00:00"),
        ("gap", "a", "2024-10-02 08:00:00"),
        ("gap", "c", "2024-10-02 10:00:01"),
        ("gap", "c", "2024-10-02 11:00:00"),
        // over midnight
        ("late", "a", "2024-10-01 23:00:00"),
        ("late", "a", "2024-10-01 23:40:00"),
        ("late", "far", "2024-10-02 00:30:00"),
        ("late", "far", "2024-10-02 01:10:00"),
    ] {
        world.seen(user, cell, at);
    }
    world
}

/// Without ids of sites, by device in alphabetical order.
const SEGMENTS: &str = "\
early,2024-10-01 00:00:00,2024-10-01 22:54:59,82499,unknown,,0,false
early,2024-10-01 22:54:59,2024-10-01 23:04:59,600,pass,EE_A,1,false
early,2024-10-01 23:04:59,2024-10-02 00:00:00,3301,unknown,,0,false
early,2024-10-02 00:00:00,2024-10-02 06:54:59,24899,unknown,,0,true
early,2024-10-02 06:54:59,2024-10-02 07:04:59,600,pass,EE_A,1,false
early,2024-10-02 07:04:59,2024-10-03 00:00:00,60901,unknown,,0,false
edge,2024-10-01 00:00:00,2024-10-01 23:45:00,85500,unknown,,0,false
edge,2024-10-01 23:45:00,2024-10-01 23:55:00,600,pass,EE_A,1,false
edge,2024-10-01 23:55:00,2024-10-02 00:00:00,300,unknown,,0,false
edge,2024-10-03 00:00:00,2024-10-03 00:05:00,300,unknown,,0,false
edge,2024-10-03 00:05:00,2024-10-03 00:15:00,600,pass,EE_A,1,false
edge,2024-10-03 00:15:00,2024-10-04 00:00:00,85500,unknown,,0,false
far_flicker,2024-10-01 00:00:00,2024-10-01 11:55:00,42900,unknown,,0,false
far_flicker,2024-10-01 11:55:00,2024-10-01 12:00:00,300,pass,EE_A,1,false
far_flicker,2024-10-01 12:00:00,2024-10-01 12:10:00,600,move,,0,false
far_flicker,2024-10-01 12:10:00,2024-10-01 12:10:00,0,pass,,1,false
far_flicker,2024-10-01 12:10:00,2024-10-01 12:20:00,600,move,,0,false
far_flicker,2024-10-01 12:20:00,2024-10-01 12:25:00,300,pass,EE_A,1,false
far_flicker,2024-10-01 12:25:00,2024-10-02 00:00:00,41700,unknown,,0,false
flicker,2024-10-01 00:00:00,2024-10-01 11:55:00,42900,unknown,,0,false
flicker,2024-10-01 11:55:00,2024-10-01 12:25:00,1800,stay,EE_A,5,false
flicker,2024-10-01 12:25:00,2024-10-02 00:00:00,41700,unknown,,0,false
gap,2024-10-02 00:00:00,2024-10-02 06:55:00,24900,unknown,,0,false
gap,2024-10-02 06:55:00,2024-10-02 08:05:00,4200,stay,EE_A,2,false
gap,2024-10-02 08:05:00,2024-10-02 09:55:01,6601,unknown,,0,false
gap,2024-10-02 09:55:01,2024-10-02 11:05:00,4199,stay,EE_C,2,false
gap,2024-10-02 11:05:00,2024-10-03 00:00:00,46500,unknown,,0,false
hours,2024-10-01 00:00:00,2024-10-01 08:05:00,29100,unknown,,0,false
hours,2024-10-01 08:05:00,2024-10-01 09:25:00,4800,stay,EE_A,2,false
hours,2024-10-01 09:25:00,2024-10-02 00:00:00,52500,unknown,,0,false
late,2024-10-01 00:00:00,2024-10-01 22:55:00,82500,unknown,,0,false
late,2024-10-01 22:55:00,2024-10-01 23:40:00,2700,stay,EE_A,2,false
late,2024-10-01 23:40:00,2024-10-02 00:00:00,1200,move,,0,false
late,2024-10-02 00:00:00,2024-10-02 00:30:00,1800,move,,0,true
late,2024-10-02 00:30:00,2024-10-02 01:15:00,2700,stay,,2,false
late,2024-10-02 01:15:00,2024-10-03 00:00:00,81900,unknown,,0,false
long_flicker,2024-10-01 00:00:00,2024-10-01 11:55:00,42900,unknown,,0,false
long_flicker,2024-10-01 11:55:00,2024-10-01 12:00:00,300,pass,EE_A,1,false
long_flicker,2024-10-01 12:00:00,2024-10-01 12:01:00,60,move,,0,false
long_flicker,2024-10-01 12:01:00,2024-10-01 12:01:00,0,pass,EE_C,1,false
long_flicker,2024-10-01 12:01:00,2024-10-01 12:31:01,1801,move,,0,false
long_flicker,2024-10-01 12:31:01,2024-10-01 12:36:01,300,pass,EE_A,1,false
long_flicker,2024-10-01 12:36:01,2024-10-02 00:00:00,41039,unknown,,0,false
night,2024-10-01 00:00:00,2024-10-01 22:55:00,82500,unknown,,0,false
night,2024-10-01 22:55:00,2024-10-02 00:00:00,3900,stay,EE_A,1,false
night,2024-10-02 00:00:00,2024-10-02 07:05:00,25500,stay,EE_A,1,true
night,2024-10-02 07:05:00,2024-10-03 00:00:00,60900,unknown,,0,false
pad,2024-10-02 00:00:00,2024-10-02 00:17:00,1020,stay,EE_A,2,false
pad,2024-10-02 00:17:00,2024-10-03 00:00:00,85380,unknown,,0,false
trip,2024-10-01 00:00:00,2024-10-01 06:55:00,24900,unknown,,0,false
trip,2024-10-01 06:55:00,2024-10-01 08:00:00,3900,stay,EE_A,2,false
trip,2024-10-01 08:00:00,2024-10-01 08:40:00,2400,move,,0,false
trip,2024-10-01 08:40:00,2024-10-01 09:35:00,3300,stay,EE_C,2,false
trip,2024-10-01 09:35:00,2024-10-02 00:00:00,51900,unknown,,0,false
walk,2024-10-02 00:00:00,2024-10-02 06:55:00,24900,unknown,,0,false
walk,2024-10-02 06:55:00,2024-10-02 08:00:00,3900,stay,EE_A,2,false
walk,2024-10-02 08:00:00,2024-10-02 08:10:00,600,move,,0,false
walk,2024-10-02 08:10:00,2024-10-02 08:30:00,1200,stay,EE_A,2,false
walk,2024-10-02 08:30:00,2024-10-02 09:10:00,2400,move,,0,false
walk,2024-10-02 09:10:00,2024-10-02 09:35:00,1500,stay,EE_C,2,false
walk,2024-10-02 09:35:00,2024-10-03 00:00:00,51900,unknown,,0,false
years,2023-10-01 00:00:00,2023-10-01 11:55:00,42900,unknown,,0,false
years,2023-10-01 11:55:00,2023-10-01 12:05:00,600,pass,EE_A,1,false
years,2023-10-01 12:05:00,2023-10-02 00:00:00,42900,unknown,,0,false
years,2024-10-01 00:00:00,2024-10-01 11:55:00,42900,unknown,,0,false
years,2024-10-01 11:55:00,2024-10-01 12:05:00,600,pass,EE_A,1,false
years,2024-10-01 12:05:00,2024-10-02 00:00:00,42900,unknown,,0,false
";

const TRIPS: &str = "user_id,date,departed,arrived,seconds,from_site_id,to_site_id,from_lau_id,to_lau_id,distance_m
late,2024-10-01,2024-10-01 23:40:00,2024-10-02 00:30:00,3000,\"59.01000,24.01000\",\"59.30000,24.30000\",EE_A,,36237.9
trip,2024-10-01,2024-10-01 08:00:00,2024-10-01 08:40:00,2400,\"59.01000,24.01000\",\"59.01000,24.04500\",EE_A,EE_C,2003.9
walk,2024-10-02,2024-10-02 08:30:00,2024-10-02 09:10:00,2400,\"59.01200,24.01000\",\"59.01000,24.04500\",EE_A,EE_C,2016.1
";

const TRIPS_OD: &str = "date,hour,from_lau_id,to_lau_id,trips,devices,mean_distance_m,mean_minutes
2024-10-01,2024-10-01 08:00:00,EE_A,EE_C,1,1,2003.9,40
2024-10-01,2024-10-01 23:00:00,EE_A,,1,1,36237.9,50
2024-10-02,2024-10-02 08:00:00,EE_A,EE_C,1,1,2016.1,40
";

const FLOW_BALANCE: &str = "date,lau_id,lau_name,inflow,outflow,net,within
2024-10-01,EE_A,Aa,0,2,-2,0
2024-10-01,EE_C,Cee,1,0,1,0
2024-10-01,,,1,0,1,0
2024-10-02,EE_A,Aa,0,1,-1,0
2024-10-02,EE_C,Cee,1,0,1,0
";

const TRIP_DISTANCES: &str = "date,distance_class,trips,devices
2024-10-01,10-50 km,1,1
2024-10-01,2-10 km,1,1
2024-10-02,2-10 km,1,1
";

const TRIPS_PER_DEVICE: &str = "date,home_lau_id,trips_class,devices
2023-10-01,,0,1
2024-10-01,,0,8
2024-10-01,,1,2
2024-10-02,,0,5
2024-10-02,,1,1
2024-10-03,,0,1
";

/// Of 2 October.
const DWELL: &str = "2024-10-02,EE_A,1-3 h,2,2.75
2024-10-02,EE_A,15-60 min,1,0.28
2024-10-02,EE_A,3-8 h,1,7.08
2024-10-02,EE_A,<15 min,1,0.17
2024-10-02,EE_C,1-3 h,1,1.17
2024-10-02,EE_C,15-60 min,1,0.42
";

/// Of ten devices on 1 October and six on the next date; a date has 86,400 s a device.
const QUALITY_SHARES: &str =
    "date,stay_share,move_share,pass_share,unknown_share,returning_trips_share
2023-10-01,0,0,0.0069,0.9931,
2024-10-01,0.0236,0.0077,0.0035,0.9652,0
2024-10-02,0.0853,0.0093,0.0012,0.9043,0
2024-10-03,0,0,0.0069,0.9931,
";

fn rows_worked_out_by_hand(warehouse: Warehouse) {
    let world = world();
    let work = world.load(warehouse, "");
    let columns = "user_id, started, ended, seconds, state, lau_id, events, continues";
    let sql = format!("SELECT {columns} FROM segments ORDER BY user_id, started, ended");
    assert_eq!(rows(&work, &sql), SEGMENTS);
    for (view, expected) in [
        ("trips", TRIPS),
        ("trips-od", TRIPS_OD),
        ("flow-balance", FLOW_BALANCE),
        ("trip-distances", TRIP_DISTANCES),
        ("trips-per-device", TRIPS_PER_DEVICE),
    ] {
        assert_eq!(work.ok(&["query", view, "--format", "csv"]), expected, "{view}");
    }
    assert_eq!(work.ok(&["query", "--sql", SHARES, "--format", "csv"]), QUALITY_SHARES);
    let dwell = work.ok(&["query", "dwell-per-lau", "--date", "2024-10-02", "--format", "csv"]);
    assert_eq!(dwell, format!("date,lau_id,dwell_class,devices,hours\n{DWELL}"));
}

test_on_each_warehouse!(rows_worked_out_by_hand);

/// What the program is compared with on random worlds has to find the same rows.
#[test]
#[ignore = "needs Python 3: run make test"]
fn reference_finds_the_rows_worked_out_by_hand() {
    let work = crate::harness::Workspace::mini();
    let world = world();
    world.write(&work);
    let found = tables(&work, &world, "user_id,date,home_lau_id\n", &json!({}));
    let table = |name: &str| &found.iter().find(|(found, _)| *found == name).unwrap().1;
    for (name, expected) in [
        ("trips", TRIPS),
        ("trips_od", TRIPS_OD),
        ("flow_balance", FLOW_BALANCE),
        ("trip_distances", TRIP_DISTANCES),
        ("trips_per_device", TRIPS_PER_DEVICE),
        ("quality_shares", QUALITY_SHARES),
    ] {
        assert_eq!(table(name), expected, "{name}");
    }
    let without_ids = |line: &str| {
        let (rest, site) = match line.split('"').collect::<Vec<_>>().as_slice() {
            [before, _, after] => (format!("{before}{after}"), true),
            _ => (line.to_owned(), false),
        };
        let mut fields: Vec<&str> = rest.split(',').collect();
        // the date, and the place of the id
        fields.remove(6);
        fields.remove(1);
        assert!(site || fields[5].is_empty(), "{line}");
        fields.join(",") + "\n"
    };
    let segments: String = table("segments").lines().skip(1).map(without_ids).collect();
    assert_eq!(segments, SEGMENTS);
}
