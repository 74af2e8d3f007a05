"""What both comparisons share: the data of `mobility synth --people` in a folder, and the program run on them."""

from __future__ import annotations

import argparse
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
CONFIG = """[data]
events = "raw/events"
cells = "raw/cells"
lau = "raw/lau_boundaries"
processed = "processed"
[warehouse]
url = "embedded:warehouse"
"""


def arguments(description: str | None, people: int, days: int) -> argparse.ArgumentParser:
    """The arguments of both, with the default numbers of devices and dates."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--people", type=int, default=people)
    parser.add_argument("--days", type=int, default=days)
    parser.add_argument("--binary", type=Path, default=ROOT / "target" / "release" / "mobility")
    parser.add_argument("--out", type=Path, default=ROOT / "target" / "bench")
    return parser


def synthesise(binary: Path, folder: Path, *options: str) -> None:
    """Makes the folder anew, with the data in `raw` and a configuration."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    configure(folder)
    run(binary, folder, "synth", "--out", "raw", *options)


def configure(folder: Path, more: str = "") -> None:
    (folder / "pipeline.toml").write_text(CONFIG + more)


def run(binary: Path, folder: Path, *arguments: str) -> None:
    subprocess.run([binary.resolve(), *arguments, "--quiet"], cwd=folder, check=True)
