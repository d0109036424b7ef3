"""SIGKILL in the middle of a run: the next run ends where an unbroken one does, and nothing happens twice."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import update

from store.tables import lease
from sync import faults
from tests.flow.checker import assert_sound
from tests.flow.killed_run import Kill, killing
from tests.flow.rig import Rig, rig, settings_data

POINTS = (
    ("pull.page_stored", 6, None),
    ("plan.chunk_stored", 1, None),
    ("apply.claimed", 1, 2),
    ("apply.sent", 1, 4),
    ("settle.read_back", 1, None),
    ("apply.settled", 1, 6),
)
"""Fault point, its how-manieth passing, and how many accounts that run may write: each leaves work for the next."""
Values = dict[tuple[str, str], object]


def final_values(made: Rig) -> Values:
    """What is in the CRMs by (record, property), the time stamps left out."""
    found: Values = {}
    for name in made.settings.connections:
        for one in made.ours(at=name):
            if "scored_at" not in one["property"].lower():
                found[str(one["id"]), one["property"]] = one["new"]
    return found


@pytest.fixture(scope="module")
def killed() -> Iterator[Kill]:
    """Carries out an order in a process of its own; returns how that ended."""
    with killing() as kill:
        yield kill


def expire_leases(made: Rig) -> None:
    """As if the time of a dead run's lease had passed."""
    with made.deps() as deps, deps.store.write() as c:
        c.execute(update(lease).values(expires_at=datetime(2020, 1, 1, tzinfo=UTC)))


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> Values:
    with rig(tmp_path_factory.mktemp("unbroken"), accounts=10, salesforce=True) as made:
        assert made.sync().status == "complete"
        assert_sound(made)
        return final_values(made)


def test_a_run_that_is_killed_again_and_again_ends_like_an_unbroken_one(
    tmp_path: Path, killed: Kill, unbroken: Values, either_store: str | None
) -> None:
    with rig(tmp_path, accounts=10, salesforce=True, store=either_store) as made:
        settings = settings_data(made.crm, made.settings.store)
        for point, nth, limit in POINTS:
            order = {"settings": settings, "point": point, "nth": nth, "limit": limit}
            assert killed(order) == -signal.SIGKILL, point
            expire_leases(made)
            assert_sound(made, quiet=False)

        report = made.sync()

        assert report.status == "complete", report.reason
        assert_sound(made)
        assert final_values(made) == unbroken
        assert made.sync().buckets().planned == 0


class Died(BaseException):
    """What no handler of a run may take for an answer of a CRM."""


def test_what_ends_a_worker_ends_the_run(tmp_path: Path) -> None:
    """A connection writes in a thread of its own; what ended it there must not pass for a run that came to its end."""

    def die(name: str) -> None:
        if name == "apply.claimed":
            raise Died

    with rig(tmp_path, accounts=4) as made:
        faults.arm(die)
        try:
            with pytest.raises(Died):
                made.sync()
        finally:
            faults.arm(None)
