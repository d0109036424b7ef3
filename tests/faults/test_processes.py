"""Rows 27, 28, 35 and 50 of the fault table: pauses, memory, two runs at once, jobs that come twice or never."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dashboard.pages import last_good_run
from sync.engine import run_sync
from sync.report import RunReport
from tests.faults.paused_run import TIMING, paused, wake
from tests.faults.writing import Writing, once, written
from tests.flow.one_crm import settings_data


@pytest.fixture(params=["hubspot", "salesforce"])
def crm(request: pytest.FixtureRequest, tmp_path: Path, either_store: str | None) -> Iterator[Writing]:
    """Each vendor on each store."""
    with written(tmp_path, request.param, either_store, accounts=8) as made:
        yield made


@pytest.mark.long
def test_row_27_a_process_that_is_paused_past_its_lease_sends_nothing_when_it_wakes(crm: Writing) -> None:
    """The worst moment: the batch is claimed, and the request is what comes next."""
    settings = settings_data(crm.made.crm, crm.vendor, crm.made.settings.store)
    order = {"settings": settings, "point": "apply.claimed"}
    with paused(order) as process:
        time.sleep(TIMING.lease_ttl + 0.5)  # by the store's clock, which nobody can set
        report = crm.sync()
        assert report.status == "complete", report.reason
        before = len(crm.effects())
        assert before > 0
        woken = wake(process)
    assert (woken["status"], woken["exit_code"]) == ("interrupted", 130)
    assert woken["reason_code"] in ("lease_lost", "stopped")
    assert "lease" in woken["reason"]
    assert woken["apply"]["confirmed"] == 0
    assert len(crm.effects()) == before, "what woke up sent something"
    crm.assert_caught_up()


@pytest.mark.parametrize("point", ["pull.page_read", "plan.chunk_stored", "apply.guard_read", "apply.sent"])
def test_row_28_a_run_without_memory_ends_by_name_and_the_next_one_completes_it(
    tmp_path: Path, either_store: str | None, point: str
) -> None:
    with written(tmp_path, "hubspot", either_store, accounts=6) as crm:
        with once(point, _no_memory) as done:
            report = crm.sync()
        assert done
        crm.assert_ended(report, "failed", "out_of_memory", "not enough memory", "run again")
        assert report.exit_code == 1
        assert crm.runs()[-1][0] == "failed"
        assert bool(crm.effects()) == (point == "apply.sent")
        crm.assert_sound(quiet=False)
        crm.assert_caught_up()


def _no_memory() -> None:
    raise MemoryError


@pytest.mark.parametrize("point", ["pull.page_stored", "plan.chunk_stored", "apply.guard_read", "apply.sent"])
def test_row_35_of_two_runs_at_once_the_second_is_told_who_works(crm: Writing, point: str) -> None:
    second: list[RunReport] = []
    with once(point, lambda: second.append(crm.sync())), crm.made.deps() as deps:
        first = run_sync(deps)
    (busy,) = second
    crm.assert_ended(busy, "busy", "other_run", f"in use by run {first.run_id}", "Wait for that run to end")
    assert busy.exit_code == 75
    assert busy.plan is None
    crm.assert_ended(first, "complete", None)
    assert first.buckets().confirmed == first.buckets().planned > 0
    crm.assert_caught_up()


def test_row_50_a_job_that_comes_twice_does_its_work_once_and_a_lost_one_is_made_up_for(crm: Writing) -> None:
    """There is no broker: what is due is what the store and the CRM say, whoever starts the run and how often."""
    assert crm.sync().status == "complete"
    before = len(crm.effects())
    for _ in range(2):
        again = crm.sync()
        assert (again.status, again.buckets().planned) == ("complete", 0)
    assert len(crm.effects()) == before
    record = crm.accounts()[1]
    crm.person("edit", record, properties={"phone" if crm.name == "hubspot" else "Phone": "+45 1"})
    crm.person("edit", record, properties={"phone" if crm.name == "hubspot" else "Phone": "+45 2"})
    made_up = crm.sync()  # for the run that never came between the two edits
    stream = "companies" if crm.name == "hubspot" else "accounts"
    assert made_up.pull[crm.name][stream].updated == 1
    with crm.made.deps() as deps:
        fresh, missed = last_good_run(deps.store, 3600.0), last_good_run(deps.store, 0.0)
    assert (fresh["fresh"], missed["fresh"]) == (True, False), "a run that never came is noticed by `status --max-age`"
    crm.assert_caught_up()
