"""Compares the native engine with Apache Spark on one set of synthetic events.

Called by `make bench-spark EVENTS=N`. Both engines compress the same events and compute the same views;
their answers have to be the same bytes. Spark's own log says how much it shuffled. The table
goes to standard output and to target/bench/spark-N.md; the exit status is 1 when an answer differs.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[2]
VIEWS = [
    "number-of-events-per-hour",
    "number-of-unique-users-per-hour",
    "number-of-unique-cells-per-user",
    "users-per-lau",
    "user-location-distribution",
    "users-per-lau-day-night",
]
TABLES = ["mobile-events-compressed", "mobile-events-placed"]
MIB = 1 << 20
# figures of a task in Spark's log
SHUFFLED, WRITTEN, CPU = "bytes shuffled", "bytes written", "CPU seconds"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--binary", type=Path, default=ROOT / "target" / "release" / "mobility")
    parser.add_argument("--spark", type=Path, default=ROOT / "target" / "spark" / "home" / "bin" / "spark-sql")
    parser.add_argument("--master", default="local[*]")
    parser.add_argument("--memory", default="4g", help="of the driver, which in local mode does the work")
    parser.add_argument("--out", type=Path, default=ROOT / "target" / "bench")
    args = parser.parse_args()
    folder = (args.out / f"spark-{args.events}").resolve()
    bench = Bench(args, folder)
    bench.prepare()
    seconds = {engine: bench.run(engine) for engine in ["native", "spark"]}
    differing = bench.differing()
    table = report(args, seconds, bench.figures(), bench.raw_bytes(), differing)
    print(table)
    (args.out / f"spark-{args.events}.md").write_text(table + "\n")
    return 1 if differing else 0


class Bench:
    def __init__(self, args: argparse.Namespace, folder: Path) -> None:
        self.args, self.folder = args, folder
        self.events = folder / "raw"
        self.logs = folder / "log"

    def prepare(self) -> None:
        """Makes the events, once, and a config for each engine."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if not self.events.exists():
            self.program(["synth", "--out", self.events, "--events", self.args.events, "--quiet"])
        shutil.rmtree(self.logs, ignore_errors=True)
        self.logs.mkdir()
        for engine in ["native", "spark"]:
            shutil.rmtree(self.folder / engine, ignore_errors=True)
            (self.folder / engine).mkdir()
            (self.folder / engine / "pipeline.toml").write_text(self.config(engine))

    def config(self, engine: str) -> str:
        return f"""engine = "{engine}"
[data]
events = "../raw/events"
cells = "../raw/cells"
lau = "../raw/lau_boundaries"
processed = "processed"
[warehouse]
url = "embedded:warehouse"
[views]
dir = "{ROOT}/sql/views"
[spark]
submit = "{self.args.spark}"
master = "{self.args.master}"
[spark.conf]
"spark.driver.memory" = "{self.args.memory}"
"spark.ui.enabled" = false
"spark.eventLog.enabled" = true
"spark.eventLog.compress" = false
"spark.eventLog.rolling.enabled" = false
"spark.eventLog.dir" = "file:{self.logs}"
"""

    def program(self, args: list, engine: str | None = None, out=subprocess.DEVNULL) -> float:
        command = [str(self.args.binary.resolve()), *map(str, args)]
        cwd = self.folder / engine if engine else self.folder
        started = time.monotonic()
        subprocess.run(command, cwd=cwd, check=True, stdout=out)
        return time.monotonic() - started

    def run(self, engine: str) -> dict[str, float]:
        """Seconds of the stages that an engine is for."""
        seconds = {"compress": self.program(["compress", "--quiet"], engine)}
        for stage in [["geojoin"], ["quality"], ["load"]]:
            self.program([*stage, "--quiet"], engine)
        seconds["views"] = self.program(["views", "--quiet"], engine)
        return seconds

    def differing(self) -> list[str]:
        """Names of the answers that are not the same bytes."""
        wrong = []
        for name in VIEWS + TABLES:
            files = []
            for engine in ["native", "spark"]:
                files.append(self.folder / engine / f"{name}.csv")
                self.program(["query", name, "--format", "csv", "--output", files[-1], "--quiet"], engine)
            if files[0].read_bytes() != files[1].read_bytes():
                wrong.append(name)
        return wrong

    def raw_bytes(self) -> int:
        return sum(file.stat().st_size for file in (self.events / "events").rglob("*.parquet"))

    def figures(self) -> dict[str, Counter]:
        """What the tasks of each stage shuffled, wrote and reckoned, by Spark's own log."""
        logs = sorted((log for log in self.logs.iterdir() if log.is_file()), key=os.path.getmtime)
        return {stage: tasks(log) for stage, log in zip(["compress", "views"], logs, strict=True)}


def tasks(log: Path) -> Counter:
    figures: Counter = Counter()
    with log.open() as lines:
        for line in lines:
            if '"SparkListenerTaskEnd"' not in line:
                continue
            metrics = json.loads(line).get("Task Metrics") or {}
            figures[SHUFFLED] += metrics.get("Shuffle Write Metrics", {}).get("Shuffle Bytes Written", 0)
            figures[WRITTEN] += metrics.get("Output Metrics", {}).get("Bytes Written", 0)
            figures[CPU] += metrics.get("Executor CPU Time", 0) / 1e9
    return figures


def report(args: argparse.Namespace, seconds: dict, figures: dict, raw: int, differing: list[str]) -> str:
    lines = [
        f"{args.events:,} events in {raw / MIB:,.0f} MiB, {os.cpu_count()} cores, Spark on {args.master}.",
        "",
        "| stage | native | Spark | shuffled | wrote | CPU |",
        "|---|---|---|---|---|---|",
    ]
    for stage, of_stage in figures.items():
        native, spark = seconds["native"][stage], seconds["spark"][stage]
        sizes = " | ".join(f"{of_stage[name] / MIB:,.0f} MiB" for name in [SHUFFLED, WRITTEN])
        lines.append(f"| {stage} | {native:.1f} s | {spark:.1f} s | {sizes} | {of_stage[CPU]:.0f} s |")
    answers = len(VIEWS + TABLES)
    said = f"{', '.join(differing)} differ." if differing else f"All {answers} answers are the same bytes."
    return "\n".join([*lines, "", said])


if __name__ == "__main__":
    sys.exit(main())
