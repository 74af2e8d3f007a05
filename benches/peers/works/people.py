"""Homes, work places, present devices and estimates of many dates, against DuckDB with the SQL of the views.

Both compute the views about people from the same files of hourly presence and places. mobility has no other
views meanwhile, and its time is that of `views`, which also stores the results.
"""

from __future__ import annotations

import itertools

from answers import PEOPLE
from bench import Bench
from data import MAIN_COUNTRY, SIZES, write_config
from measure import Contestant, output, peaks_mib, seconds
from table import Row
from works.answers import export
from workspace import Workspace

# the days of these are added one by one, each followed by a run
NEW_DATES = 3


def run(bench: Bench) -> list[Row]:
    dates, size = bench.people_dates, SIZES[bench.size]
    # days of 40.7 million events would take hours
    events, users = min(size.events, SIZES["M"].events), None
    source = bench.synthesise(
        f"people-{events}-{dates}-dates", events=events, users=users, cells=3_000, laus=79, days=dates + NEW_DATES
    )
    work = Workspace(bench, source, bench.work("people") / "mobility", "", "bench")
    work.empty()
    for day in range(dates):
        work.add(day)
    views = work.folder / "views"
    output(work.mobility("views", "--export", views))
    for file in views.glob("*.sql"):
        if file.stem not in PEOPLE:
            file.unlink()
    write_config(work.folder, work.dataset, [MAIN_COUNTRY], "[views]\nbuiltin = false\ndir = \"views\"")
    load(work)
    ours, peer = work.folder / "answers", bench.work("people") / "DuckDB"
    inputs = work.folder / "processed"
    given = ["--inputs", inputs, "--views", views, "--out", peer]
    contestants = [
        Contestant("mobility", work.mobility("views", "--refresh")),
        Contestant("DuckDB", bench.peer("people_peer.py", *given, *PEOPLE), reports=True, most_rounds=2),
    ]
    samples = bench.race(contestants)
    export(bench, work.config, ours, views={view: view for view in PEOPLE})
    bench.check("people", "--ours", ours, "--peer", peer)

    new_days = itertools.count(dates)

    def add() -> None:
        work.add(next(new_days))
        load(work)

    new = bench.race([Contestant("new date", work.mobility("views"), before=add, most_rounds=NEW_DATES)])
    added = min(NEW_DATES, bench.rounds)
    export(bench, work.config, ours, views={view: view for view in PEOPLE})
    output(bench.peer("people_peer.py", *given, *PEOPLE))
    bench.check("people", "--ours", ours, "--peer", peer)
    bench.notes.append(f"Views about people: {dates} dates of {events:,} events, and {added} more one by one.")
    mine, theirs, next_date = samples["mobility"], samples["DuckDB"], new["new date"]
    what = f"views about people, {dates} dates"
    return [
        Row(what, "s", seconds(mine), "DuckDB", seconds(theirs), 0.5),
        Row(f"{what}: peak memory", "MiB", peaks_mib(mine), "DuckDB", peaks_mib(theirs)),
        Row(f"{what}, a new date", "s", seconds(next_date), "DuckDB, all dates", seconds(theirs), 0.1),
    ]


def load(work: Workspace) -> None:
    for stage in ("compress", "geojoin", "quality", "load"):
        output(work.mobility(stage))
