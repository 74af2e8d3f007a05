"""PostGIS: the server's own COPY of the same rows, the original's views, reads of stored views.

The server is the one of DATABASE_URL; mobility's tables are in its schema `bench`.

    reset           an empty schema `bench`, or that of --schema
    digest          prints rows, events and a digest of the hourly presence
    ready           writes the rows that `copy` copies to binary files beside the server's data
    counts          prints the rows of each ready file
    empty           empties the tables that `copy` fills
    copy KIND       COPY FROM the ready file; KIND is presence or original
    original        the original's tables and views, see original.sql
    views --out DIR reads every view of the original once, to CSV files
    read            reads every stored view of mobility, warm
    version         prints the versions of PostgreSQL and PostGIS
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from pathlib import Path

import psycopg

from answers import ANSWERS
from report import Stages

# the rows of the contract's table, and those of the original's
READY = {
    "presence": "SELECT user_id, cell_id, date, hour, first_seen, last_seen, event_count "
    "FROM bench.mobile_events_compressed",
    "original": 'SELECT user_id, cell_id, "timestamp", date FROM original.events',
}
# equal to the digest of check.py
DIGEST = """
SELECT concat_ws(' ', count(*), sum(event_count), sum(('x' || substr(md5(concat_ws('|', user_id,
  cell_id, micros(hour), micros(first_seen), micros(last_seen), event_count)), 1, 8))::bit(32)::bigint))
FROM bench.mobile_events_compressed
"""
MICROS = """
CREATE FUNCTION pg_temp.micros(at timestamp) RETURNS bigint LANGUAGE sql IMMUTABLE
AS $$ SELECT (extract(epoch FROM at) * 1000000)::bigint $$
"""
VERSION = "SELECT current_setting('server_version') || ', PostGIS ' || postgis_lib_version()"
READS = 7


def ready_file(cursor: psycopg.Cursor, kind: str) -> str:
    folder = cursor.execute("SHOW data_directory").fetchone()[0]
    return f"{folder}/bench_{kind}.copy"


def ready(cursor: psycopg.Cursor) -> None:
    for kind, rows in READY.items():
        cursor.execute(f"COPY ({rows}) TO '{ready_file(cursor, kind)}' (FORMAT binary)")
        cursor.execute(f"DROP TABLE IF EXISTS copied_{kind}")
        cursor.execute(f"CREATE TABLE copied_{kind} AS {rows} LIMIT 0")


def counts(cursor: psycopg.Cursor) -> None:
    """Rows of each kind."""
    tables = {"presence": "bench.mobile_events_compressed", "original": "original.events"}
    found = {k: cursor.execute(f"SELECT count(*) FROM {t}").fetchone()[0] for k, t in tables.items()}
    print(json.dumps(found))


def empty(cursor: psycopg.Cursor) -> None:
    for kind in READY:
        cursor.execute(f"TRUNCATE copied_{kind}")
    cursor.execute("CHECKPOINT")


def copy(cursor: psycopg.Cursor, kind: str) -> None:
    stages, file = Stages(), ready_file(cursor, kind)
    with stages.time("copy"):
        cursor.execute(f"COPY copied_{kind} FROM '{file}' (FORMAT binary)")
    stages.print()


def reset(cursor: psycopg.Cursor, schema: str) -> None:
    cursor.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")
    cursor.execute(f"CREATE SCHEMA {schema}")
    cursor.execute("CHECKPOINT")


def fetch(cursor: psycopg.Cursor, sql: str) -> list[bytes]:
    """Fetches every row as a client would."""
    with cursor.copy(f"COPY ({sql}) TO STDOUT (FORMAT csv, HEADER)") as rows:
        return [bytes(row) for row in rows]


def views(cursor: psycopg.Cursor, out: Path) -> None:
    stages, folder = Stages(), out
    folder.mkdir(parents=True, exist_ok=True)
    for view in ANSWERS:
        with stages.time(view):
            rows = fetch(cursor, f"SELECT * FROM original.{view}")
        (folder / f"{view}.csv").write_bytes(b"".join(rows))
    stages.print()


def read(cursor: psycopg.Cursor) -> None:
    """The median time of warm, complete reads of each view."""
    medians = {}
    for view in ANSWERS:
        times = []
        for _ in range(READS):
            start = time.perf_counter()
            fetch(cursor, f"SELECT * FROM bench.{view}")
            times.append(time.perf_counter() - start)
        medians[view] = statistics.median(times[1:])
    print(json.dumps({"seconds": sum(medians.values()), "views": medians}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    jobs = ["reset", "digest", "ready", "counts", "empty", "copy", "original", "views", "read", "version"]
    parser.add_argument("job", choices=jobs)
    parser.add_argument("kind", nargs="?", choices=list(READY))
    parser.add_argument("--out", type=Path)
    parser.add_argument("--schema", default="bench")
    args = parser.parse_args()
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
        cursor = connection.cursor()
        match args.job:
            case "reset":
                reset(cursor, args.schema)
            case "copy":
                copy(cursor, args.kind)
            case "views":
                views(cursor, args.out)
            case "digest":
                cursor.execute(MICROS)
                print(cursor.execute(DIGEST.replace("micros(", "pg_temp.micros(")).fetchone()[0])
            case "original":
                cursor.execute(Path(__file__).with_name("original.sql").read_text())
            case "version":
                print(cursor.execute(VERSION).fetchone()[0])
            case job:
                {"ready": ready, "counts": counts, "empty": empty, "read": read}[job](cursor)


if __name__ == "__main__":
    main()
