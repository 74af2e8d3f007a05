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
