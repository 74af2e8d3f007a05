"""What all benchmarks share: the program, folders, peers, checks."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import data
import measure
from answers import MOVEMENT, PEOPLE
from measure import Command, Contestant, Sample, output, say

PEERS = Path(__file__).parent
MOST_DISTURBANCE = 0.1
# the kernel counts CPU time in hundredths of a second, which is too coarse for shorter runs
SHORT_S = 0.5


@dataclass(frozen=True)
class Bench:
    binary: Path
    # target/bench
    root: Path
    size: str
    rounds: int
    quiet_s: float
    month: bool
    # of the benchmark of views about people
    people_dates: int
    # of the benchmark of growth
    dates: int
    date_events: int
    warehouses: list[str]
    # of the benchmark of releases, such as 3686x31x79; empty for the usual ones
    worlds: list[str]
    # folder for charts
    charts: Path
    # notes above the table
    notes: list[str] = field(default_factory=list)
    # runs during which other processes used more than a tenth of the machine, and all runs
    disturbed: list[bool] = field(default_factory=list)

    @property
    def events(self) -> data.Dataset:
        """One day of the requested size."""
        size = data.SIZES[self.size]
        return self.synthesise(self.size, events=size.events, users=size.users, cells=3_000, laus=79)

    def synthesise(self, name: str, **options: int | None) -> data.Dataset:
        return data.synthesise(self.binary, self.root / "data" / name, **options)

    def compared_views(self) -> str:
        """Lines of a config without the views about people and movement, which the peers do not compute."""
        folder = self.root / "data" / "compared-views"
        shutil.rmtree(folder, ignore_errors=True)
        output([self.binary, "--quiet", "views", "--export", folder])
        for view in [*PEOPLE, *MOVEMENT]:
            (folder / f"{view}.sql").unlink()
        return f"[views]\nbuiltin = false\ndir = {json.dumps(str(folder))}"

    def work(self, name: str) -> Path:
        """A folder for outputs."""
        folder = self.root / "work" / self.size / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def mobility(self, config: Path, *words: str | Path) -> Command:
        return [self.binary, "--config", config, "--quiet", *words]

    def peer(self, script: str, *words: str | Path) -> Command:
        return [sys.executable, PEERS / script, *words]

    def peer_of(self, requirements: str, script: str, *words: str | Path) -> Command:
        """A peer in an environment of its own, which is made if it does not exist; fails if it cannot be made."""
        environment = self.root / f"venv-{requirements}"
        output([PEERS.parents[1] / "tests" / "venv.sh", environment, PEERS.parent / f"requirements-{requirements}.txt"])
        return [environment / "bin" / "python", PEERS / script, *words]

    def check(self, *words: str | Path) -> None:
        said = output(self.peer("check.py", *words)).strip()
        say("    checked: " + said.replace("\n", "\n    checked: "))

    def race(self, contestants: Sequence[Contestant], times: int = 1) -> dict[str, list[Sample]]:
        """Multiplies the number of rounds by `times`, for short commands."""
        samples = measure.rounds(contestants, times * self.rounds, self.quiet_s)
        for contestant in contestants:
            # a database server is a separate process, but part of the measured work
            if not contestant.env:
                long = [s for s in samples[contestant.name] if s.seconds > SHORT_S]
                self.disturbed.extend(s.others / measure.cores() > MOST_DISTURBANCE for s in long)
        return samples
