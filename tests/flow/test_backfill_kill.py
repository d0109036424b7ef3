"""SIGKILL at any page of a backfill: the same command ends where an unbroken one does, and reads nothing twice."""

from __future__ import annotations

import signal
from pathlib import Path

from sqlalchemy import select

from store.tables import backfill as jobs
from tests.flow.killed_run import killing
from tests.flow.rig import Rig, rig, settings_data
from tests.flow.test_backfill import EVER, backfill, damage, derived, rows, run_pull
from tests.flow.test_kill import expire_leases

STREAMS = ("companies", "deals", "accounts")


def test_a_backfill_that_is_killed_again_and_again_ends_like_an_unbroken_one(
    tmp_path: Path, either_store: str | None
) -> None:
    with killing() as killed, rig(tmp_path, accounts=12, salesforce=True, store=either_store) as made:
        made.run(run_pull)
        before, made_of_it = rows(made), derived(made)
        damage(made)
        settings = settings_data(made.crm, made.settings.store)

        def kill(point: str, nth: int = 1) -> None:
            order = {"settings": settings, "backfill": STREAMS, "since": str(EVER), "point": point, "nth": nth}
            assert killed(order) == -signal.SIGKILL, point
            expire_leases(made)

        kill("pull.page_read", 3)
        for nth in (1, 6, 6):
            kill("pull.page_stored", nth)
            assert "reading" in states(made)
        kill("normalise.chunk_stored")
        assert states(made) == ["read"] * len(STREAMS)
        kill("plan.chunk_stored")

        report = backfill(made, *STREAMS)

        assert report.status == "complete", report.reason
        assert sum(counts.read for counts in report.pull["hubspot"].values()) == 0, "all was read by those that died"
        assert rows(made) == before
        assert derived(made) == made_of_it
        broken = [line.rows for line in report.backfill]
        unbroken = backfill(made, *STREAMS)
        assert [line.rows for line in unbroken.backfill] == broken
        assert rows(made) == before


def states(made: Rig) -> list[str]:
    with made.deps() as deps, deps.store.read() as c:
        return list(c.execute(select(jobs.c.state).order_by(jobs.c.id)).scalars())
