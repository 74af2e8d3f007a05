"""The ten answers: query name, view and columns. Both peers and checks go by this list."""

from __future__ import annotations

DAY = "2024-10-01"
DAY_HOURS = (7, 20)

# view -> query name
ANSWERS = {
    "agg_events_per_hour": "number-of-events-per-hour",
    "agg_unique_users_per_hour": "number-of-unique-users-per-hour",
    "agg_cell_count_per_user_per_day": "number-of-unique-cells-per-user",
    "agg_users_per_lau_per_day": "users-per-lau",
    "unique_users_per_lau_per_day": "unique-users-per-lau-per-day",
    "unique_locations_per_user_per_day": "unique-locations-per-user-per-day",
    "user_location_distribution": "user-location-distribution",
    "view_users_per_lau_day_night": "users-per-lau-day-night",
    "events_per_hour_2024_10_01": "events-per-hour-2024-10-01",
    "unique_users_per_lau_2024_10_01": "users-per-lau-2024-10-01",
}
