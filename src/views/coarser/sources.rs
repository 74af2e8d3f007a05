//! From which rows the numbers of coarser areas and periods follow.

use crate::config::ReleasePeriod;

/// How the numbers of coarser areas and periods follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// Rows of single users, of which each device counts once.
    Users(UserRows),
    /// A SELECT that counts devices anew by area, which it finds in the relation `areas`: no device is in two rows of an
    /// hour, but what it is in an area does not follow from what it is in a LAU.
    Counted(&'static str),
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
/// The view with the devices in each area at each full hour, by role.
pub const PRESENT_PER_LAU: &str = "present_per_lau";
/// The view with the time spent in each area.
const DWELL: &str = "dwell_per_lau";
const TRIPS_PER_DEVICE: &str = "trips_per_device";

const SOURCES: [(&str, Source); 12] = [
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
    (TRIPS_PER_DEVICE, Source::Disjoint),
    (PRESENT_PER_LAU, Source::Counted(include_str!("../../../sql/publish/present_per_lau.sql"))),
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
    let is_of_date = |source: &Source| *source == Source::Disjoint || why_of_date(view).is_some();
    source(view).filter(|source| period == ReleasePeriod::Day || !is_of_date(source))
}

/// Why a view has no longer periods than dates.
pub fn why_of_date(view: &str) -> Option<&'static str> {
    match view {
        TRIPS_PER_DEVICE | DWELL => {
            Some("its classes are those of a date, in which a device is in one of them")
        }
        PRESENT_PER_LAU | "present_coverage" => Some(
            "its numbers are those of a full hour, which is of one date; without the hour they would be those of the \
             devices that are seen",
        ),
        _ => None,
    }
}

/// True if what the numbers of a view tell with those of its other forms is known. The classes of time in an area do not
/// follow from those of its parts, and a visitor in a part may live or work elsewhere in the area.
pub fn is_related(view: &str) -> bool {
    ![DWELL, PRESENT_PER_LAU].contains(&view)
}
