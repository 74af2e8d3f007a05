"""What must hold for segments, trips and the views about movement, whatever the data: of three dates of the size."""

from __future__ import annotations

from answers import MOVEMENT
from bench import Bench
from data import MAIN_COUNTRY, SIZES, write_config
from measure import Contestant, output, peaks_mib, seconds
from table import Row
from works.answers import export

DATES = 3


def run(bench: Bench) -> list[Row]:
    size, work = SIZES[bench.size], bench.work("invariants")
    dataset = bench.synthesise(
        f"{bench.size}-{DATES}-dates", events=size.events, users=size.users, cells=3_000, laus=79, days=DATES
    )
    config = write_config(work, dataset, [MAIN_COUNTRY], f'[warehouse]\nurl = "embedded:{work / "warehouse"}"')
    samples = bench.race([Contestant("run-all", bench.mobility(config, "run-all", "--force"), most_rounds=1)])["run-all"]
    export(bench, config, work / "answers", views={view: view for view in MOVEMENT})
    output(bench.mobility(config, "query", "--sql", "SELECT * FROM quality_daily", "--output", work / "answers/quality.parquet"))
    told = output(bench.peer("invariants.py", "--processed", work / "processed", "--views", work / "answers"))
    bench.notes.append(f"Invariants of movement, {DATES} dates of {size.events:,} events: {told.strip()}")
    return [
        Row(f"`run-all`, {DATES} dates, all views", "s", seconds(samples)),
        Row(f"`run-all`, {DATES} dates, all views: peak memory", "MiB", peaks_mib(samples)),
    ]
