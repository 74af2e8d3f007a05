//! Views that are computed by period, while dates are added, changed and removed in any order: each result
//! equals that of the plain SQL over all rows.

use arrow::array::{BinaryArray, Int64Array, TimestampMicrosecondArray};
use chrono::{Days, NaiveDate};
use rand::RngExt;

use super::{random, rounds};
use crate::harness::{Warehouse, Workspace, array, test_on_each_warehouse};

/// Files of views by name, with the columns by which their rows are sorted.
const OWN: [(&str, &str, &str); 5] = [
    (
        "nights",
        "night",
        "-- order: night\n-- by: date+1\n-- period: night\n\
         SELECT CAST(hour - INTERVAL '12' HOUR AS DATE) AS night, COUNT(DISTINCT user_id) AS users\n\
         FROM mobile_events_compressed GROUP BY CAST(hour - INTERVAL '12' HOUR AS DATE)\n",
    ),
    (
        "back_again",
        "date, cell_id",
        "-- order: date, cell_id\n-- by: date-1\n\
         SELECT a.date, a.cell_id, COUNT(*) AS users FROM agg_seen a JOIN agg_seen b\n\
         ON b.user_id = a.user_id AND b.cell_id = a.cell_id AND b.date = a.date - INTERVAL '1' DAY\n\
         GROUP BY a.date, a.cell_id\n",
    ),
    (
        "agg_seen",
        "cell_id, user_id, date",
        "-- order: cell_id, user_id, date\n-- by: date\n-- single_users: yes\n\
         SELECT DISTINCT date, user_id, cell_id FROM mobile_events_compressed\n",
    ),
    (
        "nights_of_weeks",
        "week",
        "-- order: week\n-- by: week\n\
         SELECT CAST(date_trunc('week', CAST(night AS TIMESTAMP)) AS DATE) AS week,\n\
           COUNT(*) AS nights, CAST(SUM(users) AS BIGINT) AS users\n\
         FROM nights GROUP BY CAST(date_trunc('week', CAST(night AS TIMESTAMP)) AS DATE)\n",
    ),
    (
        "hours_of_cells",
        "n DESC, cell_id, h",
        "-- order: n desc, cell_id, h\n-- by: date\n-- accumulate: n\n\
         SELECT cell_id, CAST(EXTRACT(HOUR FROM hour) AS BIGINT) AS h, CAST(SUM(event_count) AS BIGINT) AS n\n\
         FROM mobile_events_compressed GROUP BY cell_id, CAST(EXTRACT(HOUR FROM hour) AS BIGINT)\n",
    ),
];

/// Views of the program by name, with the columns by which their rows are sorted.
const OF_PROGRAM: [(&str, &str); 6] = [
    ("agg_users_per_lau_per_day", "date, lau_id"),
    ("agg_cell_count_per_user_per_day", "user_id, date"),
    ("user_cell_dates", "user_id, cell_id"),
    ("user_location_distribution", "unique_locations"),
    ("users_per_week", "week"),
    ("users_per_month", "month"),
];

/// Replaces the events of a date by some others.
fn write_date(work: &Workspace, date: NaiveDate, random: &mut impl RngExt) {
    let midnight = date.and_hms_opt(0, 0, 0).unwrap().and_utc().timestamp_micros();
    let mut rows: Vec<(u8, i64, i64)> = Vec::new();
    for _ in 0..random.random_range(1..30) {
        let cell = random.random_range(1..8) * 100;
        let minute = random.random_range(0..24 * 60);
        rows.push((random.random_range(1..9), cell, midnight + minute * 60_000_000));
    }
    let ids: Vec<[u8; 1]> = rows.iter().map(|row| [row.0]).collect();
    let times = rows.iter().map(|row| row.2);
    work.write_events(
        &format!("{date}.parquet"),
        vec![
            ("user_id", array(BinaryArray::from_iter_values(&ids))),
            ("cell_id", array(Int64Array::from_iter_values(rows.iter().map(|row| row.1)))),
            ("timestamp", array(TimestampMicrosecondArray::from_iter_values(times))),
        ],
    );
}

/// The SQL of a file without its header.
fn sql_of(text: &str) -> String {
    text.lines().filter(|line| !line.starts_with("--")).collect::<Vec<_>>().join("\n")
}

fn assert_equal_to_plain_sql(work: &Workspace, what: &str) {
    let own = OWN.iter().map(|(view, order, text)| (*view, *order, sql_of(text)));
    let shipped = OF_PROGRAM.iter().map(|(view, order)| {
        let file = format!("{}/sql/views/{view}.sql", env!("CARGO_MANIFEST_DIR"));
        (*view, *order, sql_of(&std::fs::read_to_string(file).unwrap()))
    });
    for (view, order, sql) in own.chain(shipped) {
        let sql = format!("SELECT * FROM (\n{sql}\n) AS whole ORDER BY {order}");
        let plain = work.ok(&["query", "--sql", &sql, "--format", "csv"]);
        let stored = work.ok(&["query", view, "--format", "csv"]);
        assert_eq!(stored, plain, "{view} {what}");
    }
}

