"""Many days against one: time per event and peak memory should not grow with the period."""

from __future__ import annotations

from bench import Bench
from data import MAIN_COUNTRY, SIZES, write_config
from measure import Contestant, peaks_mib, seconds
from table import Row

FEW_DAYS = 5
MONTH = 30


def run(bench: Bench) -> list[Row]:
    # days of size S are too small, because several of them are processed together
    name = bench.size if bench.month else "M"
    days = MONTH if bench.month else FEW_DAYS
    size = SIZES[name]
    contestants, events, outputs = [], {}, {}
    for count in (1, days):
        label = name if count == 1 else f"{name}-{count}-days"
        dataset = bench.synthesise(
            label,
            events=size.events,
            users=size.users,
            cells=3_000,
            laus=79,
            days=None if count == 1 else count,
        )
        work = bench.work(f"period-{label}")
        config = write_config(work, dataset, [MAIN_COUNTRY], bench.compared_views())
        for stage in (["compress"], ["run-all"]):
            who = f"{stage[0]} {count}"
            contestants.append(Contestant(who, bench.mobility(config, *stage, "--force")))
            events[who] = dataset.event_rows / 1e6
        outputs[count] = dataset, work / "processed" / "compressed_events"
    samples = bench.race(contestants)
    dataset, ours = outputs[days]
    bench.check("compress", "--events", dataset.events, "--ours", ours)

    rows = []
    for stage in ("compress", "run-all"):
        one, many = f"{stage} 1", f"{stage} {days}"

        def per_million(who: str) -> list[float]:
            return [s / events[who] for s in seconds(samples[who])]

        work = f"`{stage}`, {days} days of {name} against one"
        rows.append(Row(f"{work}: time per million events", "s", per_million(many), "one day", per_million(one), 1.1))
        memory = peaks_mib(samples[many]), peaks_mib(samples[one])
        rows.append(Row(f"{work}: peak memory", "MiB", memory[0], "one day", memory[1], 1.1))
    return rows
