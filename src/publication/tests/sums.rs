//! Tables small enough to be worked out by hand, and the attacks that must fail.

use super::*;

#[test]
fn small_count_is_withheld_with_the_smallest_other_count() {
    let mut p = problem();
    let cells = counts(&mut p, Table::Complete, &[12, 40, 100, 152]);
    p.total(cells[3], &cells[..3]).unwrap();
    assert_eq!(withheld(&p), [12, 40]);
    assert_eq!(interval(&p, cells[0]), (1.0, Some(51.0)));
}

#[test]
fn two_tiny_counts_are_withheld_with_a_third() {
    let mut p = problem();
    let cells = counts(&mut p, Table::Complete, &[2, 1, 100, 103]);
    p.total(cells[3], &cells[..3]).unwrap();
    assert_eq!(withheld(&p), [2, 1, 100]);
}

#[test]
fn table_with_sums_of_rows_and_columns_loses_four_cells() {
    let mut p = problem();
    let c = counts(&mut p, Table::Complete, &[12, 30, 40, 50, 100, 60]);
    let rows = counts(&mut p, Table::Complete, &[42, 90, 160]);
    let columns = counts(&mut p, Table::Complete, &[152, 140]);
    let all = p.count("all", 292, Table::Complete);
    for (row, sum) in rows.iter().enumerate() {
        p.total(*sum, &c[2 * row..2 * row + 2]).unwrap();
    }
    for (column, sum) in columns.iter().enumerate() {
        p.total(*sum, &[c[column], c[2 + column], c[4 + column]]).unwrap();
    }
    p.total(all, &rows).unwrap();
    p.total(all, &columns).unwrap();
    assert_eq!(withheld(&p), [12, 30, 40, 50]);
}

#[test]
fn part_in_which_devices_were_seen_is_not_bounded_by_the_whole() {
    let mut p = problem();
    let whole = p.count("whole", 100, Table::Complete);
    let parts = counts(&mut p, Table::Complete, &[60, 30, 11]);
    p.seen_in(whole, &parts).unwrap();
    assert_eq!(withheld(&p), [30, 11]);
}

#[test]
fn difference_of_two_published_counts_is_a_count() {
    // everybody without the residents, and 50 without 45
    for (all, part) in [(100, 90), (50, 45)] {
        let mut p = problem();
        let cells = counts(&mut p, Table::Complete, &[all, part]);
        p.contains(cells[0], &cells[1..]).unwrap();
        assert_eq!(withheld(&p), [part]);
    }
    let mut p = problem();
    let cells = counts(&mut p, Table::Complete, &[100, 84]);
    p.contains(cells[0], &cells[1..]).unwrap();
    assert_eq!(withheld(&p), [0u64; 0]);
}

#[test]
fn sum_of_two_small_counts_is_known_to_be_two_at_least_and_no_more() {
    let mut p = problem();
    let cells = counts(&mut p, Table::Complete, &[3, 4, 0, 7]);
    p.total(cells[3], &cells[..3]).unwrap();
    assert_eq!(withheld(&p), [3, 4, 7]);
    assert_eq!(interval(&p, cells[3]), (2.0, None));
}

#[test]
fn hours_do_not_give_away_a_small_hour_of_their_day() {
    let mut p = problem();
    let day = p.count("day", 60, Table::Complete);
    let mut hours = vec![0; 24];
    hours[8..11].copy_from_slice(&[36, 5, 20]);
    let hours = counts(&mut p, Table::Complete, &hours);
    p.seen_in(day, &hours).unwrap();
    // 60 without 36 are 24 devices, of whom the hour of 20 leaves at least 4 for the small one
    assert_eq!(withheld(&p), [5, 20]);
}

#[test]
fn missing_row_may_be_empty() {
    let mut p = problem();
    let cells = counts(&mut p, Table::Sparse, &[12, 88, 0, 40]);
    let total = p.count("sum", 140, Table::Complete);
    p.total(total, &cells).unwrap();
    // without the row of 40 the others would have at most 12 devices
    assert_eq!(withheld(&p), [12, 40]);
    assert_eq!(interval(&p, cells[0]), (0.0, Some(52.0)));
}

#[test]
fn zeros_are_withheld_on_demand() {
    let values = [0, 20, 30, 50];
    let withheld_with = |zeros| {
        let mut p = Problem::new(Thresholds { zeros, ..Thresholds::default() });
        let cells = counts(&mut p, Table::Complete, &values);
        p.total(cells[3], &cells[..3]).unwrap();
        withheld(&p)
    };
    assert_eq!(withheld_with(Zeros::Show), [0u64; 0]);
    assert_eq!(withheld_with(Zeros::Hide), [0, 20]);
}

#[test]
fn relations_that_are_not_true_are_refused() {
    let mut p = problem();
    let cells = counts(&mut p, Table::Complete, &[20, 30, 51]);
    let error = p.total(cells[2], &cells[..2]).unwrap_err().to_string();
    assert!(error.contains("02 (51) should be equal to 00 (20) + 01 (30)"), "{error}");
    assert!(p.contains(cells[0], &cells[1..]).is_err());
    assert!(p.seen_in(cells[2], &cells[..2]).is_err());
}
