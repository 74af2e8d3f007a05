"""Opens what the program writes with the libraries that analysts use, and compares the rows with the
expected tables: readers.py TEST PROGRAM FOLDER EXPECTED

FOLDER has pipeline.toml and a filled warehouse, EXPECTED the expected tables.
"""

import csv
import datetime
import os
import subprocess
import sys
from pathlib import Path

PROGRAM, FOLDER, EXPECTED = sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4])

# query name, expected table, columns to order by: texts with quotes and umlauts, dates, times, numbers
VIEWS = [
    ("users-per-lau", "agg_users_per_lau_per_day", ["date", "lau_id"]),
    ("number-of-events-per-hour", "agg_events_per_hour", ["hour"]),
    ("user-location-distribution", "user_location_distribution", ["unique_locations"]),
]


def run(*arguments):
    return subprocess.run([PROGRAM, *arguments], cwd=FOLDER, check=True, capture_output=True).stdout


def write(view, ending):
    """Write a view to a file, by the ending of its name, and return its path."""
    file = FOLDER / f"{view}.{ending}"
    run("query", view, "--output", str(file), "--quiet")
    return file


def text(value):
    """A value as the expected tables have it."""
    if isinstance(value, datetime.datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(value, datetime.date):
        return value.isoformat()
    return str(value)


def same(found, expected, columns, names=None):
    """Compare rows, each a list of values, with an expected table, in the order of `columns`."""
    with open(EXPECTED / f"{expected}.csv", newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    assert names is None or list(names) == header, f"{list(names)} instead of {header}"
    by = [header.index(column) for column in columns]

    def key(row):
        return [row[i] for i in by]

    found = sorted(([text(value) for value in row] for row in found), key=key)
    assert rows, f"{expected} has no rows"
    assert found == sorted(rows, key=key), f"{expected}: {found}"


def test_pandas():
    import pandas

    for view, expected, columns in VIEWS:
        read = {
            "parquet": pandas.read_parquet,
            "arrow": pandas.read_feather,
            "csv": pandas.read_csv,
            "csv.gz": pandas.read_csv,
            "tsv": lambda file: pandas.read_csv(file, sep="\t"),
        }
        for ending, reader in read.items():
            frame = reader(write(view, ending))
            same(frame.itertuples(index=False), expected, columns, frame.columns)
    hours = pandas.read_parquet(write("number-of-events-per-hour", "parquet"))
    assert hours.hour.dtype.kind == "M", hours.dtypes
    assert hours.event_count.dtype.kind == "i", hours.dtypes


def test_polars():
    import polars

    for view, expected, columns in VIEWS:
        read = {
            "parquet": polars.read_parquet,
            "arrow": polars.read_ipc,
            "csv": polars.read_csv,
            # JSON has times as text
            "ndjson": lambda file: polars.read_ndjson(file).with_columns(
                polars.col("^hour$").str.to_datetime()
            ),
        }
        for ending, reader in read.items():
            frame = reader(write(view, ending))
            same(frame.rows(), expected, columns, frame.columns)
    hours = polars.read_parquet(write("number-of-events-per-hour", "parquet"))
    assert hours.schema["hour"] == polars.Datetime("us"), hours.schema
    # the columns that a lazy query does not select are not read
    lazy = polars.scan_parquet(FOLDER / "processed/compressed_events/**/*.parquet", hive_partitioning=True)
    total = lazy.select(polars.col("event_count").sum()).collect().item()
    assert total == sum(hours["event_count"]), total


def test_duckdb():
    import duckdb

    for view, expected, columns in VIEWS:
        for ending in ("parquet", "csv", "tsv"):
            found = duckdb.sql(f"SELECT * FROM '{write(view, ending)}'")
            same(found.fetchall(), expected, columns, found.columns)
    hours = duckdb.sql(f"DESCRIBE SELECT * FROM '{FOLDER}/number-of-events-per-hour.parquet'").fetchall()
    assert [row[1] for row in hours] == ["TIMESTAMP", "BIGINT"], hours
    # the partitions of the compressed events, by the names of their folders
    events = duckdb.sql(
        f"""SELECT date_trunc('hour', first_seen) AS hour, SUM(event_count)::BIGINT
        FROM read_parquet('{FOLDER}/processed/compressed_events/*/*.parquet', hive_partitioning = true)
        WHERE date IN (DATE '2024-10-01', DATE '2024-10-02') GROUP BY 1"""
    )
    same(events.fetchall(), "agg_events_per_hour", ["hour"])


def test_geopandas():
    import geopandas

    for ending in ("geojson", "gpkg"):
        layer = geopandas.read_file(write("users-per-lau", ending), encoding="utf-8")
        assert layer.crs.to_epsg() == (4326 if ending == "geojson" else 3035), layer.crs
        assert layer.geometry.is_valid.all() and (layer.to_crs(3035).area > 0).all()
        # every LAU, with the users of the newest date where it has any
        with open(EXPECTED / "lau.csv", newline="", encoding="utf-8") as file:
            names = {row["lau_id"]: row["lau_name"] for row in csv.DictReader(file)}
        assert dict(zip(layer.lau_id, layer.lau_name)) == names
        with open(EXPECTED / "agg_users_per_lau_per_day.csv", newline="", encoding="utf-8") as file:
            rows = [row for row in csv.DictReader(file) if row["date"] == "2024-10-02"]
        seen = layer.dropna(subset=["user_count"])
        users = {lau: int(count) for lau, count in zip(seen.lau_id, seen.user_count)}
        assert users == {row["lau_id"]: int(row["user_count"]) for row in rows}, users
    cells = geopandas.read_parquet(FOLDER / "processed/cells_with_lau.parquet")
    assert cells.crs.to_epsg() == 4326 and set(cells.geom_type) == {"Point"}


def test_module():
    import mobility
    import pandas
    import polars
    import pyarrow

    options = {"folder": FOLDER, "program": PROGRAM}
    for view, expected, columns in VIEWS:
        table = mobility.query(view, **options)
        assert isinstance(table, pyarrow.Table), type(table)
        same(zip(*(column.to_pylist() for column in table.columns)), expected, columns, table.column_names)
        assert isinstance(table.to_pandas(), pandas.DataFrame)
        same(polars.from_arrow(table).rows(), expected, columns, table.column_names)
    users = mobility.query("users-per-lau", **options)
    assert users.schema.field("date").type == pyarrow.date32(), users.schema

    # filters, of every type that they take
    day = [row for row in users.to_pylist() if str(row["date"]) == "2024-10-02"]
    assert 0 < len(day) < users.num_rows
    date = datetime.date(2024, 10, 2)
    for date in ("2024-10-02", date, datetime.datetime(2024, 10, 2, 8), pandas.Timestamp(date)):
        assert mobility.query("users-per-lau", date=date, **options).to_pylist() == day, date
    assert mobility.query("users-per-lau", from_date="2024-10-02", **options).to_pylist() == day
    before = mobility.query("users-per-lau", to_date="2024-10-01", **options)
    assert before.num_rows == users.num_rows - len(day)
    one = mobility.query("users-per-lau", lau="EE_0002", order_by=["date:desc"], limit=1, **options)
    assert one.to_pylist() == [row for row in day if row["lau_id"] == "EE_0002"]
    second = mobility.query("users-per-lau", order_by="date,lau_id", limit=1, offset=1, **options)
    assert second["lau_id"].to_pylist() == ["EE_0002"]
    assert mobility.query(sql="SELECT COUNT(*) AS n FROM lau", **options).to_pylist() == [{"n": 4}]
    none = mobility.query("users-per-lau", date="2030-01-01", **options)
    assert none.num_rows == 0 and none.schema == users.schema
    path = FOLDER / "pipeline.toml"
    assert mobility.query("users-per-lau", config=path, program=PROGRAM).num_rows == users.num_rows

    # what was released for the public, and the exact numbers
    publish = [PROGRAM, "publish", "released", "--view", "users-per-day", "--quiet"]
    few = {"MOBILITY_PUBLISH_MIN_DEVICES": "2"}
    subprocess.run(publish, cwd=FOLDER, check=True, capture_output=True, env={**os.environ, **few})
    exact = mobility.query("users-per-day", audience="analyst", **options)
    public = mobility.query("users-per-day", audience="public", **options)
    assert exact.column_names == ["date", "user_count"], exact.column_names
    released = [{**row, "suppressed": False} for row in exact.to_pylist()]
    assert len(released) == 2 and public.to_pylist() == released, public

    # errors are those of the program
    def fails(kind, words, *arguments, **named):
        try:
            mobility.query(*arguments, **{**options, **named})
        except kind as error:
            assert words in str(error), error
        else:
            raise AssertionError(f"{arguments} {named} do not fail")

    fails(mobility.Error, "users-per-lauu", "users-per-lauu")
    fails(mobility.Error, "no such day", "users-per-lau", date="2024-02-30")
    fails(mobility.Error, "lau_nam", sql="SELECT lau_nam FROM lau")
    fails(mobility.Error, "--sql is for analysts alone", sql="SELECT 1 AS n", audience="public")
    fails(mobility.Error, "invalid value 'everyone'", "users-per-day", audience="everyone")
    # a value is never taken for a flag
    fails(mobility.Error, "--help", "--help")
    fails(TypeError, "either", "users-per-lau", sql="SELECT 1")
    fails(TypeError, "either")
    fails(FileNotFoundError, "nowhere", "users-per-lau", program="nowhere")


{name[5:]: test for name, test in list(globals().items()) if name.startswith("test_")}[sys.argv[1]]()
