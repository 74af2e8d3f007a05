"""`compress` against DuckDB and Polars, which write the first and last event of each group."""

from __future__ import annotations

from bench import Bench
from data import MAIN_COUNTRY, bytes_below, write_config
from measure import Contestant, peaks_mib, seconds
from table import Row


def run(bench: Bench) -> list[Row]:
    dataset, work = bench.events, bench.work("compress")
    config = write_config(work, dataset, [MAIN_COUNTRY])
    peers = {"DuckDB": "duckdb_peer.py", "Polars": "polars_peer.py"}
    contestants = [Contestant("mobility", bench.mobility(config, "compress", "--force"))]
    for name, script in peers.items():
        command = bench.peer(script, "compress", "--events", dataset.events, "--out", work / name)
        contestants.append(Contestant(name, command, reports=True))
    samples = bench.race(contestants)

    ours = work / "processed" / "compressed_events"
    files = [work / name / "compressed.parquet" for name in peers]
    to_check = [word for file in files for word in ("--peer", file)]
    bench.check("compress", "--events", dataset.events, "--ours", ours, *to_check)

    rows = []
    for name, file in zip(peers, files):
        wall, memory, disk = (0.33, 0.5, 0.35) if name == "DuckDB" else (None, None, None)
        mine, theirs = samples["mobility"], samples[name]
        rows += [
            Row("`compress`", "s", seconds(mine), name, seconds(theirs), wall),
            Row("`compress`, peak memory", "MiB", peaks_mib(mine), name, peaks_mib(theirs), memory),
            Row("`compress`, on disk", "MB", [bytes_below(ours) / 1e6], name, [bytes_below(file) / 1e6], disk),
        ]
    return rows
