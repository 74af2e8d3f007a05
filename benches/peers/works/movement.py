"""Visits, stays and trips: what they cost beside `compress`, and against DuckDB and libraries for mobility data.

- `compress` with visits against `compress` without them. There are none if the checks on places are off and there is
  no cell plan; the other side has the same checks and a plan, so that it also locates cells.
- `movement` against `compress`.
- Both together against DuckDB, which finds segments and trips in the raw events by window functions, and neither
  checks events nor writes hourly presence.
- The same against the detection of stays of scikit-mobility, trackintel and MovingPandas, by the time per event.
"""

from __future__ import annotations

import json
from pathlib import Path

from bench import Bench
from data import MAIN_COUNTRY, SIZES, Dataset, write_config
from measure import Contestant, Failed, output, peaks_mib, say, seconds
from table import Row

CHECKS_ON_PLACES = [
    "unknown_cell", "cell_not_valid", "bad_coordinates", "two_places", "too_fast_both", "too_fast_once", "ping_pong",
]
# of the libraries
DEVICES = 1_000
LIBRARIES = {"scikit-mobility": "scikit-mobility", "trackintel": "stays", "MovingPandas": "stays"}
LIBRARY_ROUNDS = 2


def run(bench: Bench) -> list[Row]:
    dataset, work = bench.events, bench.work("movement")
    config = write_config(work, dataset, [MAIN_COUNTRY])
    processed, peer = work / "processed", work / "DuckDB"
    for stage in ("compress", "geojoin"):
        output(bench.mobility(config, stage))
    given = ["--events", dataset.events, "--cells", processed / "cells_with_lau.parquet"]
    samples = bench.race(
        [
            *beside_visits(bench, dataset, work),
            Contestant("compress", bench.mobility(config, "compress", "--force")),
            Contestant("movement", bench.mobility(config, "movement", "--force")),
            Contestant("DuckDB", bench.peer("movement_peer.py", *given, "--out", peer), reports=True),
        ]
    )
    bench.check("movement", "--ours", processed, "--peer", peer)
    compress, movement, theirs = (samples[name] for name in ("compress", "movement", "DuckDB"))
    ours = [a + b for a, b in zip(seconds(compress), seconds(movement))]
    peaks = [max(a, b) for a, b in zip(peaks_mib(compress), peaks_mib(movement))]
    both = "raw files to segments and trips, `compress` and `movement`"
    cpu = {name: [sample.cpu_s for sample in of_name] for name, of_name in samples.items()}
    with_visits, without = seconds(samples["with visits"]), seconds(samples["without visits"])
    return [
        Row("`compress` with visits", "s", with_visits, "without visits", without, 1.2),
        # other programs on the machine change it less
        Row("`compress` with visits, CPU", "s", cpu["with visits"], "without visits", cpu["without visits"], 1.2),
        Row("`movement`", "s", seconds(movement), "`compress`", seconds(compress), 0.5),
        Row(both, "s", ours, "DuckDB", seconds(theirs), 0.5),
        Row(f"{both}: peak memory", "MiB", peaks, "DuckDB", peaks_mib(theirs)),
        *beside_libraries(bench, given, [s / SIZES[bench.size].events * 1e6 for s in ours]),
    ]


def beside_visits(bench: Bench, dataset: Dataset, work: Path) -> list[Contestant]:
    """`compress` with and without visits."""
    contestants = []
    for name, cells in (("with visits", None), ("without visits", work / "no-plan")):
        folder = work / name.replace(" ", "-")
        off = f"[checks]\noff = {json.dumps(CHECKS_ON_PLACES)}"
        config = write_config(folder, dataset, [MAIN_COUNTRY], off, cells)
        contestants.append(Contestant(name, bench.mobility(config, "compress", "--force")))
    return contestants


def beside_libraries(bench: Bench, given: list[str | Path], ours: list[float]) -> list[Row]:
    """`ours` are seconds per million events."""
    contestants = []
    for name, requirements in LIBRARIES.items():
        words = [name, *given, "--devices", str(DEVICES)]
        try:
            command = bench.peer_of(requirements, "stays_peer.py", *words)
        except Failed as error:
            say(f"    {name} cannot be installed: {error}")
            bench.notes.append(f"{name} could not be installed with this Python, and was left out.")
            continue
        contestants.append(Contestant(name, command, reports=True, most_rounds=LIBRARY_ROUNDS))
    rows = []
    for name, samples in bench.race(contestants).items():
        theirs = [s.seconds / s.reported["events"] * 1e6 for s in samples]
        rows.append(Row("segments and trips, per million events", "s", ours, f"stays by {name}", theirs, 0.05))
    return rows
