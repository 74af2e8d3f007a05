//! What follows from numbers that are shown by way of others that are not: those of views that are not released, those
//! that earlier releases withheld, and those of periods that have more dates by now.

use super::coarser;
use super::world::three_units;
use crate::harness::{Warehouse, Workspace};
use crate::insights::world::World;

/// The views of the program, after `run-all`.
fn load(world: &World, config: &str) -> Workspace {
    world.load(Warehouse::Embedded, &format!("[publish]\nstore = \"published\"\n{config}"))
}

/// `count` devices whose names begin with a text, seen at a cell once.
fn seen(world: &mut World, (name, count): (&str, usize), cell: &str, at: &str) {
    for device in 0..count {
        world.seen(&format!("{name}{device:03}"), cell, at);
    }
}

/// The numbers of a column in the rows of a released view that contain a text, without those that are
/// withheld.
fn shown(work: &Workspace, file: &str, column: &str, text: &str) -> Vec<i64> {
    let rows = work.read(file);
    let mut lines = rows.lines();
    let at = lines.next().unwrap().split(',').position(|name| name == column).unwrap();
    let lines = lines.filter(|line| line.contains(text));
    lines.filter_map(|line| line.split(',').nth(at)?.parse().ok()).collect()
}

fn publish(work: &Workspace, folder: &str, views: &[&str], args: &[&str]) {
    let views: Vec<&str> = views.iter().flat_map(|view| ["--view", view]).collect();
    work.ok(&[&["publish", folder][..], &views, args].concat());
}

/// 140 devices in EE_A on two dates of a week, and 5 others on the second one.
fn many_and_few() -> World {
    let mut world = three_units();
    for date in ["2024-10-07", "2024-10-08"] {
        for hour in ["10:10:00", "10:40:00", "23:10:00"] {
            seen(&mut world, ("many", 140), "a", &format!("{date} {hour}"));
        }
    }
    seen(&mut world, ("few", 5), "c", "2024-10-08 15:10:00");
    world
}

#[test]
fn number_is_compared_with_one_that_contains_it_by_way_of_a_view_that_is_not_released() {
    let work = load(&many_and_few(), "");
    let mut compared = 0;
    for (part, column) in [
        ("users-per-lau", "user_count"),
        ("users-per-lau-day-night", "day_users"),
        ("number-of-unique-users-per-hour", "unique_user_count"),
        ("od-pairs-per-day", "devices"),
        ("devices-per-date", "devices"),
        ("dwell-per-lau", "devices"),
        ("trips-per-device", "devices"),
        ("overnight-stays", "devices"),
    ] {
        // on the first date there are 140, and on the second and in all 145
        for (whole, dates) in [
            ("users-per-day", "2024-10-08"),
            ("users-per-week", "2024-10"),
            ("users-per-month", "2024-10"),
        ] {
            work.remove("published");
            let folder = format!("{part}-{whole}");
            publish(&work, &folder, &[part, whole], &[]);
            let parts = shown(&work, &format!("{folder}/{part}.csv"), column, dates);
            let wholes = shown(&work, &format!("{folder}/{whole}.csv"), "user_count", dates);
            assert!(!parts.is_empty() || !wholes.is_empty(), "{folder}");
            for (part, whole) in parts.iter().flat_map(|p| wholes.iter().map(move |w| (p, w))) {
                compared += 1;
                assert!(!(1..16).contains(&(whole - part)), "{folder}: {whole} - {part}");
            }
        }
    }
    assert!(compared > 5, "{compared}");
    work.remove("published");
    publish(&work, "weeks", &["users-per-lau-day-night", "users-per-week"], &["--period", "week"]);
    let of_all = shown(&work, "weeks/users-per-week.csv", "user_count", "");
    let by_day = shown(&work, "weeks/users-per-lau-day-night-week.csv", "day_users", "EE_A");
    // 140 of 145
    assert_eq!(of_all.len() + by_day.len(), 1, "{of_all:?} {by_day:?}");
}

#[test]
fn number_with_another_name_in_an_earlier_release_is_compared_too() {
    let mut world = three_units();
    seen(&mut world, ("many", 100), "a", "2024-10-01 10:10:00");
    seen(&mut world, ("few", 5), "b", "2024-10-01 10:10:00");
    for (view, column) in
        [("unique-users-per-lau-per-day", "user_count"), ("od-pairs-per-day", "devices")]
    {
        let work = load(&world, "");
        publish(&work, "first", &[view], &[]);
        assert_eq!(shown(&work, &format!("first/{view}.csv"), column, ""), [100]);
        work.fails(
            &["publish", "second", "--view", "users-per-day"],
            2,
            &["no row can be released"],
        );
    }
}

