"""GeoPandas: the LAU of every cell by `to_crs` and `sjoin`; only these two are timed."""

from __future__ import annotations

import argparse
from pathlib import Path

import geopandas
import pandas

from report import Stages


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=Path, required=True)
    parser.add_argument("--lau", type=Path, required=True)
    parser.add_argument("--country", action="append", default=[])
    parser.add_argument("--out", type=Path, required=True, help="Parquet of cell_id, lau_id")
    args = parser.parse_args()
    args.out.parent.mkdir(parents=True, exist_ok=True)
    laus = geopandas.read_file(args.lau)
    if args.country:
        laus = laus[laus.CNTR_CODE.isin(args.country)]
    laus = laus[["GISCO_ID", "geometry"]]
    cells = pandas.read_parquet(args.cells, columns=["cell_id", "longitude", "latitude"])
    points = geopandas.points_from_xy(cells.longitude, cells.latitude)
    points = geopandas.GeoDataFrame(cells[["cell_id"]], geometry=points, crs=4326)
    stages = Stages()
    with stages.time("reproject"):
        points = points.to_crs(epsg=3035)
    with stages.time("join"):
        joined = geopandas.sjoin(points, laus, how="inner", predicate="within")
    found = joined.groupby("cell_id", as_index=False).GISCO_ID.min()
    found = found.astype({"cell_id": "int64"}).rename(columns={"GISCO_ID": "lau_id"})
    found.to_parquet(args.out, index=False)
    stages.print()


if __name__ == "__main__":
    main()
