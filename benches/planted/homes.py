"""Compares homes and work places with what `mobility synth --people` planted.

Called by `make bench-people PEOPLE=N DAYS=N`. The window is the first calendar month of the data, October 2024, whose
dates have to be complete. The table goes to standard output and to target/bench/people-N-N.md.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import duckdb

from pipeline import arguments, run, synthesise

WINDOW = "2024-10-01"

# what was planted and what was found, a row for each pseudonym; a home is right if its LAU is, a work place if its
# site is
ROWS = """
CREATE TABLE devices AS
SELECT t.user_id, t.kind, t.shift, t.seen_per_day, t.home_lau_id, t.home_site_id, t.work_site_id, t.work_lau_id,
  h.lau_id AS found_home_lau, h.site_id AS found_home_site, w.site_id AS found_work_site, w.lau_id AS found_work_lau
FROM read_parquet('{truth}') t
LEFT JOIN (SELECT * FROM read_parquet('{anchors}') WHERE kind = 'home') h USING (user_id)
LEFT JOIN (SELECT * FROM read_parquet('{anchors}') WHERE kind = 'work') w USING (user_id)
"""

SHARES = """
SELECT {group} AS devices_of, COUNT(*) AS devices,
  COUNT({truth}) AS planted, COUNT({found}) AS found, COUNT(*) FILTER ({truth} = {found}) AS hits
FROM devices WHERE {where} GROUP BY ALL ORDER BY 1
"""


def main() -> None:
    parser = arguments(__doc__, people=3_000, days=35)
    parser.add_argument("--folder", type=Path, help="use data that `synth` and `run-all` have written there")
    args = parser.parse_args()
    folder = (args.folder or args.out / f"people-{args.people}-{args.days}").resolve()
    seconds = None if args.folder else prepare(args, folder)
    anchors = folder / "anchors.parquet"
    run(args.binary, folder, "query", "--sql",
        f"SELECT user_id, kind, site_id, lau_id FROM anchors WHERE window_start = DATE '{WINDOW}'", "--output", str(anchors))
    table = report(args, seconds, folder, anchors)
    anchors.unlink()
    print(table)
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / f"people-{args.people}-{args.days}.md").write_text(table + "\n")


def prepare(args: argparse.Namespace, folder: Path) -> float:
    """Writes the data and runs the pipeline; returns the seconds that the pipeline took."""
    synthesise(args.binary, folder, "--people", str(args.people), "--days", str(args.days))
    started = time.monotonic()
    run(args.binary, folder, "run-all")
    return time.monotonic() - started


def report(args: argparse.Namespace, seconds: float | None, folder: Path, anchors: Path) -> str:
    database = duckdb.connect()
    database.execute(ROWS.format(truth=folder / "raw" / "truth_homes.parquet", anchors=anchors))
    lines = [
        "| devices | planted | found | recall | precision |",
        "|---|---|---|---|---|",
    ]

    def add(name: str, truth: str, found: str, where: str = "TRUE", group: str = "''") -> None:
        sql = SHARES.format(truth=truth, found=found, where=where, group=group)
        for of, _, planted, found_, hits in database.execute(sql).fetchall():
            recall = f"{hits / planted:.1%}" if planted else "–"
            precision = f"{hits / found_:.1%}" if found_ else "–"
            lines.append(f"| {name.format(of)} | {planted:,} | {found_:,} | {recall} | {precision} |")

    add("homes, LAU", "home_lau_id", "found_home_lau")
    add("homes, LAU, seen {} times a day", "home_lau_id", "found_home_lau", group="seen_per_day")
    add("homes, site", "home_site_id", "found_home_site")
    add("work places, site", "work_site_id", "found_work_site")
    add("work places, LAU", "work_lau_id", "found_work_lau")
    add("work places, site, {} shift", "work_site_id", "found_work_site", "shift IS NOT NULL", "shift")
    add("work places, site, day shift, seen {} times a day", "work_site_id", "found_work_site", "shift = 'day'", "seen_per_day")
    took = f" `run-all` took {seconds:,.0f} s." if seconds is not None else ""
    return "\n".join([f"{args.people:,} devices, {args.days} dates, window {WINDOW}.{took}", "", *lines])


if __name__ == "__main__":
    main()
