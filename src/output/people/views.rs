//! The views about people, and those that the page cannot do without.

use crate::views::Registry;

/// The views about people by their names in SQL. The page shows them, and the first page does not.
pub const VIEWS: [&str; 17] = [
    "anchor_windows",
    "calendar_windows",
    "clock_hours",
    "commuters",
    "commuters_estimate",
    "devices_per_date",
    "devices_per_night",
    "od_pairs_per_day",
    "overnight_estimate",
    "overnight_stays",
    "population_weights",
    "present_by_home",
    "present_coverage",
    "present_estimate",
    "present_per_lau",
    "pseudonym_breaks",
    "residents_per_lau",
];

/// Those of them without which the page has nothing to show.
const REQUIRED: [&str; 12] = [
    "anchor_windows",
    "calendar_windows",
    "commuters",
    "commuters_estimate",
    "devices_per_date",
    "devices_per_night",
    "overnight_estimate",
    "overnight_stays",
    "population_weights",
    "present_coverage",
    "present_per_lau",
    "residents_per_lau",
];

/// The required views that do not exist, or that were replaced by ones with rows of single users.
pub fn missing(registry: &Registry) -> Vec<&'static str> {
    let is_usable = |name: &&str| registry.by_sql_name(name).is_some_and(|v| !v.single_users());
    REQUIRED.into_iter().filter(|name| !is_usable(name)).collect()
}
