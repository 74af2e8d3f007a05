"""`compress` of one day of three times the events within a bound on its memory, and without one."""

from __future__ import annotations

import hashlib
from pathlib import Path

from bench import Bench
from data import MAIN_COUNTRY, SIZES, bytes_below, write_config
from measure import Contestant, Failed, peaks_mib, seconds
from table import Row

TIMES = 3
BOUND_MIB = {"S": 128, "M": 256, "L": 512}


def run(bench: Bench) -> list[Row]:
    size, bound = SIZES[bench.size], BOUND_MIB[bench.size]
    dataset = bench.synthesise(
        f"{bench.size}-times-{TIMES}",
        events=TIMES * size.events,
        users=TIMES * size.users if size.users else None,
        cells=3_000,
        laus=79,
    )
    folders = {name: bench.work(f"bounded-{name}") for name in ("bound", "free")}
    configs = {
        "bound": write_config(folders["bound"], dataset, [MAIN_COUNTRY], f'[compress]\nmemory = "{bound}MiB"'),
        "free": write_config(folders["free"], dataset, [MAIN_COUNTRY]),
    }
    samples = bench.race([Contestant(name, bench.mobility(configs[name], "compress", "--force")) for name in folders])
    outputs = {name: folder / "processed" / "compressed_events" for name, folder in folders.items()}
    if digests(outputs["bound"]) != digests(outputs["free"]):
        raise Failed("presence differs with and without a bound on memory")
    work = f"`compress` of {TIMES * size.events / 1e6:g} million events of one day in {bound} MiB"
    mine, free = samples["bound"], samples["free"]
    return [
        Row(work, "s", seconds(mine), "without a bound", seconds(free), 1.6),
        Row(f"{work}: peak memory", "MiB", peaks_mib(mine), "without a bound", peaks_mib(free)),
        Row(f"{work}: peak memory by the bound", "", [peak / bound for peak in peaks_mib(mine)], target=1.1),
        Row(f"{work}: presence on disk", "MB", [bytes_below(outputs["bound"]) / 1e6]),
    ]


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 of each file, by its path."""
    found = {}
    for file in folder.rglob("*.parquet"):
        with file.open("rb") as content:
            found[str(file.relative_to(folder))] = hashlib.file_digest(content, "sha256").hexdigest()
    return found
