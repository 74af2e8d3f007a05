"""DuckDB: the views about people, by their own SQL, over the same files of hourly presence and places.

    people_peer.py --inputs FOLDER --views FOLDER --out FOLDER VIEW...

The views are in the order in which they read each other. Each is a table, so that none is computed twice.
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from duckdb_peer import connect, copy
from report import Stages

TABLES = """
CREATE VIEW presence AS SELECT * FROM read_parquet('{inputs}/compressed_events/*/*.parquet',
  hive_types = {{'date': DATE}});
CREATE VIEW mobile_events_placed AS
  SELECT user_id, cell_id, date, hour, coalesce(placed_first_seen, first_seen) AS first_seen,
    coalesce(placed_last_seen, last_seen) AS last_seen, event_count - two_places_count AS event_count
  FROM presence WHERE two_places_count < event_count;
CREATE TABLE cell_plan AS
  SELECT cell_id, valid_date_start, valid_date_end, lau_id, site_id FROM '{inputs}/cells_with_lau.parquet';
CREATE TABLE lau AS SELECT lau_id, lau_name, population FROM '{inputs}/lau.parquet';
CREATE TABLE quality_daily AS SELECT date, provisional, returning_share FROM '{inputs}/quality_daily.parquet'
"""

# what the defaults of the configuration put in the place of settings
SETTINGS = {
    ":night_start": "22",
    ":night_end": "7",
    ":min_nights": "10",
    ":home_share_10000": "5000",
    ":work_start": "9",
    ":work_end": "17",
    ":work_min_hours": "2",
    ":work_min_days": "8",
    ":work_share_10000": "3333",
    ":work_min_distance_m": "1000",
    ":holidays": "DATE '1970-01-01'",
    ":present_interval": "INTERVAL '3600' SECOND",
    ":min_devices": "16",
    ":max_weight": "100",
    ":min_coverage_10000": "8000",
    ":interval_z": "1.96",
    ":window_span": "31",
    ":skipped_hours": "-1",
    ":repeated_hours": "-1",
    # DuckDB adds no intervals, and knows no fractions of seconds in them
    "e.last_seen - e.first_seen AS span": "epoch_us(e.last_seen) - epoch_us(e.first_seen) AS span",
    "INTERVAL '0.000001' SECOND": "INTERVAL '1' MICROSECOND",
}
MONTH_START = r"(\1 - CAST(EXTRACT(DAY FROM \1) AS INT) + 1)"


def select(file: Path) -> str:
    sql = file.read_text()
    for setting, value in SETTINGS.items():
        sql = sql.replace(setting, value)
    return re.sub(r":window_start\(([^)]*)\)", MONTH_START, sql)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--inputs", type=Path, required=True, help="outputs of compress, geojoin and quality")
    parser.add_argument("--views", type=Path, required=True, help="folder with view files")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("names", nargs="+")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    connection, stages = connect(args.out), Stages()
    connection.execute(TABLES.format(inputs=args.inputs))
    for name in args.names:
        with stages.time(name):
            connection.execute(f"CREATE TABLE {name} AS {select(args.views / f'{name}.sql')}")
    # the files are compared, and are no part of the work
    for name in args.names:
        copy(connection, f"SELECT * FROM {name}", args.out / f"{name}.parquet")
    stages.print()


if __name__ == "__main__":
    main()
