"""Compares trips with those that `mobility synth --people` planted, also under other thresholds.

Called by `make bench-movement PEOPLE=N DAYS=N`. A found trip is right if one was planted for the device between the
same sites, and both overlap in time. Recall is that of planted trips of at least 1 km. The tables go to standard
output and to target/bench/movement-N-N.md.
"""

from __future__ import annotations

from pathlib import Path

import duckdb

from pipeline import arguments, configure, run, synthesise

CLASSES = (10, 40, 130)
# handovers on a date of phones that are handed over about hourly
OFTEN = 16
# headings of false trips of a device and date
FALSE = "false a day, lying still | handed over about hourly | moving"
# one threshold at a time differs from the default
CHANGES = (
    ("stays", "flicker_s", (0, 600, 900, 1200, 2700, 3600)),
    ("stays", "flicker_neighbours", (0, 3, 12, 20)),
    ("stays", "max_gap_s", (1800, 3600, 5400, 10800, 14400)),
    ("trips", "min_distance_m", (0, 500, 2000, 3000, 5000)),
)

PLANTED = """
CREATE TABLE devices AS SELECT device, user_id, seen_per_day FROM read_parquet('{raw}/truth_homes.parquet');
CREATE TABLE planted AS
SELECT row_number() OVER (ORDER BY device, departed) AS id, user_id, seen_per_day, departed, arrived, from_site_id,
  to_site_id, distance_m
FROM read_parquet('{raw}/truth_trips.parquet') JOIN devices USING (device);
CREATE TABLE still AS
SELECT user_id, date, seen_per_day, handovers
FROM read_parquet('{raw}/truth_still.parquet') JOIN devices USING (device);
CREATE TABLE seen AS
SELECT DISTINCT user_id, date, seen_per_day
FROM read_parquet('{processed}/segments/*/*.parquet', hive_partitioning = true) JOIN devices USING (user_id);
CREATE TABLE still_seen AS SELECT still.* FROM still JOIN seen USING (user_id, date);
"""

FOUND = """
CREATE OR REPLACE TABLE found AS
SELECT row_number() OVER () AS id, user_id, seen_per_day, date, departed, arrived, from_site_id, to_site_id
FROM read_parquet('{processed}/trips/*/*.parquet', hive_partitioning = true) JOIN devices USING (user_id);
CREATE OR REPLACE TABLE pairs AS
SELECT f.id AS found, p.id AS planted
FROM found f
JOIN planted p ON p.user_id = f.user_id AND p.from_site_id = f.from_site_id AND p.to_site_id = f.to_site_id
  AND p.departed < f.arrived AND f.departed < p.arrived;
"""

FIGURES = """
SELECT
  (SELECT COUNT(*) FROM planted WHERE distance_m >= 1000 AND {of}) AS planted,
  (SELECT COUNT(*) FROM planted WHERE distance_m >= 1000 AND {of} AND id IN (SELECT planted FROM pairs)) AS hits,
  (SELECT COUNT(*) FROM found WHERE {of}) AS found,
  (SELECT COUNT(*) FROM found WHERE {of} AND id IN (SELECT found FROM pairs)) AS right,
  (SELECT COUNT(*) FROM still_seen WHERE {of}) AS still_days,
  (SELECT COUNT(*) FROM found f SEMI JOIN still s ON s.user_id = f.user_id AND s.date = f.date WHERE {of}) AS still_false,
  (SELECT COUNT(*) FROM still_seen WHERE {of} AND handovers >= {often}) AS often_days,
  (SELECT COUNT(*) FROM found f SEMI JOIN still s ON s.user_id = f.user_id AND s.date = f.date AND s.handovers >= {often}
   WHERE {of}) AS often_false,
  (SELECT COUNT(*) FROM seen ANTI JOIN still USING (user_id, date) WHERE {of}) AS moving_days,
  (SELECT COUNT(*) FROM found f ANTI JOIN still s ON s.user_id = f.user_id AND s.date = f.date
   WHERE {of} AND f.id NOT IN (SELECT found FROM pairs)) AS moving_false
"""


def main() -> None:
    parser = arguments(__doc__, people=20_000, days=5)
    parser.add_argument("--cells", type=int, default=3_000)
    args = parser.parse_args()
    name = f"movement-{args.people}-{args.days}"
    folder = (args.out / name).resolve()
    size = ("--people", str(args.people), "--days", str(args.days), "--cells", str(args.cells))
    synthesise(args.binary, folder, *size)
    for stage in ("compress", "geojoin", "movement"):
        run(args.binary, folder, stage)
    paths = {"raw": folder / "raw", "processed": folder / "processed"}
    database = duckdb.connect()
    database.execute(PLANTED.format(**paths))
    lines = [f"{args.people:,} devices, {args.days} dates, {args.cells:,} cells.", ""]
    lines += by_class(database, paths)
    lines += ["", *by_threshold(database, paths, args.binary, folder)]
    text = "\n".join(lines)
    print(text)
    (args.out / f"{name}.md").write_text(text + "\n")


def figures(database: duckdb.DuckDBPyConnection, of: str = "TRUE") -> dict[str, int]:
    found = database.execute(FIGURES.format(of=of, often=OFTEN))
    names = [column[0] for column in found.description]
    return dict(zip(names, found.fetchone()))


def by_class(database: duckdb.DuckDBPyConnection, paths: dict[str, Path]) -> list[str]:
    """How many trips are found, by how often devices are seen on a day."""
    database.execute(FOUND.format(**paths))
    lines = [
        f"| events a day | planted | found | recall | precision | {FALSE} |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for seen in (*CLASSES, None):
        row = figures(database, f"seen_per_day = {seen}" if seen else "TRUE")
        lines.append(
            f"| {seen or 'all'} | {row['planted']:,} | {row['found']:,} | {share(row['hits'], row['planted'])} | "
            f"{share(row['right'], row['found'])} | {rates(row)} |"
        )
    return lines


def by_threshold(
    database: duckdb.DuckDBPyConnection, paths: dict[str, Path], binary: Path, folder: Path
) -> list[str]:
    """The same under other thresholds, of all devices."""
    lines = [
        f"| threshold | found | recall, 10 | recall, 40 | recall, 130 | precision | {FALSE} |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for section, key, values in ((None, "defaults", (None,)), *CHANGES):
        for value in values:
            changed = f"[{section}]\n{key} = {value}\n" if section else ""
            configure(folder, changed)
            run(binary, folder, "movement")
            database.execute(FOUND.format(**paths))
            row = figures(database)
            recalls = [figures(database, f"seen_per_day = {seen}") for seen in CLASSES]
            cells = [share(of["hits"], of["planted"]) for of in recalls]
            name = f"`{key}` {value:,}" if section else key
            lines.append(
                f"| {name} | {row['found']:,} | {' | '.join(cells)} | {share(row['right'], row['found'])} | {rates(row)} |"
            )
    return lines


def share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}".replace("%", " %") if whole else "–"


def rates(row: dict[str, int]) -> str:
    """False trips a day by what the device does on the date."""
    return " | ".join(rate(row[f"{of}_false"], row[f"{of}_days"]) for of in ("still", "often", "moving"))


def rate(number: int, days: int) -> str:
    return f"{number / days:.3f}" if days else "–"


if __name__ == "__main__":
    main()
