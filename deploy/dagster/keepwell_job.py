"""Keepwell as a Dagster asset: the command line, its report as the asset's metadata, hourly.

A second job tells people when no run was good for long, which no run can; leave it out when no route has `never_ran`.
"""

from __future__ import annotations

import json
import subprocess
from typing import Any

from dagster import Definitions, Failure, MaterializeResult, ScheduleDefinition, asset, define_asset_job, job, op

LEFT_FOR_PEOPLE, LATER = 3, 75


@asset(group_name="crm", description="Health, lifecycle, segment and renewal status in the CRM")
def customer_success_fields() -> MaterializeResult:
    """One run; its exit code decides, and its report is kept with the materialisation."""
    words = ["keepwell", "sync", "--json", "--no-input", "--yes"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)  # noqa: S603 - fixed words  # nosec B603
    report: dict[str, Any] = json.loads(done.stdout or "{}")
    # A run that never began, for instance because another one holds the store, has an `error` in place of a report.
    reason = report.get("reason") or report.get("error", {}).get("message") or done.stderr[-2_000:]
    if done.returncode not in (0, LEFT_FOR_PEOPLE, LATER):
        raise Failure(reason, metadata={"exit_code": done.returncode})
    metadata = {"status": report["status"], "reason": reason if done.returncode else ""}
    if "run_id" in report:
        counts = {"accounts": report["evaluate"]["accounts"], "confirmed": report["apply"]["confirmed"]}
        metadata |= {**counts, "run_id": report["run_id"]}
    return MaterializeResult(metadata=metadata)


@op
def tell_when_nothing_runs() -> None:
    """Sends what waits, too: the digest of a morning, what quiet hours held back."""
    words = ["keepwell", "notify", "send", "--max-age", "26h"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)  # noqa: S603 - fixed words  # nosec B603
    if done.returncode:
        raise Failure(done.stderr[-2_000:] or done.stdout[-2_000:], metadata={"exit_code": done.returncode})


@job
def keepwell_watch() -> None:
    tell_when_nothing_runs()


# Two runs at once are safe: the second ends with 75. A pool with one slot (`@asset(pool=…)`) keeps it from starting.
_job = define_asset_job("keepwell", selection=[customer_success_fields])
defs = Definitions(
    assets=[customer_success_fields],
    jobs=[_job, keepwell_watch],
    schedules=[
        ScheduleDefinition(job=_job, cron_schedule="17 * * * *"),
        ScheduleDefinition(job=keepwell_watch, cron_schedule="47 * * * *"),
    ],
)
