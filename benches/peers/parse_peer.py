"""Reads a boundary file once: as JSON by orjson, or with OGR into geometries as GeoPandas does."""

from __future__ import annotations

import argparse
from pathlib import Path

from report import Stages


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--with-ogr", action="store_true")
    args = parser.parse_args()
    stages = Stages()
    if args.with_ogr:
        import pyogrio.raw

        with stages.time("parse"):
            pyogrio.raw.read(args.file, columns=["GISCO_ID", "CNTR_CODE", "LAU_NAME"])
    else:
        import orjson

        with stages.time("parse"):
            orjson.loads(args.file.read_bytes())
    stages.print()


if __name__ == "__main__":
    main()
