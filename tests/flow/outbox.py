"""A store with alerts that people hear of, without a CRM: what tells them is whole, what raises alerts is the test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from config.settings import Settings
from mapping.alert_life import Life
from notify.registry import sender
from notify.settings import Notifications
from store import alerts, notifications, runs
from store.alerts import Alert, Moved, NewAlert, Wanted
from store.notifications import Notice
from sync.assemble import assemble
from sync.delivery import Senders, Spawn, deliver, in_a_thread
from sync.deps import Deps
from sync.telling import Told, retry, tell
from tests.flow.one_crm import SkippingClock
from tests.flow.rig import shipped_framework
from tests.receivers import Receivers, receivers

START = datetime(2026, 11, 18, 12, tzinfo=UTC)  # a Wednesday
HOUR = 3600
BAND = [{"to": ["here"], "alerts": ["band_drop"]}]


@dataclass(slots=True)
class Town:
    """The store, the receivers, and what the configuration says."""

    there: Receivers
    settings: Settings
    clock: SkippingClock
    assembled: Deps

    @property
    def ws(self) -> str:
        return self.settings.workspace

    def configure(self, *, routes: list[dict[str, Any]] | None = None, **channel: Any) -> None:
        """One channel, called `here`: Slack, unless `channel` says otherwise."""
        told = channel if "type" in channel else {"type": "slack", "webhook_url": self.there.slack_hook, **channel}
        found = Notifications.model_validate({"channels": {"here": told}, "routes": routes or BAND})
        self.settings = self.settings.model_copy(update={"notifications": found})

    def silence(self) -> None:
        self.settings = self.settings.model_copy(update={"notifications": Notifications()})

    @contextmanager
    def deps(self) -> Iterator[Deps]:
        yield replace(self.assembled, settings=self.settings)

    def later(self, hours: float) -> None:
        self.clock.sleep(hours * HOUR)

    def tell(
        self, *, hours: float = 0, max_age: float | None = None, budget: float = 20.0, now: bool = False,
        spawn: Spawn = in_a_thread, senders: Senders = sender,
    ) -> Told:  # fmt: skip
        """What a run does at its end, so many hours later."""
        self.later(hours)
        send = partial(deliver, senders=senders, spawn=spawn, budget=budget, at_once=now)
        with self.deps() as deps:
            return tell(deps, max_age=max_age, send=send)

    def opened(
        self, account: str = "a1", alert: str = "band_drop", *, level: str | None = "L2", hours: float = 1
    ) -> int:
        """A run raises an alert, so many hours later; its number."""
        self.later(hours)
        now = self.clock.now()
        life = Life(now, now, due_at=None, level=level)
        new = NewAlert(account, alert, f"{alert} of {account}", "it fell", "csm", ("hubspot", "7"), 48, life)
        with self.deps() as deps, deps.store.write() as c:
            alerts.add(c, self.ws, "r", [new])
            return max(one.id for one in alerts.listed(c, self.ws, Wanted(), limit=999))

    def get(self, number: int) -> Alert:
        with self.deps() as deps, deps.store.read() as c:
            found = alerts.get(c, self.ws, number)
        assert found is not None
        return found

    def moved(self, number: int, *, hours: float = 1, touch: str | None = None, **life: Any) -> None:
        """A run finds something out about an alert."""
        self.later(hours)
        after = replace(self.get(number).life, judged_at=self.clock.now(), **life)
        with self.deps() as deps, deps.store.write() as c:
            alerts.move(c, self.ws, "r", [Moved(number, after, touch)])

    def escalated(self, number: int, *, level: str = "L3") -> None:
        self.moved(number, escalated_at=self.clock.now(), level=level)

    def resolved(self, number: int) -> None:
        self.later(1)
        self.moved(number, hours=0, resolved_at=self.clock.now(), why="cleared")

    def acknowledged(self, number: int, *, hours: float = 1) -> None:
        self.later(hours)
        with self.deps() as deps, deps.store.write() as c:
            assert alerts.acknowledge(c, self.ws, number, by="Anna", note=None, at=self.clock.now())

    def ran(
        self, status: str = "complete", *, hours: float = 1, exit_code: int = 0, command: str = "sync",
        reason_code: str | None = None,
    ) -> str:  # fmt: skip
        """A run, from its beginning to an end like this."""
        self.later(hours)
        now = self.clock.now()
        with self.deps() as deps, deps.store.write() as c:
            run_id = deps.new_id()
            runs.start(c, self.ws, run_id, command, as_of=now, version="1", now=now)
            report = {"exit_code": exit_code, "reason_code": reason_code, "hint": "Do this."}
            runs.finish(c, self.ws, run_id, status=status, reason="Because.", report=report, now=now)
        return run_id

    def retry(self, number: int | None = None) -> int:
        with self.deps() as deps:
            return len(retry(deps, number))

    def notices(self) -> list[Notice]:
        """The outbox, the oldest first."""
        with self.deps() as deps, deps.store.read() as c:
            return notifications.listed(c, self.ws)[::-1]

    def states(self) -> list[tuple[str, str]]:
        return [(one.change, one.life.state) for one in self.notices()]

    def told(self) -> list[str]:
        """The first word of everything that Slack took."""
        return [text.split(":")[0] for text in self.there.texts()]


@contextmanager
def town(folder: Path, store: str | None = None, **channel: Any) -> Iterator[Town]:
    """A town whose channel is switched on already."""
    connection = {"type": "hubspot", "access_token": "t" * 20, "base_url": "http://127.0.0.1:9"}
    url = store or f"sqlite:///{folder}/keepwell.db"
    settings, clock = Settings(store=url, connections={"hubspot": connection}), SkippingClock(START)
    deps = assemble(settings, framework=shipped_framework("cradle_to_grave"), clock=clock, sleep=clock.sleep)
    with closing(deps), receivers() as there:
        it = Town(there, settings, clock, deps)
        it.configure(**channel)
        it.tell()
        yield it
