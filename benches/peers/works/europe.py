"""All of Europe's LAUs and 100,000 cells: `geojoin` against parsing the boundary file once."""

from __future__ import annotations

from bench import Bench
from data import write_config
from measure import Contestant, output, peaks_mib, seconds
from table import Row

CELLS = 100_000
# the second country gets half as many, 98,001 in total
MAIN_LAUS = 65_334
MEMORY_MIB = 1_024


def run(bench: Bench) -> list[Row]:
    dataset = bench.synthesise("europe", events=1_000, users=10, cells=CELLS, laus=MAIN_LAUS)
    work = bench.work("europe")
    config = write_config(work, dataset, [])
    samples = bench.race(
        [
            Contestant("mobility", bench.mobility(config, "geojoin", "--force")),
            Contestant("orjson", bench.peer("parse_peer.py", dataset.laus), reports=True),
            Contestant("OGR", bench.peer("parse_peer.py", dataset.laus, "--with-ogr"), reports=True),
        ]
    )
    mapping = work / "mapping.parquet"
    output(bench.peer("shapely_peer.py", "--cells", dataset.cells, "--lau", dataset.laus, "--out", mapping))
    bench.check("mapping", "--ours", work / "processed" / "cells_with_lau.parquet", "--peer", mapping)

    mine = samples["mobility"]
    work_name = "`geojoin`, 98,000 LAUs, 100,000 cells"
    return [
        Row(work_name, "s", seconds(mine), "parsing once, OGR", seconds(samples["OGR"])),
        Row(work_name, "s", seconds(mine), "parsing once, orjson", seconds(samples["orjson"])),
        Row(f"{work_name}, peak memory", "MiB", peaks_mib(mine), target=MEMORY_MIB),
    ]
