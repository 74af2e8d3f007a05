"""Compares the whole program with its peers: interleaved rounds, equal results, one table.

Called by `make bench SIZE=S|M|L`. The table goes to standard output and to target/bench/SIZE.md;
the exit status is 1 when a result differs from a peer's, or when a part could not be measured.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path

from bench import Bench
from data import SIZES
from machine import description
from measure import Failed, say
from table import Failure, Row, markdown

WORKS = [
    "compress", "bounded", "answers", "movement", "invariants", "period", "points", "europe", "people", "publish",
    "postgis", "start", "growth",
]
WAREHOUSES = ["embedded", "PostGIS"]
ROOT = Path(__file__).parents[2]

NOTES = """
Medians [least–most] of interleaved rounds. mobility's time is that of the whole process; a peer's
is without the start of its interpreter and its imports. Peak memory is that of the process. Results
are compared with the peer's row by row; the load into PostGIS by a digest over its rows; of the
original's views all but the two counts of events, since it counts first and last events only;
unique users by week and month by plain SQL over the raw events.
Targets are set for size L.
"""


def disturbance(bench: Bench) -> str:
    """A warning if the machine was busy with other work."""
    count, runs = sum(bench.disturbed), len(bench.disturbed)
    if count == 0:
        return ""
    return f"**Other processes took more than a tenth of the machine in {count} of {runs} runs.**\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--size", choices=SIZES, default="S")
    parser.add_argument("--rounds", type=int, help="default: 5, at size L 3")
    parser.add_argument("--only", action="append", choices=WORKS, help="just this work; can be repeated")
    parser.add_argument("--month", action="store_true", help="period: 30 days of the size (L: 45 GB)")
    parser.add_argument("--people-dates", type=int, default=30, help="people: number of dates; default: 30")
    parser.add_argument("--dates", type=int, default=365, help="growth: number of dates; default: 365")
    parser.add_argument("--date-events", type=int, default=200_000, help="growth: events per date; default: 200000")
    parser.add_argument("--warehouse", action="append", choices=WAREHOUSES, help="growth: on this one only")
    parser.add_argument(
        "--world", action="append", metavar="DEVICESxDATESxLAUS", help="publish: of this size only, such as 3686x31x79"
    )
    parser.add_argument("--charts", type=Path, help="folder for charts; default: that of --out")
    parser.add_argument("--binary", type=Path, default=ROOT / "target" / "release" / "mobility")
    parser.add_argument("--out", type=Path, default=ROOT / "target" / "bench", help="folder for everything")
    parser.add_argument("--quiet-s", type=float, default=20, help="most seconds to wait for a quiet machine")
    args = parser.parse_args()
    bench = Bench(
        binary=args.binary.resolve(),
        root=args.out.resolve(),
        size=args.size,
        rounds=args.rounds or SIZES[args.size].rounds,
        quiet_s=args.quiet_s,
        month=args.month,
        people_dates=args.people_dates,
        dates=args.dates,
        date_events=args.date_events,
        warehouses=args.warehouse or WAREHOUSES,
        worlds=args.world or [],
        charts=(args.charts or args.out).resolve(),
    )
    rows: list[Row | Failure] = []
    failed = False
    for name in args.only or WORKS:
        say(f"{name}:")
        try:
            rows += importlib.import_module(f"works.{name}").run(bench)
        except Failed as error:
            failed = True
            say(f"  FAILED: {error}")
            rows.append(Failure(name, str(error).splitlines()[-1]))
    text = "\n".join(
        [f"# Size {args.size}", "", *description(bench.binary), *bench.notes, NOTES, disturbance(bench), markdown(rows)]
    )
    args.out.mkdir(parents=True, exist_ok=True)
    partial = "" if not args.only else "-" + "-".join(args.only)
    (args.out / f"{args.size}{partial}.md").write_text(text)
    print(text)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
