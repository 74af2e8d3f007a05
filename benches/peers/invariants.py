"""Checks with DuckDB what must hold for segments, trips and the views about movement; fails with what does not.

    invariants.py --processed FOLDER --views FOLDER

Dates have 24 hours. `--views` has the views about movement and `quality_daily` (quality.parquet) as Parquet.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import duckdb

TABLES = """
CREATE VIEW segments AS SELECT * FROM read_parquet('{processed}/segments/*/*.parquet', hive_types = {{'date': DATE}});
CREATE VIEW trips AS SELECT * FROM read_parquet('{processed}/trips/*/*.parquet', hive_types = {{'date': DATE}});
CREATE VIEW presence AS
  SELECT * FROM read_parquet('{processed}/compressed_events/*/*.parquet', hive_types = {{'date': DATE}});
CREATE VIEW cells AS SELECT * FROM '{processed}/cells_with_lau.parquet'
"""

# each returns the rows for which it does not hold
INVARIANTS = {
    "the segments of a device on a date follow each other from midnight to midnight, and last 24 hours": """
        WITH linked AS (
          SELECT user_id, date, started, ended, seconds,
            coalesce(lag(ended) OVER w, CAST(date AS TIMESTAMP)) = started AS follows,
            lead(started) OVER w IS NOT NULL OR ended = date + INTERVAL 1 DAY AS leads_on
          FROM segments WINDOW w AS (PARTITION BY user_id, date ORDER BY started, ended))
        SELECT user_id, date, sum(seconds) FROM linked GROUP BY user_id, date
        HAVING sum(seconds) <> 86400 OR NOT bool_and(follows) OR NOT bool_and(leads_on)""",
    "a segment lasts as long as its times are apart, and only a pass has no length": """
        SELECT * FROM segments WHERE seconds <> epoch_us(ended - started) / 1e6
          OR seconds < 0 OR seconds = 0 AND state <> 'pass'""",
    "stays and passes have a site and events, and nothing else has": """
        SELECT * FROM segments WHERE (state IN ('stay', 'pass')) <> (site_id IS NOT NULL)
          OR state NOT IN ('stay', 'pass') AND events <> 0""",
    "neighbouring segments of a date differ in state or site": """
        SELECT * FROM (
          SELECT *, lag(state) OVER w AS state_before, lag(site_id) OVER w AS site_before
          FROM segments WINDOW w AS (PARTITION BY user_id, date ORDER BY started, ended))
        WHERE state_before = state AND state IN ('move', 'unknown')""",
    "devices with segments on a date are those with events that count": """
        WITH present AS (
          SELECT DISTINCT user_id, date FROM presence SEMI JOIN cells USING (cell_id)
          WHERE two_places_count < event_count),
        covered AS (SELECT DISTINCT user_id, date FROM segments)
        SELECT * FROM present FULL JOIN covered USING (user_id, date)
        WHERE present.user_id IS NULL OR covered.user_id IS NULL""",
    "events of segments are those that count": """
        WITH counted AS (
          SELECT date, sum(event_count - two_places_count) AS n FROM presence SEMI JOIN cells USING (cell_id) GROUP BY date)
        SELECT * FROM (SELECT date, sum(events) AS events FROM segments GROUP BY date) FULL JOIN counted USING (date)
        WHERE n IS DISTINCT FROM events""",
    "a trip leaves at the end of a stay and arrives at the start of another, 1 km away, within 12 hours": """
        SELECT * FROM trips t
        ANTI JOIN segments s ON s.user_id = t.user_id AND s.ended = t.departed AND s.state = 'stay' AND s.site_id = t.from_site_id
        UNION ALL SELECT * FROM trips t
        ANTI JOIN segments s ON s.user_id = t.user_id AND s.started = t.arrived AND s.state = 'stay' AND s.site_id = t.to_site_id
        UNION ALL SELECT * FROM trips WHERE distance_m < 999.9 OR seconds > 43200 OR seconds <= 0 OR date <> CAST(departed AS DATE)""",
    "trips of a device do not overlap": """
        SELECT * FROM (SELECT *, lag(arrived) OVER (PARTITION BY user_id ORDER BY departed) AS before FROM trips)
        WHERE departed < before""",
    "inflow equals outflow on each date, and the rest of the trips are within": """
        SELECT date FROM flow_balance GROUP BY date HAVING sum(inflow) <> sum(outflow)
        UNION ALL
        SELECT date FROM (SELECT date, sum(inflow + within) AS n FROM flow_balance GROUP BY date)
        FULL JOIN (SELECT date, count(*) AS trips FROM trips GROUP BY date) USING (date) WHERE n IS DISTINCT FROM trips""",
    "inflow and outflow of a LAU are the sums of its rows and columns of trips_od": """
        WITH sums AS (
          SELECT date, to_lau_id AS lau_id, sum(trips) AS inflow, 0 AS outflow FROM trips_od
          WHERE from_lau_id IS DISTINCT FROM to_lau_id GROUP BY ALL
          UNION ALL
          SELECT date, from_lau_id, 0, sum(trips) FROM trips_od WHERE from_lau_id IS DISTINCT FROM to_lau_id GROUP BY ALL)
        SELECT date, lau_id, sum(inflow), sum(outflow) FROM sums GROUP BY ALL
        EXCEPT SELECT date, lau_id, inflow, outflow FROM flow_balance""",
    "trips_od counts each trip once": """
        SELECT date, date_trunc('hour', departed) AS hour, from_lau_id, to_lau_id, count(*), count(DISTINCT user_id)
        FROM trips GROUP BY ALL EXCEPT SELECT date, hour, from_lau_id, to_lau_id, trips, devices FROM trips_od
        UNION ALL
        (SELECT NULL, NULL, NULL, NULL, sum(trips), NULL FROM trips_od HAVING sum(trips) <> (SELECT count(*) FROM trips))""",
    "trips by class of distance are those of the trips": """
        SELECT date, CASE WHEN distance_m < 2000 THEN '<2 km' WHEN distance_m < 10000 THEN '2-10 km'
          WHEN distance_m < 50000 THEN '10-50 km' ELSE '50+ km' END AS class, count(*), count(DISTINCT user_id)
        FROM trips GROUP BY ALL EXCEPT SELECT date, distance_class, trips, devices FROM trip_distances
        UNION ALL
        (SELECT NULL, NULL, sum(trips), NULL FROM trip_distances HAVING sum(trips) <> (SELECT count(*) FROM trips))""",
    "devices by number of trips are all devices of the date, with the trips that they make": """
        WITH made AS (SELECT date, user_id, count(*) AS n FROM trips GROUP BY ALL),
        classed AS (
          SELECT date, CASE WHEN n IS NULL THEN '0' WHEN n >= 3 THEN '3+' ELSE CAST(n AS VARCHAR) END AS class
          FROM (SELECT DISTINCT date, user_id FROM segments) LEFT JOIN made USING (date, user_id))
        (SELECT date, class, count(*) FROM classed GROUP BY ALL
         EXCEPT SELECT date, trips_class, sum(devices) FROM trips_per_device GROUP BY ALL)
        UNION ALL
        (SELECT date, trips_class, sum(devices) FROM trips_per_device GROUP BY ALL
         EXCEPT SELECT date, class, count(*) FROM classed GROUP BY ALL)""",
    "time in LAUs is at least that of stays and passes there, and at most that with all moves": """
        WITH spent AS (
          SELECT date, sum(seconds) FILTER (lau_id IS NOT NULL) / 3600 AS least, sum(seconds) FILTER (state = 'move') / 3600 AS moves
          FROM segments GROUP BY date)
        SELECT * FROM (SELECT date, sum(hours) AS hours, count(*) * 0.005 AS rounded FROM dwell_per_lau GROUP BY date)
        JOIN spent USING (date) WHERE hours < least - rounded OR hours > least + moves + rounded""",
    "shares of quality_daily are those of the segments": """
        WITH shares AS (
          SELECT date, sum(seconds) FILTER (state = 'stay') / sum(seconds) AS stays,
            sum(seconds) FILTER (state = 'move') / sum(seconds) AS moves,
            sum(seconds) FILTER (state = 'unknown') / sum(seconds) AS unknown
          FROM segments GROUP BY date)
        SELECT * FROM shares JOIN quality USING (date)
        WHERE abs(stays - stay_share) > 0.00006 OR abs(moves - move_share) > 0.00006 OR abs(unknown - unknown_share) > 0.00006
        UNION ALL BY NAME SELECT date FROM shares ANTI JOIN quality USING (date)""",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--processed", type=Path, required=True)
    parser.add_argument("--views", type=Path, required=True)
    args = parser.parse_args()
    connection = duckdb.connect()
    connection.execute(TABLES.format(processed=args.processed))
    for file in args.views.glob("*.parquet"):
        connection.execute(f"CREATE VIEW {file.stem} AS SELECT * FROM '{file}'")
    for what, sql in INVARIANTS.items():
        rows = connection.execute(f"SELECT * FROM ({sql}) LIMIT 5").fetchall()
        if rows:
            sys.exit(f"it does not hold that {what}: {rows}")
    counts = connection.execute(
        """SELECT (SELECT count(DISTINCT (user_id, date)) FROM segments), (SELECT count(*) FROM segments),
          (SELECT count(*) FROM trips), (SELECT count(DISTINCT date) FROM segments)"""
    ).fetchone()
    print(
        f"{len(INVARIANTS)} hold for {counts[0]:,} devices and dates, each covered by its segments exactly "
        f"({counts[1]:,} rows), and {counts[2]:,} trips on {counts[3]} dates."
    )


if __name__ == "__main__":
    main()
