//! Unique users over days, weeks and months.

use arrow::array::{BinaryArray, Int64Array, TimestampMicrosecondArray};
use chrono::NaiveDate;

use crate::harness::{Warehouse, Workspace, array, test_on_each_warehouse};

/// Dates around the turn of the year with their users. 30 December 2024 is the Monday of week 1 of 2025.
const SEEN: [(&str, &[u8]); 6] = [
    ("2024-12-29", &[1, 2]),
    ("2024-12-30", &[1, 3]),
    ("2024-12-31", &[3]),
    ("2025-01-01", &[4]),
    ("2025-01-05", &[1]),
    ("2025-01-06", &[1, 2, 3]),
];

/// The mini workspace with these events in place of its own: each user is seen twice a day at two cells.
pub fn around_the_turn_of_the_year(work: &Workspace) {
    work.remove("raw/events");
    for (date, users) in SEEN {
        let date: NaiveDate = date.parse().unwrap();
        let morning = date.and_hms_opt(8, 0, 0).unwrap().and_utc().timestamp_micros();
        let rows: Vec<(u8, i64, i64)> = users
            .iter()
            .flat_map(|user| [(*user, 400, morning), (*user, 300, morning + 7_200_000_000)])
            .collect();
        let ids: Vec<[u8; 1]> = rows.iter().map(|row| [row.0]).collect();
        work.write_events(
            &format!("{date}.parquet"),
            vec![
                ("user_id", array(BinaryArray::from_iter_values(&ids))),
                ("cell_id", array(Int64Array::from_iter_values(rows.iter().map(|row| row.1)))),
                (
                    "timestamp",
                    array(TimestampMicrosecondArray::from_iter_values(rows.iter().map(|r| r.2))),
                ),
            ],
        );
    }
}

pub const PER_DAY: &str = "date,user_count\n2024-12-29,2\n2024-12-30,2\n2024-12-31,1\n2025-01-01,1\n\
    2025-01-05,1\n2025-01-06,3\n";
pub const PER_WEEK: &str = "week,days,user_count\n2024-12-23,1,2\n2024-12-30,4,3\n2025-01-06,1,3\n";
pub const PER_MONTH: &str = "month,days,user_count\n2024-12-01,3,3\n2025-01-01,3,4\n";

fn user_is_counted_once_in_each_day_week_and_month(warehouse: Warehouse) {
    let work = warehouse.mini();
    around_the_turn_of_the_year(&work);
    work.ok(&["run-all"]);
    for (name, rows) in
        [("users-per-day", PER_DAY), ("users-per-week", PER_WEEK), ("users-per-month", PER_MONTH)]
    {
        assert_eq!(work.ok(&["query", name, "--format", "csv"]), rows, "{name}");
    }
    let chart = ["report", "--view", "users-per-week", "--output", "weeks.svg"];
    work.ok(&chart);
}

test_on_each_warehouse!(user_is_counted_once_in_each_day_week_and_month);
