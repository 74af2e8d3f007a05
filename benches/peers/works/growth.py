"""What a date costs by the number of dates that are there, on both warehouses.

At several numbers of dates, the last of which is that of `--dates`: the first load of all of them, the
next date against the second one of a new warehouse, a late file for a date in the middle against that
date alone in an empty warehouse, a run without anything new. At the last number also cold reads of the
stored views, filtered to a date and to an LAU. Each number of dates ends with a check of all answers
against plain SQL over all raw events.
"""

from __future__ import annotations

import itertools
import json
import statistics
from collections.abc import Callable
from contextlib import nullcontext

import chart
from answers import ANSWERS, PERIODS
from bench import Bench
from cluster import cluster
from data import MAIN_COUNTRY, Dataset
from measure import Contestant, Sample, output, peaks_mib, seconds, slowest
from table import Row
from works.answers import export
from workspace import Workspace, date

# of the same date in several states; each round takes other dates
ROUNDS = 3
# numbers of dates at which is measured, as shares of the largest
SHARES = (0, 1 / 12, 1 / 4, 1 / 2, 1)
# the rows of all dates are compared with as many rows in this many dates
FEW_DATES = 12
READ_S = 0.050
NOTHING_S = {"embedded": 0.5, "PostGIS": 1.0}
# cannot be filtered to a date: a snapshot, and counts over the whole period
UNDATED = {"user_location_distribution", "events_per_hour_2024_10_01", "unique_users_per_lau_2024_10_01"}
BY_LAU = [view for view in ANSWERS if "lau" in view]
# of the pipeline that grows, in the order of a round
MEASURED = ("next date", "late file", "nothing new")

Samples = dict[str, list[Sample]]


class Side:
    """One kind of warehouse, with a pipeline that grows and one that starts anew for each run."""

    def __init__(self, bench: Bench, source: Dataset, name: str, url: str) -> None:
        self.bench = bench
        self.name = name
        folder = bench.work("growth")
        self.grown = Workspace(bench, source, folder / f"{name}-grown", url, "bench")
        self.new = Workspace(bench, source, folder / f"{name}-new", url, "bench_new")
        # by the number of dates
        self.samples: dict[int, Samples] = {}

    def first_load(self, dates: int) -> Contestant:
        def before() -> None:
            self.grown.empty()
            for day in range(dates):
                add = self.grown.add_early if day in middle(dates) else self.grown.add
                add(day)

        return self.contestant("first load", self.grown, before, rounds=1)

    def contestants(self, dates: int) -> list[Contestant]:
        """In the order in which they change the pipeline that grows."""
        new_days, second_days = itertools.count(dates), itertools.count()

        def second() -> None:
            day = next(second_days)
            self.new.empty()
            self.new.add(day)
            self.new.run()
            self.new.add(day + 1)

        found = [
            self.contestant("second date", self.new, second),
            self.contestant("next date", self.grown, lambda: self.grown.add(next(new_days))),
        ]
        if middle(dates):
            late_days, alone_days = iter(middle(dates)), iter(middle(dates))

            def alone() -> None:
                self.new.empty()
                self.new.add(next(alone_days))

            found += [
                self.contestant("date alone", self.new, alone),
                self.contestant("late file", self.grown, lambda: self.grown.add_late(next(late_days))),
            ]
        return [*found, self.contestant("nothing new", self.grown, None)]

    def contestant(
        self, what: str, where: Workspace, before: Callable[[], None] | None, rounds: int = ROUNDS
    ) -> Contestant:
        name = f"{self.name}, {what}"
        return Contestant(name, where.mobility("run-all"), before=before, env=where.env, most_rounds=rounds)

    def take(self, dates: int, samples: Samples) -> None:
        mine = {who.removeprefix(f"{self.name}, "): s for who, s in samples.items() if who.startswith(self.name)}
        self.samples.setdefault(dates, {}).update(mine)

    def stages_of_next_date(self) -> str:
        """Median seconds of each stage, of the last next dates."""
        last = self.samples[max(self.samples)]
        per_round = sum(what in last for what in MEASURED)
        runs = self.grown.stage_seconds()[-per_round * len(last["next date"]) :][::per_round]
        medians = {stage: statistics.median(run[stage] for run in runs) for stage in runs[0]}
        return ", ".join(f"`{stage}` {median:.2f} s" for stage, median in medians.items())


