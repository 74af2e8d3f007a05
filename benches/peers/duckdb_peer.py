"""DuckDB: `compress` or all ten `answers`, from raw event files.

The answers come from one pass over the raw files into a table of (user, cell, hour) and a smaller
one of (user, cell, day). The LAU of each cell is given, so the geometry costs nothing here.
"""

from __future__ import annotations

import os
from pathlib import Path

import duckdb

from answers import ANSWERS, DAY, DAY_HOURS, arguments
from report import Stages

SHARED = """
CREATE TABLE place AS SELECT cell_id, lau_id, lau_name FROM read_parquet('{mapping}');
CREATE TABLE lau AS SELECT lau_id, lau_name FROM read_parquet('{laus}');
CREATE TABLE presence AS
  SELECT user_id, cell_id, date_trunc('hour', timestamp) AS hour, count(*) AS event_count
  FROM {raw} GROUP BY ALL;
CREATE TABLE seen AS SELECT DISTINCT user_id, cell_id, hour::DATE AS date FROM presence;
CREATE TABLE visited AS
  SELECT user_id, date, count(*) AS cells FROM seen GROUP BY ALL;
CREATE TABLE per_lau AS
  SELECT lau_id, lau_name, date, count(DISTINCT user_id) AS user_count
  FROM seen JOIN place USING (cell_id) GROUP BY ALL
"""

COMPRESS = """
SELECT user_id, cell_id, unnest([first, last]) AS timestamp FROM (
  SELECT user_id, cell_id, min(timestamp) AS first, max(timestamp) AS last
  FROM {raw} GROUP BY user_id, cell_id, date_trunc('hour', timestamp))
"""


def queries() -> dict[str, str]:
    per_hour = "SELECT hour, sum(event_count)::BIGINT AS event_count FROM presence {} GROUP BY hour ORDER BY hour"
    by_user = "SELECT lower(hex(user_id)) AS user_id, date, cells AS {} FROM visited ORDER BY user_id, date"
    per_lau = "SELECT lau_id, lau_name, date, user_count FROM per_lau ORDER BY date, lau_id"
    start, end = DAY_HOURS
    day_night = f"""
      WITH counted AS (
        SELECT hour::DATE AS date, lau_id, hour(hour) >= {start} AND hour(hour) < {end} AS by_day,
          count(DISTINCT user_id) AS users
        FROM presence JOIN place USING (cell_id) GROUP BY ALL)
      SELECT d.date, l.lau_id, l.lau_name,
        coalesce(max(users) FILTER (by_day), 0) AS day_users,
        coalesce(max(users) FILTER (NOT by_day), 0) AS night_users
      FROM (SELECT DISTINCT date FROM counted) d CROSS JOIN lau l
      LEFT JOIN counted c ON c.date = d.date AND c.lau_id = l.lau_id
      GROUP BY ALL ORDER BY d.date, l.lau_id"""
    return {
        "agg_events_per_hour": per_hour.format(""),
        "agg_unique_users_per_hour": "SELECT hour, count(DISTINCT user_id) AS unique_user_count "
        "FROM presence GROUP BY hour ORDER BY hour",
        "agg_cell_count_per_user_per_day": by_user.format("unique_cell_count"),
        "agg_users_per_lau_per_day": per_lau,
        "unique_users_per_lau_per_day": per_lau,
        "unique_locations_per_user_per_day": by_user.format("unique_locations"),
        "user_location_distribution": "SELECT unique_locations, count(*) AS user_count FROM ("
        "SELECT count(DISTINCT cell_id) AS unique_locations FROM seen GROUP BY user_id) "
        "GROUP BY unique_locations ORDER BY unique_locations",
        "view_users_per_lau_day_night": day_night,
        "events_per_hour_2024_10_01": per_hour.format(f"WHERE hour::DATE = DATE '{DAY}'"),
        "unique_users_per_lau_2024_10_01": "SELECT lau_id, lau_name, user_count FROM per_lau "
        f"WHERE date = DATE '{DAY}' ORDER BY user_count DESC, lau_id",
    }


def connect(work: Path) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute(f"SET threads = {len(os.sched_getaffinity(0))}")
    connection.execute("SET preserve_insertion_order = false")
    connection.execute(f"SET temp_directory = '{work}/duckdb-spill'")
    return connection


def copy(connection: duckdb.DuckDBPyConnection, sql: str, file: Path) -> None:
    connection.execute(f"COPY ({sql}) TO '{file}' (FORMAT parquet, COMPRESSION snappy)")


def main() -> None:
    args = arguments(__doc__)
    raw = f"read_parquet('{args.events}', hive_partitioning = false)"
    connection, stages = connect(args.out), Stages()
    if args.job == "compress":
        with stages.time("compress"):
            copy(connection, COMPRESS.format(raw=raw), args.out / "compressed.parquet")
    else:
        with stages.time("shared pass"):
            connection.execute(SHARED.format(raw=raw, mapping=args.mapping, laus=args.laus))
        sql = queries()
        for view in ANSWERS:
            with stages.time(view):
                copy(connection, sql[view], args.out / f"{view}.parquet")
    stages.print()


if __name__ == "__main__":
    main()
