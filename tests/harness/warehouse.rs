//! Tests that run on each kind of warehouse.

use super::Workspace;

/// Names of the shipped views on the command line, and in SQL.
pub const EXAMPLE_VIEWS: [(&str, &str); 14] = [
    ("number-of-events-per-hour", "agg_events_per_hour"),
    ("number-of-unique-users-per-hour", "agg_unique_users_per_hour"),
    ("number-of-unique-cells-per-user", "agg_cell_count_per_user_per_day"),
    ("users-per-lau", "agg_users_per_lau_per_day"),
    ("unique-users-per-lau-per-day", "unique_users_per_lau_per_day"),
    ("unique-locations-per-user-per-day", "unique_locations_per_user_per_day"),
    ("user-location-distribution", "user_location_distribution"),
    ("users-per-lau-day-night", "view_users_per_lau_day_night"),
    ("events-per-hour-2024-10-01", "events_per_hour_2024_10_01"),
    ("users-per-lau-2024-10-01", "unique_users_per_lau_2024_10_01"),
    ("users-per-day", "users_per_day"),
    ("users-per-week", "users_per_week"),
    ("users-per-month", "users_per_month"),
    ("user-cell-dates", "user_cell_dates"),
];

/// Other names of views, and their names in SQL.
pub const VIEW_ALIASES: [(&str, &str); 7] = [
    ("unique-users-per-hour", "agg_unique_users_per_hour"),
    ("number-of-unique-locations-per-user-per-day", "unique_locations_per_user_per_day"),
    ("number-of-unique-users-per-lau-per-day", "unique_users_per_lau_per_day"),
    ("number-of-users-per-lau-on-2024-10-01", "unique_users_per_lau_2024_10_01"),
    ("number-of-events-per-hour-on-2024-10-01", "events_per_hour_2024_10_01"),
    ("distribution-of-users-by-unique-locations", "user_location_distribution"),
    ("number-of-unique-users-per-lau-day-vs-night", "view_users_per_lau_day_night"),
];

/// A kind of warehouse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Warehouse {
    Embedded,
    Postgis,
}

/// Tables and views of the mini inputs in SQL, in order.
pub const RELATIONS: [&str; 24] = [
    "agg_cell_count_per_user_per_day",
    "agg_events_per_hour",
    "agg_unique_users_per_hour",
    "agg_users_per_lau_per_day",
    "cell_plan",
    "events_per_hour_2024_10_01",
    "lau",
    "mobile_events_compressed",
    "mobile_events_placed",
    "mobile_events_uncompressed",
    "quality_codes",
    "quality_daily",
    "runs",
    "segments",
    "trips",
    "unique_locations_per_user_per_day",
    "unique_users_per_lau_2024_10_01",
    "unique_users_per_lau_per_day",
    "user_cell_dates",
    "user_location_distribution",
    "users_per_day",
    "users_per_month",
    "users_per_week",
    "view_users_per_lau_day_night",
];

impl Warehouse {
    /// A workspace with the mini inputs and an empty warehouse of this kind.
    pub fn mini(self) -> Workspace {
        match self {
            Warehouse::Embedded => Workspace::mini(),
            Warehouse::Postgis => crate::postgis::mini().0,
        }
    }

    /// The same after `run-all`.
    pub fn loaded(self) -> Workspace {
        match self {
            Warehouse::Embedded => Workspace::loaded(),
            Warehouse::Postgis => {
                let work = self.mini();
                work.ok(&["run-all"]);
                work
            }
        }
    }
}

/// Makes two tests, `NAME::embedded` and `NAME::postgis`, of a function of a [`Warehouse`]. The
/// second needs a server; the first runs with `cargo test` alone unless a reason is given why not.
macro_rules! test_on_each_warehouse {
    ($name:ident $(, embedded ignored: $reason:literal)?) => {
        mod $name {
            #[test]
            $(#[ignore = $reason])?
            fn embedded() {
                super::$name($crate::harness::Warehouse::Embedded);
            }

            #[test]
            #[ignore = "needs PostGIS: run make test"]
            fn postgis() {
                super::$name($crate::harness::Warehouse::Postgis);
            }
        }
    };
}
pub(crate) use test_on_each_warehouse;
