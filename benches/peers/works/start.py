"""Cold starts: `--help`, and `query` of every stored view as CSV in a separate process."""

from __future__ import annotations

from pathlib import Path

from answers import ANSWERS
from bench import Bench
from data import MAIN_COUNTRY, write_config
from measure import Contestant, output, seconds, slowest
from table import Row

HELP_S = 0.020
QUERY_S = 0.100


def run(bench: Bench) -> list[Row]:
    work = bench.work("answers")
    config = write_config(work, bench.events, [MAIN_COUNTRY])
    output(bench.mobility(config, "run-all"))
    samples = bench.race([Contestant("--help", [bench.binary, "--help"])], times=5)
    return [
        Row("`mobility --help`", "s", seconds(samples["--help"]), target=HELP_S),
        *queries(bench, config, "embedded"),
    ]


def queries(bench: Bench, config: Path, warehouse: str, env: dict[str, str] | None = None) -> list[Row]:
    """The slowest of the ten views, and the slowest of those without rows of single users."""
    contestants = [
        Contestant(name, bench.mobility(config, "query", name, "--format", "csv"), env=env or {})
        for name in ANSWERS.values()
    ]
    samples = bench.race(contestants)
    by_user = {"number-of-unique-cells-per-user", "unique-locations-per-user-per-day"}
    rows = []
    for label, names in (("slowest view", set(samples) - by_user), ("slowest view by user", by_user)):
        name, times = slowest({n: samples[n] for n in names})
        rows.append(Row(f"`query` cold, CSV, {warehouse}, {label} ({name})", "s", times, target=QUERY_S))
    return rows
