"""Inputs of the benchmarks, written by `mobility synth` and kept in the bench folder."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from measure import output, say


@dataclass(frozen=True)
class Size:
    events: int
    rounds: int
    users: int | None = None


SIZES = {
    "S": Size(events=1_000_000, rounds=5),
    "M": Size(events=10_000_000, rounds=5),
    "L": Size(events=40_700_000, rounds=3, users=150_000),
}

MAIN_COUNTRY = "EE"


@dataclass(frozen=True)
class Dataset:
    """A folder with `events/`, `cells/` and `lau_boundaries/`."""

    folder: Path
    options: dict[str, int]

    @property
    def events(self) -> str:
        return f"{self.folder}/events/**/*.parquet"

    @property
    def cells(self) -> Path:
        """The first day's plan; the plan is the same on all days."""
        return min((self.folder / "cells").rglob("*.parquet"))

    @property
    def laus(self) -> Path:
        return next((self.folder / "lau_boundaries").glob("*.geojson"))

    @property
    def event_rows(self) -> int:
        return self.options["events"] * self.options.get("days", 1)


def synthesise(binary: Path, folder: Path, **options: int | None) -> Dataset:
    """Writes the data set unless it exists. Equal options give equal bytes."""
    given = {name: value for name, value in options.items() if value is not None}
    made = folder / "made.json"
    if not made.exists() or json.loads(made.read_text()) != given:
        say(f"  synthesising {folder.name}: {given}")
        shutil.rmtree(folder, ignore_errors=True)
        folder.parent.mkdir(parents=True, exist_ok=True)
        flags = [word for name, value in given.items() for word in (f"--{name}", str(value))]
        output([binary, "synth", "--quiet", "--out", folder, *flags])
        made.write_text(json.dumps(given))
    return Dataset(folder, given)


def write_config(
    work: Path, dataset: Dataset, countries: list[str], extra: str = "", cells: Path | None = None
) -> Path:
    """A config file for the program, with all its outputs in `work`; `cells` is another cell plan than that of the data."""
    work.mkdir(parents=True, exist_ok=True)
    config = work / "pipeline.toml"
    text = "\n".join(
        [
            "[data]",
            f"events = {json.dumps(str(dataset.folder / 'events'))}",
            f"cells = {json.dumps(str(cells or dataset.folder / 'cells'))}",
            f"lau = {json.dumps(str(dataset.folder / 'lau_boundaries'))}",
            f"processed = {json.dumps(str(work / 'processed'))}",
            "[lau]",
            f"countries = {json.dumps(countries)}",
            extra,
        ]
    )
    config.write_text(text + "\n")
    return config


def bytes_below(path: Path) -> int:
    """Bytes of a file, or of all files below a folder."""
    files = [path] if path.is_file() else [p for p in path.rglob("*") if p.is_file()]
    return sum(file.stat().st_size for file in files)
