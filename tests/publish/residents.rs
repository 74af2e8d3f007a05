//! Who lives, works or sleeps in an area is seen there: what the numbers tell with those of weeks and months.

use super::coarser::load;
use super::world::three_units;
use crate::harness::Workspace;
use crate::insights::world::World;

/// 40 devices that spend the nights of October in EE_A and workdays in EE_B, and 3 others that are seen in EE_A once. 60
/// are seen in EE_C.
fn residents() -> World {
    let mut world = three_units();
    for device in 0..40 {
        for (cell, at) in [("a", "02:00"), ("b", "10:00"), ("b", "14:00"), ("a", "23:00")] {
            world.seen_daily(&format!("home{device:03}"), cell, &format!("2024-10-01 {at}:00"), 31);
        }
    }
    for device in 0..3 {
        world.seen(&format!("guest{device}"), "a", "2024-10-15 12:00:00");
        world.seen(&format!("guest{device}"), "c", "2024-10-15 18:00:00");
    }
    for device in 0..60 {
        world.seen_daily(&format!("other{device:03}"), "c", "2024-10-01 12:00:00", 31);
    }
    world
}

/// A number of the row of EE_A that begins with some text; `None` if it is withheld.
fn number(work: &Workspace, file: &str, start: &str, column: &str) -> Option<i64> {
    let text = work.read(file);
    let mut lines = text.lines();
    let at = lines.next()?.split(',').position(|name| name == column)?;
    let row = lines.find(|line| line.starts_with(start) && line.contains("EE_A"))?;
    row.split(',').nth(at)?.parse().ok()
}

fn assert_tells_no_few(whole: Option<i64>, part: Option<i64>) {
    assert!(whole.is_some() || part.is_some(), "both are withheld");
    let rest = whole.zip(part).map(|(whole, part)| whole - part);
    assert!(rest.is_none_or(|rest| rest == 0 || rest > 15), "{whole:?} without {part:?}");
}

#[test]
fn who_is_seen_in_a_month_does_not_give_away_who_lives_elsewhere() {
    let work = load(&residents(), "");
    let exact = work.ok(&["query", "residents-per-lau", "--format", "csv"]);
    assert!(exact.contains("2024-10-01,EE_A,EE_A,40,0"), "{exact}");
    work.ok(&["publish", "out", "--period", "month"]);
    let lives = number(&work, "out/residents-per-lau.csv", "2024-10-01", "residents");
    let seen = number(&work, "out/users-per-lau-month.csv", "2024-10-01", "user_count");
    assert_tells_no_few(seen, lives);
}

#[test]
fn who_is_seen_in_a_week_does_not_give_away_who_slept_there() {
    let work = load(&residents(), "");
    work.ok(&["publish", "nights", "--view", "overnight-stays"]);
    let slept = number(&work, "nights/overnight-stays.csv", "2024-10-15", "devices");
    assert_eq!(slept, Some(40));
    work.ok(&["publish", "out", "--period", "week", "--view", "users-per-lau"]);
    let seen = number(&work, "out/users-per-lau-week.csv", "2024-10-14", "user_count");
    assert_tells_no_few(seen, slept);
    // in the week before, nobody else was there
    let before = number(&work, "out/users-per-lau-week.csv", "2024-10-07", "user_count");
    assert_eq!(before, Some(40));
}
