"""shapely: the LAU of every cell, from file to file; the stages are timed one by one.

Two ways, of which the faster one counts: a tree over the points that prepared polygons are asked
against, and the points within each polygon's box tested one polygon at a time.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import shapely
from pyproj import Transformer

from report import Stages

NOWHERE = np.iinfo(np.int64).max


def read_laus(file: Path, countries: list[str]) -> tuple[np.ndarray, list[str], list[str]]:
    """Geometries, ids and names in ascending order of the id, so that the lowest number wins."""
    features = orjson.loads(file.read_bytes())["features"]
    kept = [f for f in features if not countries or f["properties"]["CNTR_CODE"] in countries]
    kept.sort(key=lambda f: f["properties"]["GISCO_ID"].encode())
    shapes = shapely.from_geojson([orjson.dumps(f["geometry"]) for f in kept])
    ids = [f["properties"]["GISCO_ID"] for f in kept]
    return shapes, ids, [f["properties"]["LAU_NAME"] for f in kept]


def by_tree(shapes: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """For each point the lowest number of the polygons that hold or touch it."""
    lowest = np.full(len(x), NOWHERE)
    shapely.prepare(shapes)
    shape, point = shapely.STRtree(shapely.points(x, y)).query(shapes, predicate="intersects")
    np.minimum.at(lowest, point, shape)
    return lowest


def by_boxes(shapes: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    lowest = np.full(len(x), NOWHERE)
    order = np.argsort(x)
    sorted_x = x[order]
    for number in range(len(shapes) - 1, -1, -1):  # so that the lowest number is written last
        west, south, east, north = shapely.bounds(shapes[number])
        near = order[np.searchsorted(sorted_x, west) : np.searchsorted(sorted_x, east, "right")]
        near = near[(y[near] >= south) & (y[near] <= north)]
        shapely.prepare(shapes[number])
        lowest[near[shapely.intersects_xy(shapes[number], x[near], y[near])]] = number
    return lowest


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=Path, required=True)
    parser.add_argument("--lau", type=Path, required=True)
    parser.add_argument("--country", action="append", default=[])
    parser.add_argument("--way", choices=["tree", "boxes"], default="tree")
    parser.add_argument("--out", type=Path, required=True, help="Parquet of cell_id, lau_id, lau_name")
    parser.add_argument("--laus-out", type=Path, help="Parquet of lau_id, lau_name")
    args = parser.parse_args()
    args.out.parent.mkdir(parents=True, exist_ok=True)
    stages = Stages()
    with stages.time("read"):
        shapes, ids, names = read_laus(args.lau, args.country)
        cells = pq.read_table(args.cells, columns=["cell_id", "longitude", "latitude"])
        lon, lat = cells["longitude"].to_numpy(), cells["latitude"].to_numpy()
    with stages.time("reproject"):
        x, y = Transformer.from_crs(4326, 3035, always_xy=True).transform(lon, lat)
    with stages.time("join"):
        lowest = (by_tree if args.way == "tree" else by_boxes)(shapes, x, y)
    with stages.time("write"):
        inside = lowest != NOWHERE
        taken = pa.array(lowest[inside])
        table = {
            "cell_id": cells["cell_id"].filter(pa.array(inside)).cast(pa.int64()),
            "lau_id": pa.array(ids).take(taken),
            "lau_name": pa.array(names).take(taken),
        }
        pq.write_table(pa.table(table), args.out)
    if args.laus_out:
        unique = dict(zip(ids, names))
        pq.write_table(pa.table({"lau_id": list(unique), "lau_name": list(unique.values())}), args.laus_out)
    stages.print(["reproject", "join"])


if __name__ == "__main__":
    main()
