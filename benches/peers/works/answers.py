"""From raw files to all ten answers: `run-all` on the embedded warehouse against one shared pass."""

from __future__ import annotations

from pathlib import Path

import answers
from bench import Bench
from data import MAIN_COUNTRY, write_config
from measure import Contestant, output, peaks_mib, seconds
from table import Row


def run(bench: Bench) -> list[Row]:
    dataset, work = bench.events, bench.work("answers")
    config = write_config(work, dataset, [MAIN_COUNTRY], bench.compared_views())
    # the peers get this result for free, since DuckDB and Polars have no equivalent
    mapping, laus = work / "mapping.parquet", work / "laus.parquet"
    place = ["--cells", dataset.cells, "--lau", dataset.laus, "--country", MAIN_COUNTRY]
    output(bench.peer("shapely_peer.py", *place, "--out", mapping, "--laus-out", laus))
    given = ["--events", dataset.events, "--mapping", mapping, "--laus", laus]
    peers = {"DuckDB": "duckdb_peer.py", "Polars": "polars_peer.py"}
    contestants = [Contestant("mobility", bench.mobility(config, "run-all", "--force"))]
    for name, script in peers.items():
        command = bench.peer(script, "answers", *given, "--out", work / name)
        contestants.append(Contestant(name, command, reports=True))
    samples = bench.race(contestants)

    ours = work / "mobility"
    export(bench, config, ours)
    bench.check("answers", "--ours", ours, "--peer", work / "DuckDB")
    bench.check("answers", "--ours", ours, "--peer", work / "Polars")
    rows = []
    for name in peers:
        mine, theirs = samples["mobility"], samples[name]
        target = 0.4 if name == "DuckDB" else None
        rows.append(Row("raw files to ten answers, `run-all`", "s", seconds(mine), name, seconds(theirs), target))
        rows.append(Row("the same, peak memory", "MiB", peaks_mib(mine), name, peaks_mib(theirs)))
    return rows


def export(
    bench: Bench,
    config: Path,
    folder: Path,
    env: dict[str, str] | None = None,
    views: dict[str, str] = answers.ANSWERS,
) -> None:
    """Writes every answer of the warehouse as Parquet."""
    folder.mkdir(exist_ok=True)
    for view, name in views.items():
        output(bench.mobility(config, "query", name, "--output", folder / f"{view}.parquet"), env)
