"""A pipeline whose files arrive date by date, as links to the files of a data set."""

from __future__ import annotations

import datetime
import json
import os
import shutil
from pathlib import Path

from bench import Bench
from data import MAIN_COUNTRY, Dataset, write_config
from measure import Command, output

# the first date that `mobility synth` writes
START = datetime.date(2024, 10, 1)


class Workspace:
    """`url` is that of a PostGIS server; without it the warehouse is embedded."""

    def __init__(self, bench: Bench, source: Dataset, folder: Path, url: str, schema: str) -> None:
        self.bench = bench
        self.source = source
        self.folder = folder
        self.dataset = Dataset(folder / "raw", source.options)
        self.env = {"DATABASE_URL": url} if url else {}
        self.schema = schema
        self.config = folder / "pipeline.toml"

    def mobility(self, *words: str | Path) -> Command:
        return self.bench.mobility(self.config, *words)

    def run(self) -> None:
        output(self.mobility("run-all"), self.env)

    def empty(self) -> None:
        """Removes files and tables, and writes the configuration again."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.config = write_config(self.folder, self.dataset, [MAIN_COUNTRY], f'[warehouse]\nschema = "{self.schema}"')
        self.link(self.source.laus, self.source.laus.relative_to(self.source.folder))
        if self.env:
            output(self.bench.peer("postgis_peer.py", "reset", "--schema", self.schema), self.env)

    def add(self, day: int) -> None:
        """Events and cell plan of a date, which is given by its number, from 0."""
        for kind in ("events", "cells"):
            for file in (self.source.folder / kind / hive_folder(day)).iterdir():
                self.link(file, file.relative_to(self.source.folder))

    def add_early(self, day: int) -> None:
        """The same without the events that come late."""
        self.add(day)
        early, _ = self.split(day)
        self.replace_events(day, early)

    def add_late(self, day: int) -> None:
        _, late = self.split(day)
        self.link(late, Path("events") / hive_folder(day) / late.name)

    def replace_events(self, day: int, file: Path) -> None:
        folder = Path("events") / hive_folder(day)
        shutil.rmtree(self.dataset.folder / folder)
        self.link(file, folder / file.name)

    def split(self, day: int) -> tuple[Path, Path]:
        folder = self.source.folder / "split" / hive_folder(day)
        early, late = folder / "early.parquet", folder / "late.parquet"
        if not late.exists():
            folder.mkdir(parents=True, exist_ok=True)
            (file,) = (self.source.folder / "events" / hive_folder(day)).iterdir()
            output(self.bench.peer("late.py", file, early, late))
        return early, late

    def link(self, file: Path, name: Path) -> None:
        target = self.dataset.folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        os.link(file, target)

    def stage_seconds(self) -> list[dict[str, float]]:
        """The seconds of each stage, of every `run-all` since the folder was emptied."""
        lines = (self.folder / "processed" / "runs.jsonl").read_text().splitlines()
        runs = [run for run in map(json.loads, lines) if run["command"] == "run-all"]
        return [{stage["stage"]: stage["seconds"] for stage in run["stages"]} for run in runs]


def date(day: int) -> datetime.date:
    return START + datetime.timedelta(days=day)


def hive_folder(day: int) -> str:
    at = date(day)
    return f"year={at.year}/month={at.month}/day={at.day}"
