//! Sums over devices: trips, flows, and classes of trips.

use super::*;

#[test]
fn sum_of_which_one_device_gives_most_is_withheld() {
    let mut p = problem();
    let devices = counts(&mut p, Table::Complete, &[20, 30]);
    let trips = [(60, 31), (100, 50)]
        .map(|(n, of_one)| p.sum(format!("{n}"), n, of_one, devices[n as usize / 100]).unwrap());
    let all = p.count("all", 50, Table::Complete);
    p.total(all, &devices).unwrap();
    let all_trips = p.sum("all trips", 160, 50, all).unwrap();
    p.total(all_trips, &trips).unwrap();
    assert_eq!(p.reason(trips[0]), Some(Reason::Dominated));
    assert_eq!(p.reason(trips[1]), None);
    assert_eq!(withheld(&p), [60, 100]);
    // each device makes a trip at least
    assert_eq!(interval(&p, trips[0]), (20.0, Some(130.0)));
}

#[test]
fn trips_of_few_devices_are_withheld_and_give_the_devices_no_limit() {
    let mut p = problem();
    let devices = counts(&mut p, Table::Complete, &[3, 40]);
    let trips =
        [p.sum("trips", 9, 3, devices[0]).unwrap(), p.sum("more", 80, 9, devices[1]).unwrap()];
    let all_trips = p.released("all trips", 89);
    p.total(all_trips, &trips).unwrap();
    // at most nine devices make nine trips
    assert_eq!(p.reason(trips[0]), Some(Reason::Derived));
    assert_eq!(withheld(&p), [3, 9, 80]);
}

#[test]
fn trips_of_a_flow_limit_the_devices_of_rows_that_are_left_out() {
    let mut p = problem();
    // 22 trips into a place, of which 20 devices make one each in one hour, and two in another
    let devices = counts(&mut p, Table::Sparse, &[20, 2]);
    let trips =
        [p.sum("many", 20, 1, devices[0]).unwrap(), p.sum("few", 2, 1, devices[1]).unwrap()];
    let flow = p.sum_of_uncounted("flow", 22, 1, 22, Table::Complete).unwrap();
    p.total(flow, &trips).unwrap();
    // both hours are left out, or the flow is empty, which is one number instead of two
    assert_eq!(withheld(&p), [2, 2, 22]);
    let mut p = problem();
    let devices = counts(&mut p, Table::Sparse, &[20, 2]);
    let trips =
        [p.sum("many", 20, 1, devices[0]).unwrap(), p.sum("few", 2, 1, devices[1]).unwrap()];
    let flow = p.released("flow", 22);
    p.total(flow, &trips).unwrap();
    assert_eq!(withheld(&p), [20, 2, 20, 2]);
}

#[test]
fn devices_that_make_several_trips_are_limited_by_all_trips() {
    let mut p = problem();
    let classes = counts(&mut p, Table::Sparse, &[40, 5]);
    let trips = p.released("trips", 55);
    p.at_least_times(trips, &[(classes[0], 1), (classes[1], 2)]).unwrap();
    // 55 trips without 40 are 15, which 7 devices make at most
    assert_eq!(withheld(&p), [40, 5]);
    assert_eq!(interval(&p, classes[1]), (0.0, Some(27.5)));
    assert!(p.at_least_times(trips, &[(classes[0], 1), (classes[1], 4)]).is_err());
}

#[test]
fn classes_of_trips_that_are_all_there_tell_the_number_of_trips() {
    let mut p = problem();
    let one = p.released("one trip", 103);
    let trips = p.unpublished("trips", 103);
    p.at_least_times(trips, &[(one, 1)]).unwrap();
    p.at_most_times(trips, &[(one, 1)]).unwrap();
    let few = p.sum_of_uncounted("few", 3, 1, 3, Table::Complete).unwrap();
    let many = p.sum_of_uncounted("many", 100, 1, 100, Table::Complete).unwrap();
    p.total(trips, &[few, many]).unwrap();
    // 103 without 100 are 3
    assert_eq!(withheld(&p), [3, 100]);
    assert!(p.at_most_times(trips, &[(few, 2)]).is_err());
}

#[test]
fn flow_of_few_devices_is_withheld_whatever_its_trips() {
    let mut p = problem();
    let flow = p.sum_of_uncounted("flow", 60, 5, 15, Table::Complete).unwrap();
    let zero = p.sum_of_uncounted("zero", 0, 0, 0, Table::Complete).unwrap();
    let many = p.sum_of_uncounted("many", 60, 5, 16, Table::Complete).unwrap();
    let of_one = p.sum_of_uncounted("of one", 60, 31, 16, Table::Complete).unwrap();
    assert_eq!(
        [flow, zero, many, of_one].map(|cell| p.reason(cell)),
        [Some(Reason::Derived), None, None, Some(Reason::Dominated)]
    );
    assert_eq!(withheld(&p), [60, 60]);
}
