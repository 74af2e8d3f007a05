"""A million points against 79 LAUs: `geojoin` against shapely and GeoPandas.

Reprojection and join alone, as each of them tells, with the making of the index. And the whole
command against the peers from file to file: start, reading the plan and the boundaries, checking
them, writing GeoParquet.
"""

from __future__ import annotations

from bench import Bench
from data import MAIN_COUNTRY, write_config
from measure import Contestant, Sample, peaks_mib, seconds
from table import Row

POINTS = 1_000_000


def run(bench: Bench) -> list[Row]:
    dataset = bench.synthesise("points", events=1_000, users=10, cells=POINTS, laus=79)
    work = bench.work("points")
    config = write_config(work, dataset, [MAIN_COUNTRY])
    given = ["--cells", dataset.cells, "--lau", dataset.laus, "--country", MAIN_COUNTRY]
    peers = {
        "shapely, point tree": ("shapely_peer.py", "--way", "tree"),
        "shapely, boxes": ("shapely_peer.py", "--way", "boxes"),
        "GeoPandas": ("geopandas_peer.py",),
    }
    command = [bench.binary, "--config", config, "--verbose", "geojoin", "--force"]
    contestants = [Contestant("mobility", command, tells=r"reprojected and joined in ([0-9.]+) s")]
    files = []
    for name, (script, *way) in peers.items():
        files.append(work / f"{name}.parquet")
        command = bench.peer(script, *given, *way, "--out", files[-1])
        contestants.append(Contestant(name, command, reports=True))
    samples = bench.race(contestants)
    ours = work / "processed" / "cells_with_lau.parquet"
    bench.check("mapping", "--ours", ours, *[word for file in files for word in ("--peer", file)])

    mine = samples["mobility"]
    told = [sample.reported["told"] for sample in mine]
    work_name = "`geojoin`, 1 million points: reproject and join"
    rows = []
    for name in peers:
        target = 0.15 if name == "GeoPandas" else 0.25
        rows.append(Row(work_name, "s", told, name, seconds(samples[name]), target))
    boxes = samples["shapely, boxes"]
    whole = from_file_to_file(boxes)
    rows.append(Row("the same, the whole command, both from file to file", "s", seconds(mine), "shapely, boxes", whole))
    rows.append(Row("the same, peak memory", "MiB", peaks_mib(mine), "shapely, boxes", peaks_mib(boxes)))
    return rows


def from_file_to_file(samples: list[Sample]) -> list[float]:
    return [sum(sample.reported["stages"].values()) for sample in samples]
