"""Checks with DuckDB that results are equal; fails with the rows that differ.

    check.py compress  --events GLOB --ours FOLDER --peer FILE...
    check.py answers   --ours FOLDER --peer FOLDER [--without VIEW]...
    check.py people    --ours FOLDER --peer FOLDER
    check.py movement  --ours FOLDER --peer FOLDER
    check.py periods   --events GLOB --ours FOLDER
    check.py mapping   --ours FILE --peer FILE...
    check.py warehouse --ours FOLDER --digest TEXT
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import duckdb

from answers import ANSWERS, PEOPLE, PERIODS

# what postgis_peer.py digest computes in PostgreSQL
DIGEST = """
SELECT concat_ws(' ', count(*), sum(event_count), sum(('0x' || substr(md5(concat_ws('|', user_id,
  cell_id, epoch_us(hour), epoch_us(first_seen), epoch_us(last_seen), event_count)), 1, 8))::BIGINT))
FROM {ours}
"""


def scalar(connection: duckdb.DuckDBPyConnection, sql: str) -> Any:
    return connection.execute(sql).fetchone()[0]


def expect_equal(connection: duckdb.DuckDBPyConnection, what: str, ours: str, peer: str) -> int:
    """Checks that both SELECTs return the same rows; returns their number."""
    counts = [scalar(connection, f"SELECT count(*) FROM ({sql})") for sql in (ours, peer)]
    for name, more, less in (("mobility", ours, peer), ("the peer", peer, ours)):
        rows = connection.execute(f"({more}) EXCEPT ALL ({less}) LIMIT 5").fetchall()
        if rows:
            sys.exit(f"{what}: {counts[0]} rows of mobility, {counts[1]} of the peer; only {name} has {rows}")
    if counts[0] == 0:
        sys.exit(f"{what}: no rows to compare")
    return counts[0]


def presence(folder: str) -> str:
    return f"read_parquet('{folder}/*/*.parquet', hive_partitioning = false)"


def compress(connection: duckdb.DuckDBPyConnection, args: argparse.Namespace) -> None:
    connection.execute(
        f"""CREATE TABLE raw AS
        SELECT lower(hex(user_id)) AS user_id, cell_id::VARCHAR AS cell_id,
          date_trunc('hour', timestamp) AS hour, min(timestamp) AS first_seen,
          max(timestamp) AS last_seen, count(*) AS event_count
        FROM read_parquet('{args.events}', hive_partitioning = false) GROUP BY ALL"""
    )
    ours = f"SELECT user_id, cell_id, hour, first_seen, last_seen, event_count FROM {presence(args.ours)}"
    rows = expect_equal(connection, "hourly presence against the raw events", ours, "SELECT * FROM raw")
    dates = f"read_parquet('{args.ours}/*/*.parquet', hive_types = {{'date': DATE}})"
    wrong = scalar(connection, f"SELECT count(*) FROM {dates} WHERE date <> hour::DATE")
    if wrong:
        sys.exit(f"{wrong} rows lie in the folder of another date")
    ends = "SELECT user_id, cell_id, hour, first_seen, last_seen FROM raw"
    for file in args.peer:
        two_rows = f"""SELECT lower(hex(user_id)), cell_id::VARCHAR, date_trunc('hour', timestamp) AS hour,
            min(timestamp), max(timestamp) FROM read_parquet('{file}') GROUP BY ALL HAVING count(*) = 2"""
        expect_equal(connection, f"first and last events of {file}", ends, two_rows)
    print(f"{rows:,} rows of hourly presence equal those of the raw events")


def answers(connection: duckdb.DuckDBPyConnection, args: argparse.Namespace) -> None:
    views = [view for view in ANSWERS if view not in args.without]
    same_views(connection, args, views)
    print(f"{len(views)} answers are equal")


def people(connection: duckdb.DuckDBPyConnection, args: argparse.Namespace) -> None:
    # none without rows: whether pseudonyms change does not depend on the engine
    views = [view for view in PEOPLE if view != "pseudonym_breaks"]
    same_views(connection, args, views)
    print(f"{len(views)} views about people are equal")


def movement(connection: duckdb.DuckDBPyConnection, args: argparse.Namespace) -> None:
    for table in ("segments", "trips"):
        # the date of a row is that of its folder, and of its first time
        ours = f"SELECT * FROM read_parquet('{args.ours}/{table}/*/*.parquet', hive_partitioning = false)"
        rows = expect_equal(connection, table, ours, f"SELECT * FROM '{args.peer[0]}/{table}.parquet'")
        print(f"{rows:,} rows of {table} are equal")


def same_views(connection: duckdb.DuckDBPyConnection, args: argparse.Namespace, views: list[str]) -> None:
    for view in views:
        ours = f"{args.ours}/{view}.parquet"
        peer = next(Path(args.peer[0]).glob(f"{view}.*"))
        # CSV has no types, so both sides are cast to our types and compared as text
        columns = connection.execute(f"DESCRIBE SELECT * FROM '{ours}'").fetchall()
        casts = ", ".join(f'CAST("{c[0]}" AS {c[1]}) AS "{c[0]}"' for c in columns)
        read = f"read_csv('{peer}', all_varchar = true)" if peer.suffix == ".csv" else f"'{peer}'"
        expect_equal(
            connection,
            view,
            f"SELECT * FROM '{ours}'",
            f"SELECT {casts} FROM {read}",
        )


def periods(connection: duckdb.DuckDBPyConnection, args: argparse.Namespace) -> None:
    """Unique users by day, week and month, against the raw events."""
    connection.execute(
        f"""CREATE TABLE seen AS SELECT DISTINCT user_id, timestamp::DATE AS date
        FROM read_parquet('{args.events}', hive_partitioning = false)"""
    )
    users = "count(DISTINCT user_id) AS user_count FROM seen GROUP BY ALL"
    for view in PERIODS:
        period = view.removeprefix("users_per_")
        columns = "date, " if period == "day" else f"date_trunc('{period}', date)::DATE, count(DISTINCT date), "
        rows = expect_equal(connection, view, f"SELECT * FROM '{args.ours}/{view}.parquet'", f"SELECT {columns}{users}")
        print(f"{rows:,} rows of {view} equal those of the raw events")


def mapping(connection: duckdb.DuckDBPyConnection, args: argparse.Namespace) -> None:
    """Pairs of cell and LAU, except points on a border, for which peers may choose any LAU."""
    on_border = f"SELECT cell_id::BIGINT FROM '{args.ours}' WHERE lau_match = 'boundary'"
    ours = f"SELECT cell_id::BIGINT AS cell_id, lau_id FROM '{args.ours}' WHERE lau_match = 'within'"
    for file in args.peer:
        peer = f"SELECT cell_id::BIGINT AS cell_id, lau_id FROM '{file}' WHERE cell_id::BIGINT NOT IN ({on_border})"
        rows = expect_equal(connection, f"LAUs of cells in {file}", ours, peer)
        print(f"{rows:,} cells lie in the same LAU in {Path(file).name}")


def warehouse(connection: duckdb.DuckDBPyConnection, args: argparse.Namespace) -> None:
    digest = scalar(connection, DIGEST.format(ours=presence(args.ours)))
    if digest != args.digest:
        sys.exit(f"rows, events and digest are {args.digest} in PostGIS but {digest} in the files")
    print(f"PostGIS holds the rows of the files: {digest}")


def main() -> None:
    jobs = {
        "compress": compress,
        "answers": answers,
        "people": people,
        "movement": movement,
        "periods": periods,
        "mapping": mapping,
        "warehouse": warehouse,
    }
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("job", choices=list(jobs))
    parser.add_argument("--ours", required=True)
    parser.add_argument("--peer", action="append", default=[])
    parser.add_argument("--events")
    parser.add_argument("--without", action="append", default=[])
    parser.add_argument("--digest")
    args = parser.parse_args()
    jobs[args.job](duckdb.connect(), args)


if __name__ == "__main__":
    main()
