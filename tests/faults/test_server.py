"""Rows 33 and 34 of the fault table: a PostgreSQL server that fails over, and commits whose answer is lost."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Literal

import pytest
from sqlalchemy import text

from store import Store, address
from store.database import connect
from store.soundness import server_findings
from sync import faults
from sync.engine import run_sync
from tests.faults.clusters import Pair, Swallower, pair, swallower
from tests.faults.writing import Writing, once, written
from tests.flow.one_crm import Vendor

Loss = Literal["lost", "unsent"]
VENDORS: tuple[Vendor, ...] = ("hubspot", "salesforce")


@contextmanager
def behind_a_swallower(folder: Path, store: str) -> Iterator[tuple[Writing, Swallower]]:
    """A CRM whose store is reached through something that can swallow an answer."""
    place = address.parse(store)
    with swallower(place.port or 5432) as between:
        far = place.set(drivername="postgresql", port=between.port).render_as_string(hide_password=False)
        with written(folder, "hubspot", far, accounts=6) as crm:
            yield crm, between


@pytest.mark.parametrize("loss", ["lost", "unsent"])
@pytest.mark.parametrize("point", ["pull.page_read", "plan.begun", "apply.guard_read", "apply.sent"])
def test_row_33_a_commit_without_an_answer_is_looked_up_and_neither_lost_nor_doubled(
    tmp_path: Path, database: str, point: str, loss: Loss
) -> None:
    with behind_a_swallower(tmp_path, database) as (crm, between):
        with once(point, lambda: setattr(between, "strike", loss)) as done:
            report = crm.sync()
        assert done
        assert between.struck == 1
        crm.assert_ended(
            report, "failed", "store_lost", "broke", "Whether the last step was kept is not known", "Run again"
        )
        assert report.exit_code == 1
        assert bool(crm.effects()) == (point == "apply.sent")
        if point == "apply.guard_read":
            assert crm.states() == ({"sent": report.buckets().planned} if loss == "lost" else {}), "what was committed"
        crm.assert_sound(quiet=False)
        crm.leases_end()
        crm.assert_caught_up()
        effects = [(str(one["id"]), one["property"]) for one in crm.effects()]
        assert len(effects) == len(set(effects)), "something was written twice"


@pytest.mark.parametrize("loss", ["lost", "unsent"])
def test_row_33_the_end_of_a_run_is_noted_once_whatever_became_of_the_answer(
    tmp_path: Path, database: str, loss: Loss
) -> None:
    with behind_a_swallower(tmp_path, database) as (crm, between):
        with once("lease.released", lambda: setattr(between, "strike", loss)) as done:
            report = crm.sync()
        assert done
        assert between.struck == 1
        crm.assert_ended(report, "complete", None)
        assert crm.runs() == [("complete", None)]
        crm.assert_caught_up()


@pytest.fixture
def two() -> Iterator[Pair]:
    """A primary and its standby."""
    with pair() as made:
        yield made


@pytest.mark.parametrize("vendor", VENDORS)
def test_row_33_a_run_goes_on_with_the_server_that_took_over(tmp_path: Path, two: Pair, vendor: Vendor) -> None:
    """Between two transactions nothing is lost; in the middle of one it is the same as a commit without an answer."""
    with written(tmp_path, vendor, two.url, accounts=6) as crm:
        two.synchronous()
        with once("apply.sent", two.fail_over) as done:
            report = crm.sync()
        assert done
        crm.assert_ended(report, "complete", None)
        assert crm.runs() == [("complete", None)]
        assert report.buckets().confirmed == report.buckets().planned > 0
        crm.assert_sound()
        crm.assert_caught_up()
        effects = [(str(one["id"]), one["property"]) for one in crm.effects()]
        assert len(effects) == len(set(effects))


@pytest.mark.parametrize("last_seen", ["plan.finished", "apply.guard_read"])
def test_row_34_a_standby_that_lost_the_last_commits_has_nothing_sent_again(
    tmp_path: Path, two: Pair, last_seen: str
) -> None:
    with written(tmp_path, "hubspot", two.url, accounts=6) as crm:

        def lag(name: str) -> None:
            """The standby hears nothing after the point, the primary dies once everything was settled."""
            if name == last_seen and not stopped:
                two.in_step()
                two.standby.stop("fast")
                stopped.append(name)

        stopped: list[str] = []
        faults.arm(lag)
        try:
            with crm.made.deps() as deps:
                report = run_sync(deps)
        finally:
            faults.arm(None)
        assert stopped
        crm.assert_ended(report, "complete", None)
        written_before = crm.effects()
        values = crm.values()
        assert written_before
        two.primary.stop()
        two.standby.start()
        two.standby.promote()

        assert crm.states() == {}, "what the primary knew last is gone"
        crm.leases_end()
        again = crm.sync()

        assert again.status == "complete", again.reason
        assert crm.values() == values
        assert [one for one in crm.effects() if one not in written_before] == [], "nothing is sent again"
        assert crm.sync().buckets().planned == 0


def test_row_34_commits_that_are_not_waited_for_are_a_finding(tmp_path: Path, database: str) -> None:
    with closing(Store(connect(address.parse(database)), "w")) as store, store.read() as c:
        assert server_findings(c) == [], "Keepwell asks for durable commits itself"
        c.execute(text("SET LOCAL synchronous_commit = off"))  # as behind a pooler that drops what a session asks for
        (finding,) = server_findings(c)
    assert re.match(r"Commits are not waited for \(synchronous_commit is off\).*Switch it on", finding)