#[test]
fn week_of_which_all_dates_are_in_a_month_is_compared_with_it() {
    // Tuesday and Wednesday, and the next Monday
    let mut world = three_units();
    seen(&mut world, ("many", 150), "a", "2024-10-01 10:00:00");
    seen(&mut world, ("more", 50), "a", "2024-10-02 10:00:00");
    seen(&mut world, ("many", 95), "a", "2024-10-07 10:00:00");
    seen(&mut world, ("few", 5), "a", "2024-10-07 10:00:00");
    let work = load(&world, "");
    publish(&work, "out", &["users-per-week", "users-per-month"], &[]);
    // 205 without 200 would be those of the Monday alone
    assert_eq!(shown(&work, "out/users-per-week.csv", "user_count", ""), [100]);
    assert_eq!(shown(&work, "out/users-per-month.csv", "user_count", ""), [205]);
    // Wednesday and Thursday, and the first of November
    let mut world = three_units();
    seen(&mut world, ("many", 150), "a", "2024-10-30 10:00:00");
    seen(&mut world, ("more", 50), "a", "2024-10-31 10:00:00");
    seen(&mut world, ("many", 95), "a", "2024-11-01 10:00:00");
    seen(&mut world, ("few", 5), "a", "2024-11-01 10:00:00");
    let work = load(&world, "");
    publish(&work, "out", &["users-per-week", "users-per-month"], &[]);
    assert_eq!(shown(&work, "out/users-per-month.csv", "user_count", ""), [100]);
    assert_eq!(shown(&work, "out/users-per-week.csv", "user_count", ""), [205]);
}

#[test]
fn residents_of_windows_of_days_are_compared_with_the_month_that_holds_their_dates() {
    let mut world = three_units();
    for (name, count, cell) in [("a", 100, "a"), ("b", 60, "b")] {
        for device in 0..count {
            for hour in ["01:00:00", "23:00:00"] {
                let at = format!("2024-10-02 {hour}");
                world.seen_daily(&format!("{name}{device:03}"), cell, &at, 12);
            }
        }
    }
    seen(&mut world, ("guest", 5), "c", "2024-10-05 12:00:00");
    let work = load(&world, "\n[anchors]\nwindow = 28\n");
    let exact = work.ok(&["query", "residents-per-lau", "--format", "csv"]);
    assert!(exact.contains("2024-09-30,EE_A,EE_A,100,0"), "{exact}");
    publish(&work, "out", &["users-per-month", "residents-per-lau"], &[]);
    let month: i64 = shown(&work, "out/users-per-month.csv", "user_count", "").iter().sum();
    let residents: i64 = shown(&work, "out/residents-per-lau.csv", "residents", "").iter().sum();
    // 165 without 160 are the guests
    assert!(month == 0 || month - residents > 15, "{month} {residents}");
    assert!(residents >= 60, "{residents}");
}

/// Devices that sleep in five LAUs, of which two and three are a region, and all of these a larger one.
fn five_units() -> World {
    let mut world = World::default();
    for (number, count) in [5, 40, 10, 10, 50].into_iter().enumerate() {
        let (west, cell) = (24.0 + 0.02 * number as f64, ["a", "b", "c", "d", "e"][number]);
        let id = ["EE_A", "EE_B", "EE_C", "EE_D", "EE_E"][number];
        world.unit(id, id, west, None);
        world.cell(cell, 59.01, west + 0.01);
        seen(&mut world, (cell, count), cell, "2024-10-01 23:10:00");
        seen(&mut world, (cell, count), cell, "2024-10-02 01:10:00");
    }
    world
}

#[test]
fn larger_areas_do_not_give_away_what_releases_of_smaller_ones_withheld() {
    let codes = "lau_id,nuts\nEE_A,EE011\nEE_B,EE011\nEE_C,EE012\nEE_D,EE012\nEE_E,EE012\n";
    let work = five_units().load(Warehouse::Embedded, "[anchors]\nwork_min_days = 4\n");
    work.write("nuts.csv", codes);
    coarser::configure(&work, "");
    let view = ["overnight-stays"];
    publish(&work, "laus", &view, &[]);
    assert_eq!(shown(&work, "laus/overnight-stays.csv", "devices", ""), [40, 50]);
    publish(&work, "regions", &view, &["--areas", "nuts3"]);
    // the other region has 45, of which 40 were shown
    assert_eq!(shown(&work, "regions/overnight-stays-nuts3.csv", "devices", ""), [70]);
    // 115 without 70 without 40 would be the 5 of EE_A
    work.fails(
        &["publish", "larger", "--view", "overnight-stays", "--areas", "nuts2"],
        2,
        &["no row can be released"],
    );
}

#[test]
fn later_week_does_not_tell_how_many_were_there_on_a_date_that_was_withheld() {
    let mut world = three_units();
    seen(&mut world, ("many", 100), "a", "2024-10-01 10:00:00");
    seen(&mut world, ("more", 100), "a", "2024-10-02 10:00:00");
    seen(&mut world, ("few", 5), "a", "2024-10-03 10:00:00");
    let work = load(&world, "");
    publish(&work, "dates", &["users-per-lau"], &[]);
    assert_eq!(shown(&work, "dates/users-per-lau.csv", "user_count", ""), [100, 100]);
    // 205 are at least 5 more than the two dates
    work.fails(
        &["publish", "week", "--view", "users-per-lau", "--period", "week"],
        2,
        &["no row can be released"],
    );
}

