"""Runs commands in interleaved rounds and measures time and peak memory of each run.

This process must stay small, so nothing heavy is imported here or in run.py: Linux counts the
memory of the parent at the moment of the fork into the peak of the child.
"""

from __future__ import annotations

import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Command = Sequence[str | Path]

# The machine counts as idle if less than this share of all cores is busy.
QUIET_SHARE = 0.15
QUIET_WINDOW_S = 0.5


class Failed(Exception):
    """A command that ended with an error, or a result that is not the peer's."""


@dataclass(frozen=True)
class Contestant:
    """A command that takes part in the rounds."""

    name: str
    command: Command
    # the command prints its own time as JSON, without the start of the interpreter
    reports: bool = False
    # pattern of the seconds that the command reports on standard error, with one group
    tells: str = ""
    # untimed, before each run
    before: Callable[[], None] | None = None
    env: dict[str, str] = field(default_factory=dict)
    # maximum number of rounds, for commands that take minutes
    most_rounds: int | None = None


@dataclass(frozen=True)
class Sample:
    """One run."""

    seconds: float
    cpu_s: float
    peak_mib: float
    # cores that other processes used during the run
    others: float
    reported: dict[str, Any]


def rounds(contestants: Sequence[Contestant], count: int, quiet_s: float) -> dict[str, list[Sample]]:
    """Every contestant runs once a round, in turn, so that a slow minute hits all of them."""
    samples: dict[str, list[Sample]] = {c.name: [] for c in contestants}
    for number in range(count):
        for contestant in contestants:
            if contestant.most_rounds is not None and number >= contestant.most_rounds:
                continue
            if contestant.before:
                contestant.before()
            wait_until_quiet(quiet_s)
            sample = run(contestant.command, contestant.env, contestant.reports, contestant.tells)
            samples[contestant.name].append(sample)
            say(f"    {contestant.name}: {sample.seconds:.3f} s, {sample.peak_mib:.0f} MiB")
    return samples


def run(
    command: Command, env: dict[str, str] | None = None, reports: bool = False, tells: str = ""
) -> Sample:
    """Runs one command to its end. Memory is the peak of the largest of its processes."""
    words = [str(word) for word in command]
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        busy = busy_seconds()
        start = time.perf_counter()
        child = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=os.environ | (env or {})
        )
        _, status, usage = os.wait4(child.pid, 0)
        wall = time.perf_counter() - start
        busy = busy_seconds() - busy
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode != 0:
            raise Failed(f"{' '.join(words)}\nended with {child.returncode}: {tail(err)}{tail(out)}")
        reported = json.loads(tail(out).splitlines()[-1]) if reports else {}
        if tells:
            told = re.search(tells, tail(err))
            if told is None:
                raise Failed(f"{' '.join(words)}\ndid not tell its seconds: {tail(err)}")
            reported["told"] = float(told[1])
    cpu = usage.ru_utime + usage.ru_stime
    return Sample(
        seconds=reported.get("seconds", wall),
        cpu_s=cpu,
        peak_mib=usage.ru_maxrss / 1024,
        others=max(0.0, busy - cpu) / wall,
        reported=reported,
    )


def output(command: Command, env: dict[str, str] | None = None) -> str:
    """What a command prints; untimed."""
    words = [str(word) for word in command]
    done = subprocess.run(
        words, stdin=subprocess.DEVNULL, capture_output=True, text=True, env=os.environ | (env or {})
    )
    if done.returncode != 0:
        raise Failed(f"{' '.join(words)}\nended with {done.returncode}: {done.stderr}{done.stdout}")
    return done.stdout


def wait_until_quiet(seconds: float) -> None:
    """Waits, but not for longer than this, until the rest of the machine has little to do."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        before = busy_seconds()
        time.sleep(QUIET_WINDOW_S)
        if busy_seconds() - before < QUIET_SHARE * cores() * QUIET_WINDOW_S:
            return


def busy_seconds() -> float:
    """Seconds that all cores were busy since the machine started."""
    with open("/proc/stat") as stat:
        user, nice, system, _, _, irq, softirq, steal = map(int, stat.readline().split()[1:9])
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def cores() -> int:
    return len(os.sched_getaffinity(0))


def seconds(samples: Sequence[Sample]) -> list[float]:
    return [sample.seconds for sample in samples]


def peaks_mib(samples: Sequence[Sample]) -> list[float]:
    return [sample.peak_mib for sample in samples]


def slowest(by_name: dict[str, list[Sample]]) -> tuple[str, list[float]]:
    """The one with the highest median, and its times."""
    name = max(by_name, key=lambda n: statistics.median(seconds(by_name[n])))
    return name, seconds(by_name[name])


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def tail(file: Any, limit: int = 4_000) -> str:
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - limit))
    return file.read().decode(errors="replace")
