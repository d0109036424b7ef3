"""Keepwell as two Airflow DAGs: the command line in an environment of its own, on the worker that has `keepwell`.

Exit code 75 (the quota is used up, or another run is under way) becomes a skip; the next interval goes on from there.
Exit code 3 (values are left for a person) is a success that the log tells; every other one fails the task.
The second DAG tells people when no run was good for long, which no run can; take it out when no route has `never_ran`.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG

ENVIRONMENT = {"KEEPWELL_CONFIG": "/etc/keepwell/keepwell.yaml"}

with DAG(
    dag_id="keepwell",
    schedule="@hourly",
    start_date=datetime(2026, 1, 1),  # noqa: DTZ001 - Airflow counts it in its own time zone
    catchup=False,
    max_active_runs=1,
    tags=["crm", "customer-success"],
) as dag:
    sync = BashOperator(
        task_id="sync",
        bash_command="keepwell --log-format json sync --no-input --yes || { code=$?; [ $code -eq 3 ] || exit $code; }",
        env=ENVIRONMENT,
        append_env=True,
        skip_on_exit_code=75,
        execution_timeout=timedelta(hours=6),
        retries=2,
        retry_delay=timedelta(minutes=10),
    )
    probe = BashOperator(
        task_id="probe",
        bash_command="keepwell status --max-age 26h",
        env=ENVIRONMENT,
        append_env=True,
        trigger_rule="all_done",
    )
    sync >> probe

with DAG(
    dag_id="keepwell_watch",
    schedule="47 * * * *",
    start_date=datetime(2026, 1, 1),  # noqa: DTZ001 - as above
    catchup=False,
    max_active_runs=1,
    tags=["crm", "customer-success"],
) as watch_dag:
    BashOperator(
        task_id="watch",
        bash_command="keepwell --log-format json notify send --max-age 26h",
        env=ENVIRONMENT,
        append_env=True,
        execution_timeout=timedelta(minutes=5),
    )
