"""Whole runs that tell people: no receiver has a say in how a run ends, and no change is lost or told twice."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from pydantic import SecretStr

from notify.settings import Notifications
from store import runs
from sync.delivery import deliver
from sync.deps import RunOptions
from sync.engine import run_plan, run_sync
from sync.events import RoomEntered
from sync.report import RunReport
from sync.telling import tell_after
from tests.flow.rig import Rig, rig
from tests.flow.test_alerts import BAD, FULL, HOUR, Book
from tests.receivers import HANG, Receivers, receivers


class Town(Book):
    """A book of alerts whose runs tell people."""

    def __init__(self, made: Rig, there: Receivers, routes: list[dict[str, Any]]) -> None:
        super().__init__(made)
        channels = {"here": {"type": "slack", "webhook_url": there.slack_hook}}
        told = Notifications.model_validate({"channels": channels, "routes": routes})
        self.there = there
        self.rig.settings = self.rig.settings.model_copy(update={"notifications": told})

    def run(self, *, hours: float = 1, options: RunOptions = FULL, budget: float = 20.0) -> RunReport:
        """A run so many hours later that tells people."""
        self.clock.sleep(hours * HOUR)
        with self.rig.deps(clock=self.clock) as deps:
            return tell_after(deps, lambda: run_sync(deps, options), options, send=partial(deliver, budget=budget))

    def drop(self) -> None:
        """Let the account fall out of green, which the next run sees."""
        self.before = {name: self.rig.company(self.company).get(name, "") for name in BAD}
        self.edit(**BAD)

    def told(self) -> list[str]:
        return [text.split(":")[0] for text in self.there.texts()]


@contextmanager
def town(folder: Path, store: str | None = None, routes: list[dict[str, Any]] | None = None) -> Iterator[Town]:
    with rig(folder, store=store, synced=True, accounts=12) as made, receivers() as there:
        it = Town(made, there, routes or [{"to": ["here"], "alerts": ["band_drop"]}])
        it.run(options=RunOptions())
        yield it


def test_a_change_is_told_by_the_run_that_finds_it_and_by_no_other(tmp_path: Path, either_store: str | None) -> None:
    with town(tmp_path, either_store) as it:
        assert it.there.requests == [], "what stood before is not told"
        it.drop()
        report = it.run(options=RunOptions())
        assert it.told() == ["Opened"]
        assert (report.notifications.noted, report.notifications.sent, report.exit_code) == (1, 1, 0)
        assert report.to_dict()["notifications"] == {"noted": 1, "sent": 1, "given_up": 0, "waiting": 0}
        assert it.run(options=RunOptions()).notifications.noted == 0
        it.acknowledge(it.one("band_drop"))
        it.run(options=RunOptions())
        it.run(options=RunOptions())
        assert it.told() == ["Opened", "Acknowledged", "Resolved"]


def test_a_plan_and_a_run_for_a_day_that_is_over_tell_nobody(tmp_path: Path) -> None:
    with town(tmp_path) as it:
        it.drop()
        it.clock.sleep(HOUR)
        assert it.rig.run(lambda deps: run_plan(deps, FULL), clock=it.clock).alerts.raised
        past = replace(FULL, as_of=it.clock.now().date() - timedelta(days=3))
        assert it.run(options=past).notifications.noted == 0
        assert it.there.requests == []
        assert it.run().notifications.sent == 1, "what the plan raised is not lost"


def test_a_receiver_that_hangs_delays_no_run_and_gets_its_message_once_later(
    tmp_path: Path, either_store: str | None
) -> None:
    with town(tmp_path, either_store) as it:
        it.drop()
        it.there.faults = [HANG]
        ended: list[float] = []
        with it.rig.deps(clock=it.clock) as deps:
            it.clock.sleep(HOUR)

            def run() -> RunReport:
                done = run_sync(deps, FULL)
                ended.append(monotonic())
                return done

            report = tell_after(deps, run, send=partial(deliver, budget=0.5))
            assert monotonic() - ended[0] < 5
            with deps.store.read() as c:
                kept = runs.get(c, "default", report.run_id)
        assert (report.status, report.exit_code) == ("complete", 0)
        assert (report.notifications.waiting, report.notifications.sent) == (1, 0)
        assert "notifications: here: no answer within 0.5 s" in report.notes
        assert kept is not None
        assert kept.report == json.loads(json.dumps(report.to_dict()))
        assert it.run(options=RunOptions()).notifications.sent == 1
        assert it.run(options=RunOptions()).notifications.sent == 0
        assert it.told() == ["Opened"]


def test_a_run_that_fails_is_told_once_and_so_is_its_recovery(tmp_path: Path) -> None:
    with town(tmp_path, routes=[{"to": ["here"], "alerts": "none", "runs": ["failed", "credentials"]}]) as it:
        right = it.rig.settings
        hubspot = right.connections["hubspot"].model_copy(update={"access_token": SecretStr("pat-eu1-not-this-one")})
        it.rig.settings = right.model_copy(update={"connections": {"hubspot": hubspot}})
        for _ in range(2):
            assert it.run(options=RunOptions()).exit_code == 6
        assert it.there.texts()[0].startswith("Run failed: a CRM does not accept the credentials: sync ")
        it.rig.settings = right
        it.run(options=RunOptions())
        it.run(options=RunOptions())
        assert it.told() == ["Run failed", "Runs are well again"]


def test_a_run_that_a_bug_ends_is_told_and_the_bug_goes_its_way(tmp_path: Path) -> None:
    with town(tmp_path, routes=[{"to": ["here"], "alerts": "none", "runs": ["failed"]}]) as it:

        def observe(event: object) -> None:
            if isinstance(event, RoomEntered):
                raise ZeroDivisionError

        with it.rig.deps(clock=it.clock) as deps:
            broken = replace(deps, observer=observe)
            with pytest.raises(ZeroDivisionError):
                tell_after(deps, lambda: run_sync(broken, RunOptions()))
        assert it.told() == ["Run failed"]
