"""The results as a Markdown table."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

HEAD = ["work", "in", "mobility", "peer", "its figure", "ratio", "target", ""]


@dataclass(frozen=True)
class Row:
    """One figure of mobility: against a peer's, or against a fixed limit when `peer` is empty."""

    work: str
    unit: str
    ours: Sequence[float]
    peer: str = ""
    theirs: Sequence[float] = ()
    # maximum ratio, or maximum figure without a peer; a row without a target is informative
    target: float | None = None

    def ratio(self) -> float | None:
        if not self.theirs:
            return None
        return statistics.median(self.ours) / statistics.median(self.theirs)

    def met(self) -> bool | None:
        if self.target is None:
            return None
        ratio = self.ratio()
        return (statistics.median(self.ours) if ratio is None else ratio) <= self.target

    def cells(self) -> list[str]:
        ratio, met = self.ratio(), self.met()
        target = "" if self.target is None else f"{self.target:g}" + ("" if self.peer else f" {self.unit}")
        return [
            self.work,
            self.unit,
            figures(self.ours),
            self.peer,
            figures(self.theirs),
            "" if ratio is None else f"{ratio:.3f}",
            target,
            {None: "", True: "met", False: "**missed**"}[met],
        ]


@dataclass(frozen=True)
class Failure:
    """A work that could not be measured or gave another result than the peer, and why."""

    work: str
    why: str

    def cells(self) -> list[str]:
        return [self.work, "", "", "", "", "", "", f"**failed**: {self.why}"]


def figures(values: Sequence[float]) -> str:
    """Median [least–most]; one value stands alone."""
    if not values:
        return ""
    median = number(statistics.median(values))
    if len(values) == 1:
        return median
    return f"{median} [{number(min(values))}–{number(max(values))}]"


def number(value: float) -> str:
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.3g}"


def markdown(rows: Sequence[Row | Failure]) -> str:
    lines = [HEAD, ["---"] * len(HEAD)] + [row.cells() for row in rows]
    escaped = [[cell.replace("|", "\\|") for cell in line] for line in lines]
    return "".join(f"| {' | '.join(line)} |\n" for line in escaped)
