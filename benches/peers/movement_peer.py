"""DuckDB: segments and trips from the raw events by window functions.

    movement_peer.py --events GLOB --cells FILE --out FOLDER

The cells have their sites and LAUs already.
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from duckdb_peer import connect, copy
from report import Stages

SQL = Path(__file__).with_name("movement.sql")


def statements(events: str, cells: Path) -> list[str]:
    sql = re.sub(r"--.*", "", SQL.read_text())
    sql = sql.replace("{events}", f"read_parquet('{events}', hive_partitioning = false)").replace("{cells}", f"'{cells}'")
    return [statement.strip() for statement in sql.split(";")]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--events", required=True)
    parser.add_argument("--cells", type=Path, required=True, help="cells_with_lau.parquet")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    connection, stages = connect(args.out), Stages()
    for statement in statements(args.events, args.cells):
        with stages.time(" ".join(statement.split()[:3])):
            connection.execute(statement)
    for table in ("segments", "trips"):
        with stages.time(f"write {table}"):
            copy(connection, f"SELECT * FROM {table}", args.out / f"{table}.parquet")
    stages.print()


if __name__ == "__main__":
    main()
