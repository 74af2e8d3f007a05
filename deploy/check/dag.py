"""Airflow's own parser reads the DAG, and Airflow runs it on the fixtures: dag.py FOLDER EXPECTED_CSV

FOLDER holds pipeline.toml; the program is on PATH.
"""

import subprocess
import sys
from pathlib import Path

from airflow.dag_processing.dagbag import DagBag

folder, expected = Path(sys.argv[1]), Path(sys.argv[2])

bag = DagBag(dag_folder=str(Path(__file__).resolve().parents[1] / "airflow"))
assert not bag.import_errors, bag.import_errors
assert set(bag.dags) == {"mobility"}, set(bag.dags)
dag = bag.dags["mobility"]
after = {task.task_id: task.upstream_task_ids for task in dag.tasks}
assert after == {
    "compress": set(),
    "geojoin": set(),
    "movement": {"compress", "geojoin"},
    "quality": {"movement"},
    "load": {"quality"},
    "views": {"load"},
}, after

run = subprocess.run(["airflow", "dags", "test", "mobility"], capture_output=True, text=True)
assert run.returncode == 0 and "state=success" in run.stdout + run.stderr, run.stdout + run.stderr
query = ["mobility", "query", expected.stem, "--format", "csv"]
rows = subprocess.run(query, cwd=folder, check=True, capture_output=True, text=True).stdout
assert rows == expected.read_text(), rows
