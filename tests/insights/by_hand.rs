//! One rule a device, with rows worked out by hand.

use super::world::{World, rows};
use crate::harness::{Warehouse, test_on_each_warehouse};

/// Three units side by side, and the site P on the border of the first two.
fn three_units() -> World {
    let mut world = World::default();
    world.unit("EE_A", "Aa", 24.00, None);
    world.unit("EE_B", "Bee", 24.02, None);
    world.unit("EE_C", "Cee", 24.04, None);
    world.cell("a", 59.01, 24.01);
    world.cell("a_too", 59.01, 24.01);
    // 890 m from a, and 1,125 m from it
    world.cell("a_near", 59.018, 24.01);
    world.cell("a_far", 59.001, 24.001);
    world.cell("b", 59.01, 24.03);
    world.cell("c", 59.01, 24.05);
    world.cell("out", 59.3, 24.3);
    world.cell("p1_in_b", 59.015, 24.020_003);
    world.cell("p2_in_a", 59.015, 24.019_997);
    world
}

fn night_place_has_most_hours_then_time_then_events_then_the_lowest_site(warehouse: Warehouse) {
    let mut world = three_units();
    for (user, cell, at) in [
        ("border", "p1_in_b", "2024-10-01 22:10:00"),
        ("cells", "a", "2024-10-01 22:10:00"),
        ("cells", "a_too", "2024-10-01 23:10:00"),
        ("cells", "b", "2024-10-01 22:30:00"),
        ("cells", "b", "2024-10-01 22:50:00"),
        ("edges", "b", "2024-10-01 21:59:59"),
        ("edges", "a", "2024-10-01 22:00:00"),
        ("edges", "c", "2024-10-02 06:59:59"),
        ("edges", "b", "2024-10-02 07:00:00"),
        ("events", "a", "2024-10-01 22:10:00"),
        ("events", "a", "2024-10-01 22:20:00"),
        ("events", "b", "2024-10-01 23:10:00"),
        ("events", "b", "2024-10-01 23:15:00"),
        ("events", "b", "2024-10-01 23:20:00"),
        ("hours", "a", "2024-10-01 22:10:00"),
        ("hours", "a", "2024-10-01 23:10:00"),
        ("hours", "b", "2024-10-02 01:00:00"),
        ("hours", "b", "2024-10-02 01:50:00"),
        ("hours", "b", "2024-10-02 01:55:00"),
        // the evening before is not loaded
        ("morning", "b", "2024-10-01 03:00:00"),
        ("outside", "out", "2024-10-01 23:00:00"),
        ("site", "b", "2024-10-01 22:10:00"),
        ("site", "a", "2024-10-01 23:10:00"),
        ("time", "a", "2024-10-01 22:10:00"),
        ("time", "a", "2024-10-01 22:12:00"),
        ("time", "a", "2024-10-01 22:14:00"),
        ("time", "a", "2024-10-01 22:20:00"),
        ("time", "b", "2024-10-01 23:00:00"),
        ("time", "b", "2024-10-01 23:15:00"),
        ("two_places", "b", "2024-10-01 22:10:00"),
        ("two_places", "a", "2024-10-01 22:40:00"),
        ("two_places", "c", "2024-10-01 22:40:00"),
        ("two_places", "b", "2024-10-01 22:20:00"),
        ("two_places", "a", "2024-10-01 22:25:00"),
        ("two_places", "a", "2024-10-01 22:30:00"),
    ] {
        world.seen(user, cell, at);
    }
    let work = world.load(warehouse, "");
    let expected = "user_id,night,site_id,lau_id,hours,observed_hours\n\
        border,2024-10-01,\"59.01500,24.02000\",EE_A,1,1\n\
        cells,2024-10-01,\"59.01000,24.01000\",EE_A,2,2\n\
        edges,2024-10-01,\"59.01000,24.01000\",EE_A,1,2\n\
        events,2024-10-01,\"59.01000,24.03000\",EE_B,1,2\n\
        hours,2024-10-01,\"59.01000,24.01000\",EE_A,2,3\n\
        morning,2024-09-30,\"59.01000,24.03000\",EE_B,1,1\n\
        outside,2024-10-01,\"59.30000,24.30000\",,1,1\n\
        site,2024-10-01,\"59.01000,24.01000\",EE_A,1,2\n\
        time,2024-10-01,\"59.01000,24.03000\",EE_B,1,2\n\
        two_places,2024-10-01,\"59.01000,24.03000\",EE_B,1,1\n";
    assert_eq!(work.ok(&["query", "night-places", "--format", "csv"]), expected);
}

test_on_each_warehouse!(night_place_has_most_hours_then_time_then_events_then_the_lowest_site);

