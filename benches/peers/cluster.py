"""A PostgreSQL server with PostGIS for the benchmark, which is removed at its end."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from measure import Failed, output

SCRIPT = Path(__file__).parents[2] / "tests" / "postgis" / "cluster.sh"


@contextmanager
def cluster(folder: Path) -> Iterator[str]:
    """Starts the server and returns its URL. It also stops if this process is killed."""
    try:
        url = output([SCRIPT, "start", folder, "--owner", str(os.getpid())]).strip()
    except FileNotFoundError as error:
        raise Failed(f"PostGIS cannot be had: {error}") from error
    if not url.startswith("postgres://"):
        raise Failed(f"{SCRIPT} gave no URL")
    try:
        yield url
    finally:
        subprocess.run([SCRIPT, "stop", folder], check=False, capture_output=True)
