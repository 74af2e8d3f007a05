"""Timing inside a peer: stages without the start of the interpreter and its imports."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager


class Stages:
    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def time(self, name: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start

    def print(self, counted: list[str] | None = None) -> None:
        """Prints the last line of output; `seconds` is the sum of the counted stages, or of all."""
        names = self.seconds if counted is None else counted
        total = sum(self.seconds[name] for name in names)
        print(json.dumps({"seconds": total, "stages": self.seconds}))
