"""mobility every night, one task a stage, as an Airflow DAG.

Airflow's variable `mobility_home` names the folder of pipeline.toml; DATABASE_URL, PGPASSWORD and the
like belong into the environment of the workers. Tasks that find nothing changed end at once, so a DAG
run can be repeated as often as one likes.
"""

from datetime import datetime, timedelta

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG

# resolved when a task runs, because Airflow parses DAG files every 30 seconds
HOME = "{{ var.value.get('mobility_home', '/var/lib/mobility') }}"

with DAG(
    dag_id="mobility",
    description="From raw mobile network events to insights",
    schedule="0 4 * * *",
    start_date=datetime(2024, 10, 1),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=10)},
    tags=["mobility"],
) as dag:

    def stage(name, command):
        return BashOperator(
            task_id=name,
            bash_command=f"cd '{HOME}' && mobility {command} --log-format json",
            append_env=True,
        )

    compress = stage("compress", "compress")
    geojoin = stage("geojoin", "geojoin")
    movement = stage("movement", "movement")
    # critical findings about the data fail here, before anyone reads the results
    yesterday = '--date "$(date -d yesterday +%F)"'
    quality = stage("quality", f"quality {yesterday} --fail-on critical")
    load = stage("load", "load")
    views = stage("views", "views")

    [compress, geojoin] >> movement >> quality >> load >> views
