//! Releases that are compared with earlier ones.

use super::*;

#[test]
fn week_without_six_days_does_not_give_away_the_seventh() {
    let days = [60, 50, 40, 20, 17, 16, 12];
    let mut p = problem();
    let week = p.count("week", 210, Table::Complete);
    let cells = counts(&mut p, Table::Complete, &days);
    p.seen_in(week, &cells).unwrap();
    assert_eq!(withheld(&p), [16, 12]);

    // where the days have been released, the week cannot be
    let mut p = problem();
    let week = p.count("week", 210, Table::Complete);
    let mut cells: Vec<CellId> =
        days[..6].iter().map(|day| p.released(format!("released {day}"), *day)).collect();
    cells.push(p.count("seventh day", 12, Table::Complete));
    p.seen_in(week, &cells).unwrap();
    assert_eq!(withheld(&p), [210, 12]);
}

#[test]
fn change_since_an_earlier_release_is_a_count() {
    let mut p = problem();
    let cells = counts(&mut p, Table::Complete, &[45, 300, 345]);
    p.total(cells[2], &cells[..2]).unwrap();
    for (cell, earlier) in cells.iter().zip([40, 300, 340]) {
        p.was_released(*cell, earlier).unwrap();
    }
    // 300 is known, so that the sum would tell what has become of 40
    assert_eq!(withheld(&p), [45, 345]);
}

#[test]
fn release_is_refused_where_earlier_ones_give_a_small_count_away() {
    let mut p = problem();
    let mut cells = vec![p.count("small", 12, Table::Complete)];
    cells.extend([40, 100].map(|n| p.released(format!("released {n}"), n)));
    let total = p.released("released sum", 152);
    p.total(total, &cells).unwrap();
    let error = suppress(&p).unwrap_err();
    assert_eq!((error.key.as_str(), error.low, error.high), ("small", 12.0, Some(12.0)));
    assert!(error.to_string().contains("1 to 15 must be possible"), "{error}");
}

#[test]
fn difference_of_which_earlier_releases_give_a_part_away_is_withheld_with_its_whole() {
    let mut p = problem();
    // devices of a week, and of two dates that were shown: 40 less 38 are two at least that the second lacks
    let week = p.count("week", 43, Table::Sparse);
    let other = p.count("other week", 90, Table::Sparse);
    for (name, devices) in [("first", 40), ("second", 38)] {
        let day = p.unpublished(name, devices);
        p.was_released(day, devices).unwrap();
        p.contains(week, &[day]).unwrap();
        p.at_least(other, &[day]).unwrap();
    }
    assert_eq!(withheld(&p), [43]);
    // the date itself is a count that was given away, which is refused as before
    let small = p.count("small", 12, Table::Sparse);
    p.was_released(small, 12).unwrap();
    assert!(suppress(&p).is_err());
}

#[test]
fn sum_that_has_changed_is_withheld_although_its_devices_are_known() {
    let mut p = problem();
    let devices = p.count("devices", 40, Table::Sparse);
    let trips = p.sum("trips", 43, 3, devices).unwrap();
    p.was_released(devices, 40).unwrap();
    p.was_released(trips, 40).unwrap();
    assert_eq!(withheld(&p), [40, 43]);
}

#[test]
fn what_earlier_releases_withheld_must_not_follow_from_a_later_one() {
    let mut p = problem();
    // the sum of two places was shown, and one of them
    let small = p.hidden("small", 5, Table::Sparse);
    let large = p.hidden("large", 40, Table::Sparse);
    let sum = p.released("sum", 45);
    p.total(sum, &[small, large]).unwrap();
    assert_eq!(withheld(&p), Vec::<u64>::new());
    // 40 is in a number of the release, and nothing else is
    let same = p.count("same", 40, Table::Sparse);
    p.total(same, &[large]).unwrap();
    assert_eq!(withheld(&p), [40]);
    // nothing new is said about what was given away before
    let mut p = problem();
    let given_away = p.hidden("given away", 5, Table::Sparse);
    let known = p.released("known", 5);
    p.total(known, &[given_away]).unwrap();
    assert!(suppress(&p).is_ok());
}
