"""Releases for the public: what a release takes, what it withholds, and what an outsider knows at best.

No other tool decides this, so that nothing is compared. The figures by view go above the table.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass

from bench import Bench
from data import MAIN_COUNTRY, write_config
from measure import Contestant, output, peaks_mib, seconds
from table import Row

# of a user on a day, as in data.SIZES["L"]
EVENTS_OF_A_USER = 271


@dataclass(frozen=True)
class World:
    devices: int
    dates: int
    laus: int

    @staticmethod
    def parse(text: str) -> World:
        """A world from text such as 3686x31x79: devices, dates and LAUs."""
        devices, dates, laus = map(int, text.split("x"))
        return World(devices, dates, laus)

    def __str__(self) -> str:
        return f"{self.devices:,} devices, {self.dates} dates, {self.laus:,} LAUs"

    @property
    def name(self) -> str:
        return f"publish-{self.devices}-{self.dates}-{self.laus}"


WORLDS = {
    "S": [World(3_686, 7, 79)],
    "M": [World(3_686, 31, 79), World(30_000, 2, 79)],
    "L": [World(3_686, 31, 79), World(30_000, 2, 79), World(150_000, 1, 79), World(150_000, 1, 3_000)],
}


def run(bench: Bench) -> list[Row]:
    rows = []
    worlds = [World.parse(text) for text in bench.worlds] or WORLDS[bench.size]
    for world in worlds:
        rows += of_world(bench, world)
    return rows


def of_world(bench: Bench, world: World) -> list[Row]:
    source = bench.synthesise(
        world.name,
        events=EVENTS_OF_A_USER * world.devices,
        users=world.devices,
        cells=max(3_000, 3 * world.laus),
        laus=world.laus,
        days=world.dates,
    )
    work = bench.work("publish") / world.name
    store, release = work / "published", work / "release"
    config = write_config(work, source, [MAIN_COUNTRY], f"[publish]\nstore = {json.dumps(str(store))}")
    output(bench.mobility(config, "run-all"))

    def empty() -> None:
        shutil.rmtree(store, ignore_errors=True)
        shutil.rmtree(release, ignore_errors=True)

    contestants = [Contestant("publish", bench.mobility(config, "publish", release), before=empty)]
    samples = bench.race(contestants)["publish"]
    # the second time it is there already
    by_view = json.loads(output(bench.mobility(config, "publish", release, "--format", "json")))
    audited = json.loads(output(bench.mobility(config, "publish", "--audit", release, "--format", "json")))
    bench.notes.append(figures(world, by_view, audited["kinds"]))
    what = f"`publish`, {world}"
    return [Row(what, "s", seconds(samples)), Row(f"{what}: peak memory", "MiB", peaks_mib(samples))]


def figures(world: World, by_view: list[dict], kinds: list[dict]) -> str:
    """What is withheld by view, and the narrowest intervals of an outsider."""
    lines = [f"\nReleased: {world}. Numbers that are withheld:\n"]
    lines += ["| view | numbers | primary | secondary | value lost |", "|---|---|---|---|---|"]
    for view in by_view:
        cells, primary, secondary = view["cells"], view["primary"], view["secondary"]
        lost = 100 * view["value_lost_share"]
        lines.append(f"| {view['view']} | {cells:,} | {primary:,} | {secondary:,} | {lost:.2f} % |")
    cells, primary, secondary = (sum(view[key] for view in by_view) for key in ("cells", "primary", "secondary"))
    lines.append(f"| all | {cells:,} | {primary:,} | {secondary:,} | |")
    lines += ["\nNarrowest interval of each kind of withheld number, derived from the release alone:\n"]
    lines += ["| kind | numbers | narrowest interval |", "|---|---|---|"]
    for kind in kinds:
        least, greatest = kind["least"], kind["greatest"]
        upper = "any" if greatest is None else f"{greatest:.0f}"
        interval = "none may be small" if least is None else f"{least:.0f} to {upper}"
        lines.append(f"| {kind['kind']} | {kind['numbers']:,} | {interval} |")
    return "\n".join(lines) + "\n"