/// Devices with nights in October 2024, named after the rule.
fn add_nights(world: &mut World) {
    world.seen_daily("home", "a", "2024-10-01 23:00:00", 10);
    world.seen_daily("nine", "a", "2024-10-01 23:00:00", 9);
    world.seen_daily("half", "b", "2024-10-01 23:00:00", 5);
    world.seen_daily("half", "a", "2024-10-06 23:00:00", 5);
    world.seen_daily("less", "a", "2024-10-01 23:00:00", 4);
    world.seen_daily("less", "b", "2024-10-05 23:00:00", 3);
    world.seen_daily("less", "c", "2024-10-08 23:00:00", 3);
    world.seen_daily("nights_outside", "a", "2024-10-01 23:00:00", 4);
    world.seen_daily("nights_outside", "out", "2024-10-05 23:00:00", 10);
    world.seen_daily("only_outside", "out", "2024-10-01 23:00:00", 12);
    world.seen_daily("sites", "a_near", "2024-10-01 23:00:00", 5);
    world.seen_daily("sites", "a", "2024-10-06 23:00:00", 5);
}

/// Devices with their home at `a` that are seen at work from 1 to 14 October 2024: 10 workdays, of which
/// the 3rd is a holiday.
fn add_workers(world: &mut World) {
    let mut works = |user: &str, cell: &str, hours: &[&str], (first, days): (u64, u64)| {
        for hour in hours {
            world.seen_daily(user, cell, &format!("2024-10-{first:02} {hour}:30:00"), days);
        }
    };
    let fortnight = (1, 14);
    works("w_plain", "b", &["09", "10"], fortnight);
    works("w_near", "a_near", &["09", "10"], fortnight);
    works("w_own_lau", "a_far", &["09", "10"], fortnight);
    works("w_outside", "out", &["15", "16"], fortnight);
    works("w_one_hour", "b", &["09"], fortnight);
    works("w_edges", "b", &["08", "16", "17"], fortnight);
    works("w_few", "b", &["09", "10"], (4, 11));
    works("w_third", "c", &["09"], fortnight);
    works("w_third", "b", &["10", "11"], (7, 3));
    works("w_below", "c", &["09"], fortnight);
    works("w_below", "b", &["10", "11"], (7, 2));
    works("w_hours", "b", &["09", "10"], fortnight);
    works("w_hours", "c", &["11", "12", "13"], fortnight);
    works("w_site", "c", &["09", "10"], fortnight);
    works("w_site", "b", &["11", "12"], fortnight);
    for user in ["w_night_in_july", "w_night_in_august"] {
        works(user, "c", &["09", "10"], fortnight);
        works(user, "b", &["11", "12"], fortnight);
    }
    for user in [
        "w_plain",
        "w_near",
        "w_own_lau",
        "w_outside",
        "w_one_hour",
        "w_edges",
        "w_few",
        "w_third",
        "w_below",
        "w_hours",
        "w_site",
        "w_night_in_july",
        "w_night_in_august",
    ] {
        world.seen_daily(user, "a", "2024-10-01 23:00:00", 12);
    }
    world.seen("w_night_in_july", "b", "2024-07-31 23:00:00");
    world.seen("w_night_in_august", "b", "2024-08-01 23:00:00");
}

fn homes_and_work_places_follow_the_rules(warehouse: Warehouse) {
    let mut world = three_units();
    add_nights(&mut world);
    add_workers(&mut world);
    let work = world.load(warehouse, "[calendar]\nholidays = [\"2024-10-03\"]\n");
    let of_october = |condition: &str| {
        let sql = format!(
            "SELECT user_id, kind, site_id, lau_id, observed, here, share FROM anchors \
             WHERE window_start = DATE '2024-10-01' AND {condition} ORDER BY user_id, kind"
        );
        rows(&work, &sql)
    };
    let nights = "half,home,\"59.01000,24.01000\",EE_A,10,5,0.5\n\
        home,home,\"59.01000,24.01000\",EE_A,10,10,1\n\
        less,night_location,\"59.01000,24.01000\",EE_A,10,4,0.4\n\
        nights_outside,night_location,\"59.01000,24.01000\",EE_A,4,4,1\n\
        nine,night_location,\"59.01000,24.01000\",EE_A,9,9,1\n\
        sites,home,\"59.01000,24.01000\",EE_A,10,10,1\n";
    assert_eq!(of_october("SUBSTR(user_id, 1, 2) <> 'w_'"), nights);
    let works = "w_hours,work,\"59.01000,24.05000\",EE_C,9,9,1\n\
        w_night_in_august,work,\"59.01000,24.05000\",EE_C,9,9,1\n\
        w_night_in_july,work,\"59.01000,24.03000\",EE_B,9,9,1\n\
        w_outside,work,\"59.30000,24.30000\",,9,9,1\n\
        w_own_lau,work,\"59.00100,24.00100\",EE_A,9,9,1\n\
        w_plain,work,\"59.01000,24.03000\",EE_B,9,9,1\n\
        w_site,work,\"59.01000,24.03000\",EE_B,9,9,1\n\
        w_third,work,\"59.01000,24.03000\",EE_B,9,3,0.3333\n";
    assert_eq!(of_october("kind = 'work'"), works);
    let commuters = "window_start,home_lau_id,work_lau_id,devices,complete\n\
        2024-10-01,EE_A,EE_A,1,false\n\
        2024-10-01,EE_A,EE_B,4,false\n\
        2024-10-01,EE_A,EE_C,2,false\n\
        2024-10-01,EE_A,,1,false\n";
    assert_eq!(work.ok(&["query", "commuters", "--format", "csv"]), commuters);
    let residents = "window_start,lau_id,lau_name,residents,workers,complete\n\
        2024-07-01,EE_A,Aa,0,0,false\n\
        2024-07-01,EE_B,Bee,0,0,false\n\
        2024-07-01,EE_C,Cee,0,0,false\n\
        2024-08-01,EE_A,Aa,0,0,false\n\
        2024-08-01,EE_B,Bee,0,0,false\n\
        2024-08-01,EE_C,Cee,0,0,false\n\
        2024-10-01,EE_A,Aa,16,1,false\n\
        2024-10-01,EE_B,Bee,0,4,false\n\
        2024-10-01,EE_C,Cee,0,2,false\n";
    assert_eq!(work.ok(&["query", "residents-per-lau", "--format", "csv"]), residents);
}

