//! Weights to the population, estimates and their intervals.

use super::world::{World, rows};
use crate::harness::{Warehouse, Workspace, test_on_each_warehouse};

/// Devices with their home in a unit, all October 2024: 18 in A, 16 in B, 5 in C, 17 in D, 16 in E, none
/// in F. Eleven of those in A work in F. On 2 November some of them are in F.
pub fn world() -> World {
    let mut world = World::default();
    for (id, name, west, population) in [
        ("EE_A", "Aa", 24.00, Some(54)),
        ("EE_B", "Bee", 24.02, Some(8)),
        ("EE_C", "Cee", 24.04, Some(100)),
        ("EE_D", "Dee", 24.06, None),
        ("EE_E", "Ee", 24.08, Some(1_601)),
        ("EE_F", "Ef", 24.10, Some(10)),
    ] {
        world.unit(id, name, west, population);
    }
    for (cell, longitude) in
        [("a", 24.01), ("b", 24.03), ("c", 24.05), ("d", 24.07), ("e", 24.09), ("f", 24.11)]
    {
        world.cell(cell, 59.01, longitude);
    }
    for (cell, devices) in [("a", 18), ("b", 16), ("c", 5), ("d", 17), ("e", 16)] {
        for number in 0..devices {
            world.seen_daily(&format!("{cell}{number:02}"), cell, "2024-10-01 23:00:00", 31);
        }
    }
    for number in 0..11 {
        for hour in ["09", "10"] {
            let first = format!("2024-10-01 {hour}:30:00");
            world.seen_daily(&format!("a{number:02}"), "f", &first, 31);
        }
    }
    // in F: at 08:30, 12:30, 15:30, 18:30 and in the night
    for (home, devices, at) in [
        ("c", 1, "08:30:00"),
        ("a", 11, "12:30:00"),
        ("c", 2, "12:30:00"),
        ("a", 11, "15:30:00"),
        ("c", 3, "15:30:00"),
        ("a", 2, "18:30:00"),
        ("b", 3, "18:30:00"),
        ("a", 11, "23:30:00"),
        ("b", 3, "23:30:00"),
        ("c", 2, "23:30:00"),
    ] {
        for number in 0..devices {
            world.seen(&format!("{home}{number:02}"), "f", &format!("2024-11-02 {at}"));
        }
    }
    world.seen("without_home", "f", "2024-11-02 12:30:00");
    world.seen("without_home", "f", "2024-11-02 23:30:00");
    world.seen("b15", "b", "2024-11-02 12:30:00");
    world
}

fn view(work: &Workspace, select: &str) -> String {
    rows(work, &format!("SELECT {select}"))
}

fn estimates_have_intervals_where_enough_devices_have_a_weight(warehouse: Warehouse) {
    let work = world().load(warehouse, "");
    let weights = "2024-10-01,EE_A,54,18,3,ok\n\
        2024-10-01,EE_B,8,16,1,over_covered\n\
        2024-10-01,EE_C,100,5,20,too_few\n\
        2024-10-01,EE_D,,17,,no_population\n\
        2024-10-01,EE_E,1601,16,100.0625,too_heavy\n\
        2024-10-01,EE_F,10,0,,too_few\n\
        2024-11-01,EE_A,54,0,,too_few\n\
        2024-11-01,EE_B,8,0,,too_few\n\
        2024-11-01,EE_C,100,0,,too_few\n\
        2024-11-01,EE_D,,0,,no_population\n\
        2024-11-01,EE_E,1601,0,,too_few\n\
        2024-11-01,EE_F,10,0,,too_few\n";
    let header = "window_start,lau_id,population,devices,weight,status\n";
    let got = work.ok(&["query", "population-weights", "--format", "csv"]);
    assert_eq!(got, format!("{header}{weights}"));
    let residents =
        view(&work, "* FROM residents_per_lau WHERE lau_id IN ('EE_A', 'EE_F') ORDER BY 1, 2");
    let expected = "2024-10-01,EE_A,Aa,18,0,true\n\
        2024-10-01,EE_F,Ef,0,11,true\n\
        2024-11-01,EE_A,Aa,0,0,false\n\
        2024-11-01,EE_F,Ef,0,0,false\n";
    assert_eq!(residents, expected);
    // the check of the definition: 11 devices of weight 3
    let commuters = "window_start,home_lau_id,work_lau_id,estimate,lower,upper,coverage\n\
        2024-10-01,EE_A,EE_F,33,17.1,48.9,1\n";
    assert_eq!(work.ok(&["query", "commuters-estimate", "--format", "csv"]), commuters);
    let stays =
        view(&work, "* FROM overnight_stays WHERE night = DATE '2024-11-02' ORDER BY home_lau_id");
    let expected = "2024-11-02,EE_A,EE_F,11\n2024-11-02,EE_B,EE_F,3\n2024-11-02,EE_C,EE_F,2\n\
        2024-11-02,,EE_F,1\n";
    assert_eq!(stays, expected);
    let overnight = view(
        &work,
        "* FROM overnight_estimate WHERE night = DATE '2024-11-02' ORDER BY home_lau_id",
    );
    let expected = "2024-11-02,EE_A,EE_F,33,17.1,48.9,1\n2024-11-02,EE_B,EE_F,3,,,1\n\
        2024-11-02,EE_C,EE_F,,,,0\n";
    assert_eq!(overnight, expected);
    let present = view(
        &work,
        "EXTRACT(HOUR FROM hour) AS at, lau_id, lau_name, estimate, lower, upper, coverage \
         FROM present_estimate WHERE date = DATE '2024-11-02' \
         AND EXTRACT(HOUR FROM hour) IN (8, 12, 15, 18) ORDER BY at, lau_id",
    );
    let expected = "8,EE_F,Ef,,,,0\n\
        12,EE_B,Bee,1,,,1\n\
        12,EE_F,Ef,33,17.1,48.9,0.8462\n\
        15,EE_F,Ef,,,,0.7857\n\
        18,EE_F,Ef,9,,,1\n";
    assert_eq!(present, expected);
    let roles = view(
        &work,
        "EXTRACT(HOUR FROM hour) AS at, lau_id, role, devices FROM present_per_lau \
         WHERE date = DATE '2024-11-02' AND EXTRACT(HOUR FROM hour) IN (12, 18) \
         ORDER BY at, lau_id, role",
    );
    let expected = "12,EE_B,resident,1\n\
        12,EE_F,unknown,1\n\
        12,EE_F,visitor,2\n\
        12,EE_F,worker,11\n\
        18,EE_F,visitor,3\n\
        18,EE_F,worker,2\n";
    assert_eq!(roles, expected);
}

test_on_each_warehouse!(estimates_have_intervals_where_enough_devices_have_a_weight);
