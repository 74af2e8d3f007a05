//! The views about movement, without which the page has nothing to show.

use crate::views::Registry;

/// The views about movement by their names in SQL. The page shows them, and the first page does not.
pub const VIEWS: [&str; 5] =
    ["dwell_per_lau", "flow_balance", "trip_distances", "trips_od", "trips_per_device"];

/// Those that do not exist, or that were replaced by ones with rows of single users.
pub fn missing(registry: &Registry) -> Vec<&'static str> {
    let is_usable = |name: &&str| registry.by_sql_name(name).is_some_and(|v| !v.single_users());
    VIEWS.into_iter().filter(|name| !is_usable(name)).collect()
}
