"""Libraries for mobility data: the stays of some devices, each by its own detection at the places of cells.

    stays_peer.py LIBRARY --events GLOB --cells FILE --devices N

Their parameters are those nearest to the definitions of this project: stays of 15 minutes, gaps of two hours, and
1 km, from which on there are trips. What is timed is the detection alone, without reading the events and making the
library's table of them. The libraries need other versions of pandas than each other, and this file none of DuckDB.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import warnings
from pathlib import Path

import pandas as pd
import pyarrow.dataset as datasets
import pyarrow.parquet as parquet

from report import Stages

STAY_MINUTES = 15
GAP_MINUTES = 120
RADIUS_M = 1_000
COLUMNS = ["user_id", "cell_id", "timestamp"]


def located_events(events: str, cells: Path, devices: int) -> pd.DataFrame:
    """The events of some devices, by device and time, with coordinates."""
    folder = events.split("/**")[0]
    table = datasets.dataset(folder, format="parquet", partitioning=None)
    users = sorted(set(table.head(100 * devices, columns=["user_id"])["user_id"].to_pylist()))[:devices]
    frame = table.to_table(COLUMNS, filter=datasets.field("user_id").isin(users)).to_pandas()
    places = parquet.read_table(cells, columns=["cell_id", "latitude", "longitude"]).to_pandas()
    places["cell_id"] = places["cell_id"].astype("int64")
    frame = frame.merge(places, on="cell_id")
    frame["user_id"] = frame["user_id"].map(bytes.hex)
    return frame.sort_values(["user_id", "timestamp"], ignore_index=True)


def scikit_mobility(frame: pd.DataFrame, stages: Stages) -> int:
    import skmob
    from skmob.preprocessing import detection

    table = skmob.TrajDataFrame(frame, latitude="latitude", longitude="longitude", datetime="timestamp", user_id="user_id")
    with stages.time("stays"):
        stays = detection.stay_locations(
            table, minutes_for_a_stop=STAY_MINUTES, spatial_radius_km=RADIUS_M / 1_000, no_data_for_minutes=GAP_MINUTES
        )
    return len(stays)


def trackintel(frame: pd.DataFrame, stages: Stages) -> int:
    import geopandas
    import trackintel as ti

    points = geopandas.points_from_xy(frame["longitude"], frame["latitude"], crs="EPSG:4326")
    table = geopandas.GeoDataFrame(frame, geometry=points)
    table["tracked_at"] = table["timestamp"].dt.tz_localize("UTC")
    table = table[["user_id", "tracked_at", "geometry"]]
    with stages.time("stays"):
        _, stays = ti.Positionfixes(table).generate_staypoints(
            method="sliding", dist_threshold=RADIUS_M, time_threshold=STAY_MINUTES, gap_threshold=GAP_MINUTES,
            n_jobs=len(os.sched_getaffinity(0)),
        )
    return len(stays)


def movingpandas(frame: pd.DataFrame, stages: Stages) -> int:
    import movingpandas as mpd

    table = frame.drop_duplicates(["user_id", "timestamp"])
    table = mpd.TrajectoryCollection(table, traj_id_col="user_id", t="timestamp", x="longitude", y="latitude")
    with stages.time("stays"):
        detector = mpd.TrajectoryStopDetector(table, n_processes=len(os.sched_getaffinity(0)))
        stays = detector.get_stop_points(
            max_diameter=RADIUS_M, min_duration=datetime.timedelta(minutes=STAY_MINUTES)
        )
    return len(stays)


LIBRARIES = {"scikit-mobility": scikit_mobility, "trackintel": trackintel, "MovingPandas": movingpandas}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("library", choices=list(LIBRARIES))
    parser.add_argument("--events", required=True)
    parser.add_argument("--cells", type=Path, required=True, help="cells_with_lau.parquet")
    parser.add_argument("--devices", type=int, default=1_000)
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    frame, stages = located_events(args.events, args.cells, args.devices), Stages()
    stays = LIBRARIES[args.library](frame, stages)
    print(json.dumps({"seconds": stages.seconds["stays"], "events": len(frame), "stays": stays}))


if __name__ == "__main__":
    main()