test_on_each_warehouse!(homes_and_work_places_follow_the_rules);

fn device_is_at_the_event_nearest_to_the_full_hour(warehouse: Warehouse) {
    let mut world = three_units();
    for (user, cell, at) in [
        ("later", "a", "2024-10-02 09:20:00"),
        ("later", "b", "2024-10-02 10:30:00"),
        ("equal", "a", "2024-10-02 09:30:00"),
        ("equal", "b", "2024-10-02 10:30:00"),
        // one place on both sides of the border
        ("border", "p2_in_a", "2024-10-02 12:10:00"),
        ("border", "p1_in_b", "2024-10-02 12:10:00"),
        ("exactly", "c", "2024-10-02 14:00:00"),
        ("outside", "out", "2024-10-02 16:50:00"),
        ("outside", "a", "2024-10-02 17:20:00"),
        ("midnight", "a", "2024-10-02 23:30:00"),
        ("next", "b", "2024-10-03 00:00:00"),
        // 4 October has no events, and therefore no hours
        ("last", "a", "2024-10-03 23:50:00"),
    ] {
        world.seen(user, cell, at);
    }
    let work = world.load(warehouse, "");
    let present = "2024-10-02,2024-10-02 09:00:00,EE_A,Aa,unknown,2\n\
        2024-10-02,2024-10-02 10:00:00,EE_A,Aa,unknown,1\n\
        2024-10-02,2024-10-02 10:00:00,EE_B,Bee,unknown,1\n\
        2024-10-02,2024-10-02 11:00:00,EE_B,Bee,unknown,2\n\
        2024-10-02,2024-10-02 12:00:00,EE_B,Bee,unknown,1\n\
        2024-10-02,2024-10-02 13:00:00,EE_B,Bee,unknown,1\n\
        2024-10-02,2024-10-02 14:00:00,EE_C,Cee,unknown,1\n\
        2024-10-02,2024-10-02 15:00:00,EE_C,Cee,unknown,1\n\
        2024-10-02,2024-10-02 18:00:00,EE_A,Aa,unknown,1\n\
        2024-10-02,2024-10-02 23:00:00,EE_A,Aa,unknown,1\n\
        2024-10-03,2024-10-03 00:00:00,EE_A,Aa,unknown,1\n\
        2024-10-03,2024-10-03 00:00:00,EE_B,Bee,unknown,1\n\
        2024-10-03,2024-10-03 01:00:00,EE_B,Bee,unknown,1\n\
        2024-10-03,2024-10-03 23:00:00,EE_A,Aa,unknown,1\n";
    let header = "date,hour,lau_id,lau_name,role,devices\n";
    let got = work.ok(&["query", "present-per-lau", "--format", "csv"]);
    assert_eq!(got, format!("{header}{present}"));
    let coverage = work.ok(&["query", "present-coverage", "--format", "csv"]);
    assert_eq!(coverage.lines().count(), 49, "{coverage}");
    for line in [
        "date,hour,located,active",
        "2024-10-02,2024-10-02 00:00:00,0,6",
        "2024-10-02,2024-10-02 10:00:00,2,6",
        "2024-10-02,2024-10-02 17:00:00,0,6",
        "2024-10-02,2024-10-02 23:00:00,1,6",
        "2024-10-03,2024-10-03 00:00:00,2,2",
        "2024-10-03,2024-10-03 22:00:00,0,2",
    ] {
        assert!(coverage.lines().any(|l| l == line), "no {line} in {coverage}");
    }
    let pairs = "date,from_lau_id,to_lau_id,devices\n\
        2024-10-02,EE_A,EE_A,5\n\
        2024-10-02,EE_A,EE_B,3\n\
        2024-10-02,EE_B,EE_A,1\n\
        2024-10-02,EE_B,EE_B,3\n\
        2024-10-02,EE_C,EE_C,1\n\
        2024-10-02,,EE_A,1\n\
        2024-10-02,,,1\n\
        2024-10-03,EE_A,EE_A,1\n\
        2024-10-03,EE_B,EE_B,1\n";
    assert_eq!(work.ok(&["query", "od-pairs-per-day", "--format", "csv"]), pairs);
}

test_on_each_warehouse!(device_is_at_the_event_nearest_to_the_full_hour);
