"""The machine and the versions with which the figures were measured."""

from __future__ import annotations

import datetime
import importlib.metadata
import platform
from pathlib import Path

from measure import cores, output

PEERS = ["duckdb", "polars", "pyarrow", "shapely", "geopandas", "pyproj"]


def description(binary: Path) -> list[str]:
    """Lines above the table."""
    packages = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in PEERS)
    system = platform.freedesktop_os_release().get("PRETTY_NAME", platform.system())
    return [
        f"{datetime.date.today()}; {processor()}, {cores()} cores, {memory_gib():.0f} GiB; {system}, "
        f"Linux {platform.release()}.",
        f"{output([binary, '--version']).strip()}{revision()}; Python {platform.python_version()}, {packages}.",
    ]


def revision() -> str:
    try:
        return f" ({output(['git', 'describe', '--always', '--dirty']).strip()})"
    except Exception:
        return ""  # a source archive has no history


def processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def memory_gib() -> float:
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemTotal"):
            return int(line.split()[1]) / 2**20
    return 0.0
