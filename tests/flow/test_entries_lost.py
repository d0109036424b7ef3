"""The answer to the making of an entry is lost, or the run dies at it: there is one entry, and never a second one."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.flow.killed_run import Kill, killing
from tests.flow.rig import settings_data
from tests.flow.test_alerts import BAD, FULL
from tests.flow.test_kill import expire_leases
from tests.flow.told import PATH, Told, told

POINTS = (("apply.guard_read", 3), ("apply.claimed", 3), ("apply.sent", 3), ("apply.settled", 3), ("verify.begun", 1))
"""Fault points at the edges of the third batch of a run, which makes the entry; those before it write companies."""


@pytest.fixture(scope="module")
def killed() -> Iterator[Kill]:
    """Carries out an order in a process of its own; returns how that ended."""
    with killing() as kill:
        yield kill


def made_once(it: Told) -> None:
    assert it.entry()["Subject"].startswith("Health fell from green to ")
    assert it.times_made() == 1
    assert it.book().made_at is not None
    it.sound()


def test_a_lost_answer_is_found_by_its_key(tmp_path: Path, either_store: str | None) -> None:
    with told(tmp_path, either_store) as it:
        it.rig.fault(at="gainsight", kind="commit_then_drop", method="POST", path=PATH)
        report = it.fall()
        buckets = report.buckets()
        assert (buckets.in_doubt, buckets.pending, buckets.conflict) == (0, 0, 0)
        it.sync(hours=1)
        made_once(it)


@pytest.mark.parametrize("kind", ["drop", "500", "truncated_json"])
def test_a_request_that_never_arrived_is_sent_again(tmp_path: Path, kind: str) -> None:
    with told(tmp_path) as it:
        it.rig.fault(at="gainsight", kind=kind, method="POST", path=PATH)
        it.fall()
        it.sync(hours=1)
        made_once(it)


def test_asking_again_for_what_is_there_makes_no_second_one(tmp_path: Path) -> None:
    """The guard read is cheated: the tenant shows the entry only after it has refused its key."""
    with told(tmp_path) as it:
        it.rig.fault(at="gainsight", kind="commit_then_drop", method="POST", path=PATH)
        it.edit(**BAD)
        it.clock.sleep(3600)
        hidden: dict[str, dict[str, object]] = {}
        rows = it.tenant.tables["activity_timeline"].rows

        def hiding(seconds: float) -> None:
            for gsid, row in list(rows.items()):
                if str(row["ExternalId"]).startswith("kw-"):
                    hidden[gsid] = rows.pop(gsid)
                    it.tenant.tables["activity_timeline"].deleted.append((it.tenant.now_ms(), row))
            it.clock.sleep(seconds)

        it.rig.sync(FULL, clock=it.clock, sleep=hiding)
        assert hidden
        rows.update(hidden)  # type: ignore[arg-type]
        it.tenant.tables["activity_timeline"].deleted.clear()
        it.sync(hours=1)
        assert it.times_made() == 1
        it.sync(hours=1)
        assert it.times_made() == 1


@pytest.mark.parametrize(("point", "nth"), POINTS)
def test_a_run_that_dies_at_the_making_leaves_one_entry(
    tmp_path: Path, killed: Kill, either_store: str | None, point: str, nth: int
) -> None:
    with told(tmp_path, either_store) as it:
        it.edit(**BAD)
        settings = settings_data(it.rig.crm, it.rig.settings.store)
        settings["connections"]["gainsight"]["timeline"] = {"entries": {"author": it.author}}
        now = (it.clock.now() + timedelta(hours=1)).isoformat()
        assert killed({"settings": settings, "point": point, "nth": nth, "now": now}) == -signal.SIGKILL
        expire_leases(it.rig)
        it.sound(quiet=False)
        it.sync(hours=2)
        made_once(it)
        it.sync(hours=1)
        made_once(it)