fn dates_in_any_order_give_the_results_of_plain_sql(warehouse: Warehouse) {
    for seed in 0..rounds(2) {
        let mut random = random(seed);
        let work = warehouse.mini();
        work.remove("raw/events");
        for (view, _, text) in OWN {
            work.write(&format!("views/{view}.sql"), text);
        }
        work.copy_shipped_views();
        let first: NaiveDate = "2024-09-25".parse().unwrap();
        let mut dates: Vec<NaiveDate> = Vec::new();
        for number in 0..5 {
            let date = first + Days::new(2 * number);
            write_date(&work, date, &mut random);
            dates.push(date);
        }
        let mut done = String::from("after the first load");
        for step in 0..7 {
            let ran = work.run(&["run-all", "--quiet"]);
            assert_eq!(ran.status, 0, "seed {seed}, {done}: {}", ran.stderr);
            assert_equal_to_plain_sql(&work, &format!("(seed {seed}, step {step}, {done})"));
            done.clear();
            for _ in 0..random.random_range(1..3) {
                let date = first + Days::new(random.random_range(0..20));
                if dates.contains(&date) && dates.len() > 1 && random.random_bool(0.5) {
                    work.remove(&format!("raw/events/{date}.parquet"));
                    dates.retain(|other| *other != date);
                    done.push_str(&format!("without {date} "));
                } else {
                    write_date(&work, date, &mut random);
                    dates.push(date);
                    done.push_str(&format!("with {date} "));
                }
            }
            if random.random_bool(0.2) {
                // the views of this load are never computed
                work.ok(&["run-all", "--quiet", "--only", "compress"]);
                work.ok(&["run-all", "--quiet", "--only", "load"]);
            }
        }
        let verified = work.run(&["views", "--verify"]);
        assert_eq!(verified.status, 0, "seed {seed}: {}", verified.stderr);
    }
}

test_on_each_warehouse!(dates_in_any_order_give_the_results_of_plain_sql);

#[test]
fn header_that_is_not_true_is_found_by_verification() {
    let work = Workspace::mini();
    work.write(
        "views/own.sql",
        "-- order: date\n-- by: date\n\
         SELECT a.date, COUNT(DISTINCT b.date) AS dates FROM mobile_events_compressed a\n\
         CROSS JOIN mobile_events_compressed b GROUP BY a.date\n",
    );
    work.copy_shipped_views();
    work.ok(&["run-all", "--quiet"]);
    let words = ["view own", "own.sql", "by: date", "2024-10-01", "dates=1", "dates=2"];
    work.fails(&["views", "--verify"], 1, &words);
    work.remove("views/own.sql");
    work.write(
        "views/other.sql",
        "-- by: date\nSELECT DISTINCT date FROM mobile_events_compressed\n",
    );
    let verified = work.run(&["views", "--verify"]);
    assert_eq!(verified.status, 0, "{}", verified.stderr);
    let line = |view: &str| {
        // the table of the verification follows that of the computation
        let line = verified.stdout.lines().rev().find(|line| line.contains(view));
        line.unwrap_or_else(|| panic!("no {view} in {}", verified.stdout)).to_owned()
    };
    assert!(line("users_per_week").contains("1 period"), "{}", line("users_per_week"));
    assert!(line("other").contains("2 periods"), "{}", line("other"));
    assert!(line("user_cell_dates").contains("all dates"), "{}", line("user_cell_dates"));
}

/// The files and folders of the warehouse that a command opened.
fn opened(work: &Workspace, args: &[&str]) -> String {
    let lines = work.traced(&["-e", "trace=openat,open,link,linkat"], &work.command(args));
    lines.lines().filter(|line| line.contains("warehouse/")).collect::<Vec<_>>().join("\n")
}

#[test]
#[ignore = "needs strace: run make test"]
fn load_of_a_new_date_opens_no_table_file_of_another_date() {
    let mut random = random(1);
    let work = Workspace::mini();
    work.remove("raw/events");
    let date = |number| "2024-09-23".parse::<NaiveDate>().unwrap() + Days::new(number);
    for number in 0..4 {
        write_date(&work, date(number), &mut random);
    }
    work.ok(&["run-all", "--quiet"]);
    write_date(&work, date(4), &mut random);
    for command in ["compress", "geojoin", "quality"] {
        work.ok(&[command]);
    }
    let calls = opened(&work, &["load"]) + &opened(&work, &["views"]);
    assert!(calls.contains(&format!("tables/date={}", date(4))), "{calls}");
    for number in 0..4 {
        assert!(!calls.contains(&format!("tables/date={}", date(number))), "{calls}");
    }
    // nor is any folder listed whose size grows with the dates
    assert!(!calls.contains("warehouse/tables\", O_RDONLY|O_NONBLOCK"), "{calls}");
    let day = date(2).to_string();
    let calls = opened(&work, &["query", "users-per-lau", "--date", &day]);
    let read = calls.lines().filter(|line| line.contains("agg_users_per_lau_per_day/")).count();
    assert!(read > 0 && !calls.contains("tables/"), "{calls}");
}