#[test]
fn week_that_was_released_before_it_was_complete_is_of_the_dates_of_then() {
    for views in [["users-per-day", "users-per-week"], ["users-per-lau", "users-per-week"]] {
        let mut world = three_units();
        seen(&mut world, ("many", 145), "a", "2024-10-01 10:00:00");
        seen(&mut world, ("many", 60), "a", "2024-10-02 10:00:00");
        seen(&mut world, ("few", 5), "a", "2024-10-02 10:00:00");
        let work = load(&world, "");
        publish(&work, "first", &["users-per-week"], &[]);
        assert_eq!(shown(&work, "first/users-per-week.csv", "user_count", ""), [150]);
        let mut later = World::default();
        seen(&mut later, ("new", 60), "a", "2024-10-03 10:00:00");
        later.write_events(&work, "later.csv");
        work.ok(&["run-all"]);
        publish(&work, "second", &views, &[]);
        // the week was 150 when it had two dates, of which the first had 145
        let file = format!("second/{}.csv", views[0]);
        assert_eq!(shown(&work, &file, "user_count", ""), [65, 60]);
        assert_eq!(shown(&work, "second/users-per-week.csv", "user_count", ""), [210]);
    }
}

/// Devices that spend the nights of so many dates at a cell, from the first date on.
fn nights(world: &mut World, of: (&str, usize), cell: &str, first: &str, days: u64) {
    for device in 0..of.1 {
        for hour in ["01:10:00", "23:10:00"] {
            world.seen_daily(
                &format!("{}{device:03}", of.0),
                cell,
                &format!("{first} {hour}"),
                days,
            );
        }
    }
}

#[test]
fn devices_whose_homes_become_known_are_the_same_devices() {
    let mut world = three_units();
    nights(&mut world, ("here", 95), "a", "2024-10-01", 5);
    nights(&mut world, ("guest", 5), "a", "2024-10-01", 1);
    seen(&mut world, ("guest", 5), "a", "2024-10-02 01:10:00");
    nights(&mut world, ("guest", 5), "b", "2024-10-03", 4);
    nights(&mut world, ("there", 40), "b", "2024-10-01", 5);
    let work = load(&world, "");
    publish(&work, "first", &["overnight-stays"], &[]);
    // no home is known yet
    let first = shown(&work, "first/overnight-stays.csv", "devices", "2024-10-01,,EE_A");
    assert_eq!(first, [100]);
    let mut later = World::default();
    nights(&mut later, ("here", 95), "a", "2024-10-06", 9);
    nights(&mut later, ("guest", 5), "b", "2024-10-06", 9);
    nights(&mut later, ("there", 40), "b", "2024-10-06", 9);
    later.write_events(&work, "later.csv");
    work.ok(&["run-all"]);
    let exact = work.ok(&["query", "overnight-stays", "--format", "csv"]);
    for row in ["2024-10-01,EE_A,EE_A,95", "2024-10-01,EE_B,EE_A,5"] {
        assert!(exact.contains(row), "{exact}");
    }
    publish(&work, "second", &["overnight-stays"], &[]);
    // 95 of the 100 would leave 5 from elsewhere
    let second = shown(&work, "second/overnight-stays.csv", "devices", "2024-10-01");
    assert_eq!(second, [40]);
}

/// Devices that stay at a cell for 40 minutes from some hours on.
fn stays(world: &mut World, of: (&str, usize), stays: &[(&str, &str)]) {
    for (cell, hour) in stays {
        for minute in ["00", "20", "40"] {
            seen(world, of, cell, &format!("{hour}:{minute}:00"));
        }
    }
}

#[test]
fn trips_that_become_known_with_the_next_date_are_not_shown_if_they_are_few() {
    let mut world = three_units();
    stays(&mut world, ("all", 40), &[("a", "2024-10-01 21"), ("b", "2024-10-01 22")]);
    let work = load(&world, "");
    let trips = |file: &str| -> i64 { shown(&work, file, "trips", "2024-10-01").iter().sum() };
    publish(&work, "first", &["trip-distances"], &[]);
    assert_eq!(trips("first/trip-distances.csv"), 40);
    // three of the devices go back after midnight
    let mut later = World::default();
    stays(&mut later, ("all", 3), &[("a", "2024-10-02 00")]);
    later.write_events(&work, "later.csv");
    work.ok(&["run-all"]);
    let exact = work.ok(&["query", "trip-distances", "--format", "csv"]);
    work.write("exact.csv", exact);
    assert_eq!(trips("exact.csv"), 43);
    publish(&work, "second", &["trip-distances", "devices-per-date"], &[]);
    assert_eq!(trips("second/trip-distances.csv"), 0);
}