def middle(dates: int) -> range:
    """The dates with a late file, one a round; none if there are too few dates."""
    if dates < 2 * ROUNDS:
        return range(0)
    return range(dates // 2, dates // 2 + ROUNDS)


def run(bench: Bench) -> list[Row]:
    dates = bench.dates
    source = bench.synthesise(
        f"growth-{dates}-dates", events=bench.date_events, cells=3_000, laus=79, days=dates + ROUNDS
    )
    postgis = "PostGIS" in bench.warehouses
    with cluster(bench.root / "postgis") if postgis else nullcontext("") as url:
        sides = [Side(bench, source, name, url if name == "PostGIS" else "") for name in bench.warehouses]
        points = sorted({max(1, round(share * dates)) for share in SHARES})
        for count in points:
            for contestants in (
                [side.first_load(count) for side in sides],
                [one for side in sides for one in side.contestants(count)],
            ):
                samples = bench.race(contestants)
                for side in sides:
                    side.take(count, samples)
            check(bench, sides)
        rows = [row for side in sides for row in side_rows(side, points)]
        rows += [row for side in sides for row in reads(bench, side, dates // 2)]
        if "embedded" in bench.warehouses:
            rows.append(few_dates(bench, sides[0]))
    bench.notes.append(f"Growth: dates of {bench.date_events:,} events; the targets are set for 365 of them.")
    for side in sides:
        bench.notes.append(f"The date after {dates}, {side.name}: {side.stages_of_next_date()}.")
    draw(bench, sides)
    return rows


def check(bench: Bench, sides: list[Side]) -> None:
    """Compares all answers with plain SQL over the raw events."""
    dataset, work = sides[0].grown.dataset, bench.work("growth")
    mapping, laus = work / "mapping.parquet", work / "laus.parquet"
    place = ["--cells", dataset.cells, "--lau", dataset.laus, "--country", MAIN_COUNTRY]
    output(bench.peer("shapely_peer.py", *place, "--out", mapping, "--laus-out", laus))
    given = ["--events", dataset.events, "--mapping", mapping, "--laus", laus]
    output(bench.peer("duckdb_peer.py", "answers", *given, "--out", work / "DuckDB"))
    for side in sides:
        ours = work / f"{side.name}-answers"
        export(bench, side.grown.config, ours, side.grown.env, ANSWERS | PERIODS)
        bench.check("answers", "--ours", ours, "--peer", work / "DuckDB")
        bench.check("periods", "--ours", ours, "--events", dataset.events)


def side_rows(side: Side, points: list[int]) -> list[Row]:
    few, dates = points[min(1, len(points) - 1)], points[-1]
    samples = side.samples[dates]
    started = side.samples[few]["first load"]

    def row(what: str, mine: str, peer: str, theirs: str, target: float) -> list[Row]:
        ours, other = samples[mine], samples[theirs]
        work = f"{what}, `run-all`, {side.name}"
        return [
            Row(work, "s", seconds(ours), peer, seconds(other), target),
            Row(f"{work}: peak memory", "MiB", peaks_mib(ours), peer, peaks_mib(other), 1.1),
        ]

    first = f"first load of {dates} dates, `run-all`, {side.name}"
    per_date = per(seconds(samples["first load"]), dates)
    rows = [
        Row(f"{first}: time per date", "s", per_date, f"{few} dates", per(seconds(started), few)),
        Row(f"{first}: peak memory", "MiB", peaks_mib(samples["first load"]), f"{few} dates", peaks_mib(started), 1.1),
        *row(f"the date after {dates}", "next date", "the second date", "second date", 1.3),
    ]
    if "late file" in samples:
        rows += row(f"late file in the middle of {dates} dates", "late file", "that date alone", "date alone", 1.5)
    nothing = f"nothing new, {dates} dates, `run-all`, {side.name}"
    return [*rows, Row(nothing, "s", seconds(samples["nothing new"]), target=NOTHING_S[side.name])]


def per(values: list[float], count: int) -> list[float]:
    return [value / count for value in values]


def reads(bench: Bench, side: Side, day: int) -> list[Row]:
    """The slowest of the stored views, read in a new process."""
    found = output([*side.grown.mobility("query", "users-per-lau"), "--limit", "1", "--format", "json"], side.grown.env)
    lau = json.loads(found)[0]["lau_id"]
    filters = {
        "a date": (["--date", str(date(day))], [view for view in ANSWERS if view not in UNDATED]),
        "an LAU": (["--lau", lau], BY_LAU),
    }
    rows = []
    for label, (flags, views) in filters.items():
        contestants = [
            Contestant(
                ANSWERS[view],
                side.grown.mobility("query", ANSWERS[view], "--format", "csv", *flags),
                env=side.grown.env,
            )
            for view in views
        ]
        name, times = slowest(bench.race(contestants))
        work = f"`query` cold, {side.name}, {bench.dates} dates, filtered to {label}, slowest view ({name})"
        rows.append(Row(work, "s", times, target=READ_S))
    return rows


def few_dates(bench: Bench, side: Side) -> Row:
    """All views of many dates against those of as many rows in few dates."""
    dates = bench.dates + ROUNDS
    few = min(FEW_DATES, bench.dates // 2)
    events = dates * bench.date_events // few
    source = bench.synthesise(f"growth-{few}-dates", events=events, cells=3_000, laus=79, days=few)
    other = Workspace(bench, source, bench.work("growth") / "few", "", "bench")
    other.empty()
    for day in range(few):
        other.add(day)
    other.run()
    samples = bench.race(
        [
            Contestant(name, where.mobility("views", "--refresh"), most_rounds=ROUNDS)
            for name, where in (("many dates", side.grown), ("few dates", other))
        ]
    )
    work = f"all views of {dates} dates, `views --refresh`, {side.name}"
    peer = f"as many rows in {few} dates"
    return Row(work, "s", seconds(samples["many dates"]), peer, seconds(samples["few dates"]), 2)


def draw(bench: Bench, sides: list[Side]) -> None:
    """A panel for each warehouse, seconds by number of dates."""
    panels = []
    for side in sides:
        lines = {
            what: [
                (count, statistics.median(seconds(samples[what])))
                for count, samples in sorted(side.samples.items())
                if what in samples
            ]
            for what in MEASURED
        }
        panels.append(chart.Panel(f"{side.name}, seconds by number of dates", lines))
    bench.charts.mkdir(parents=True, exist_ok=True)
    for theme, end in (("light", ""), ("dark", "-dark")):
        (bench.charts / f"growth{end}.svg").write_text(chart.svg(panels, theme))
