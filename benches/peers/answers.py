"""The answers that are compared: query name and view. Peers and checks use these lists."""

from __future__ import annotations

import argparse
from pathlib import Path

DAY = "2024-10-01"
DAY_HOURS = (7, 20)

# view -> query name; peers compute these ten
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

# view -> query name; unique users by period, which check.py computes
PERIODS = {
    "users_per_day": "users-per-day",
    "users_per_week": "users-per-week",
    "users_per_month": "users-per-month",
}

# views about people, each after those that it reads
PEOPLE = [
    "devices_per_date",
    "clock_hours",
    "night_places",
    "devices_per_night",
    "pseudonym_breaks",
    "calendar_windows",
    "anchor_windows",
    "workday_sites",
    "work_sites",
    "night_anchors",
    "anchors",
    "residents_per_lau",
    "commuters",
    "population_weights",
    "commuters_estimate",
    "overnight_stays",
    "overnight_estimate",
    "present_places",
    "present_by_home",
    "present_per_lau",
    "present_coverage",
    "present_estimate",
    "od_pairs_per_day",
]

# views about movement, which no peer computes
MOVEMENT = ["trips_od", "flow_balance", "trips_per_device", "trip_distances", "dwell_per_lau"]


def arguments(description: str | None) -> argparse.Namespace:
    """Arguments of a peer that writes the answers; creates the folder for them."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("job", choices=["compress", "answers"])
    parser.add_argument("--events", required=True, help="glob of raw event files")
    parser.add_argument("--mapping", help="Parquet of cell_id, lau_id, lau_name")
    parser.add_argument("--laus", help="Parquet of lau_id, lau_name")
    parser.add_argument("--out", type=Path, required=True, help="folder")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    return args
