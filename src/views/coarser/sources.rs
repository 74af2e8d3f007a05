//! From which rows the numbers of coarser areas and periods follow.

use crate::config::ReleasePeriod;

/// How the numbers of coarser areas and periods follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// Rows of single users, of which each device counts once.
    Users(UserRows),
    /// The rows of the view: no device is in two rows of a period, so that areas add up.
    Disjoint,
}

/// Rows of single users with the keys of the view, and with what the device adds to each number: for a count of devices
/// 1, or 0 where the device does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UserRows {
    /// The SELECT.
    pub sql: &'static str,
    /// The LAUs are areas already, which the SELECT finds in the relation `areas`, since what a row is depends on the
    /// areas of both ends of a trip.
    pub has_areas: bool,
    /// Further columns that are added up.
    pub sums: &'static [&'static str],
    /// Numbers that are computed from sums, and the expressions.
    pub computed: &'static [(&'static str, &'static str)],
}

impl UserRows {
    /// Rows of a SELECT that have nothing but counts and sums.
    const fn of(sql: &'static str) -> Self {
        UserRows { sql, has_areas: false, sums: &[], computed: &[] }
    }

    /// The expression of a number that is computed from sums.
    pub fn expression(&self, column: &str) -> Option<&'static str> {
        self.computed.iter().find(|(name, _)| *name == column).map(|(_, expression)| *expression)
    }
}

const USERS_PER_LAU: (&str, UserRows) = (
    "agg_users_per_lau_per_day",
    UserRows::of(include_str!("../../../sql/publish/agg_users_per_lau_per_day.sql")),
);

/// The view with the trips into, out of and within areas.
pub const FLOW_BALANCE: &str = "flow_balance";
/// The view with the trips between areas.
pub const TRIPS_OD: &str = "trips_od";
/// The view with the trips by distance.
pub const TRIP_DISTANCES: &str = "trip_distances";
/// The view with the time spent in each area.
const DWELL: &str = "dwell_per_lau";

const SOURCES: [(&str, Source); 11] = [
    (USERS_PER_LAU.0, Source::Users(USERS_PER_LAU.1)),
    (
        "view_users_per_lau_day_night",
        Source::Users(UserRows::of(include_str!(
            "../../../sql/publish/view_users_per_lau_day_night.sql"
        ))),
    ),
    (
        "od_pairs_per_day",
        Source::Users(UserRows::of(include_str!("../../../sql/publish/od_pairs_per_day.sql"))),
    ),
    ("residents_per_lau", Source::Disjoint),
    ("commuters", Source::Disjoint),
    ("overnight_stays", Source::Disjoint),
    (
        TRIPS_OD,
        Source::Users(UserRows {
            sql: include_str!("../../../sql/publish/trips_od.sql"),
            has_areas: false,
            sums: &["distance_dm", "duration_us"],
            computed: &[
                (
                    "mean_distance_m",
                    "FLOOR(CAST(distance_dm AS DOUBLE PRECISION) / trips + 0.5) / 10",
                ),
                (
                    "mean_minutes",
                    "FLOOR(CAST(duration_us AS DOUBLE PRECISION) / (6000000 * trips) + 0.5) / 10",
                ),
            ],
        }),
    ),
    (
        FLOW_BALANCE,
        Source::Users(UserRows {
            sql: include_str!("../../../sql/publish/flow_balance.sql"),
            has_areas: true,
            sums: &[],
            computed: &[("net", "inflow - outflow")],
        }),
    ),
    (
        TRIP_DISTANCES,
        Source::Users(UserRows::of(include_str!("../../../sql/publish/trip_distances.sql"))),
    ),
    ("trips_per_device", Source::Disjoint),
    (
        DWELL,
        Source::Users(UserRows {
            sql: include_str!("../../../sql/publish/dwell_per_lau.sql"),
            has_areas: true,
            sums: &["spent_us"],
            computed: &[(
                "hours",
                "FLOOR(CAST(spent_us AS DOUBLE PRECISION) / 36000000 + 0.5) / 100",
            )],
        }),
    ),
];

/// Views whose rows are classes of what devices do on a date.
const BY_CLASS_OF_DATE: [&str; 2] = ["trips_per_device", DWELL];

/// The view with the devices that were seen in each LAU, and the rows behind it.
pub fn users_per_lau() -> (&'static str, Source) {
    (USERS_PER_LAU.0, Source::Users(USERS_PER_LAU.1))
}

/// The source of a built-in view, by its SQL name.
pub fn source(view: &str) -> Option<Source> {
    SOURCES.iter().find(|(name, _)| *name == view).map(|(_, source)| *source)
}

/// The source of a built-in view whose dates become periods.
pub fn source_by_period(view: &str, period: ReleasePeriod) -> Option<Source> {
    let is_of_date =
        |source: &Source| *source == Source::Disjoint || BY_CLASS_OF_DATE.contains(&view);
    source(view).filter(|source| period == ReleasePeriod::Day || !is_of_date(source))
}

/// True for a view whose classes are those of a date.
pub fn has_classes_of_date(view: &str) -> bool {
    BY_CLASS_OF_DATE.contains(&view)
}

/// True if the numbers of a view are related to those of its other forms. The classes of time in an area do not follow
/// from those of its parts.
pub fn is_related(view: &str) -> bool {
    view != DWELL
}
