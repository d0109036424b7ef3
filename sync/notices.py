"""What has to be told: finds it out from the alerts and runs that the store has, and enters it in the outbox.

The alerts themselves say what changed, so nothing is lost when a process dies before this: the next run finds it. A
change is entered once for a channel, whoever looks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from notify.routing import Subject, channels_of_alert, channels_of_runs, fingerprint, follows
from notify.settings import Change, RunProblem
from store import alerts, evaluations, marks, names, notifications, runs
from store.alerts import Alert, Wanted
from store.notifications import News
from store.runs import GOOD, Run
from store.sql import digest
from sync.deps import Deps
from sync.ending import EXIT_CREDENTIALS

MARK = "notifications"
OVERLAP = timedelta(days=2)
"""A run that began so long before the last look, and ended after it, is still seen."""
_MOST_STANDING = 10_000
NEVER = "never"
"""Stands for the last good run where there was none."""


@dataclass(frozen=True, slots=True)
class Reach:
    """From when on the alerts of a channel count; `standing` are those before that it is to be told of as well."""

    since: datetime
    standing: tuple[Alert, ...] = ()


def note_alerts(c: Connection, deps: Deps, now: datetime) -> int:
    """Enter the changes of alerts that nobody was told of; returns how many there are.

    A channel that is new hears of what opens from now on, and one whose routes changed, of what opened since the last
    look: a new line in the configuration is no reason to tell everything that was.
    """
    settings, ws = deps.settings.notifications, deps.workspace
    before: Mapping[str, Any] = marks.mark(c, ws, MARK) or {}
    after: dict[str, dict[str, str]] = {}
    reaches: dict[str, Reach] = {}
    for name, channel in settings.channels.items():
        routes = digest(1, fingerprint(settings, name))
        known = before.get(name)
        if known is None:
            whole = channel.existing == "digest"
            standing = tuple(alerts.listed(c, ws, Wanted(), limit=_MOST_STANDING)) if whole else ()
            since, reach = now, Reach(now, standing)
        else:
            looked = datetime.fromisoformat(known["looked_at"])
            since = datetime.fromisoformat(known["since"]) if known["routes"] == routes else looked
            reach = Reach(max(since, looked - OVERLAP))
        after[name] = {"since": since.isoformat(), "looked_at": now.isoformat(), "routes": routes}
        reaches[name] = reach
    if after or before:
        marks.set_mark(c, ws, MARK, after)  # a channel that is gone is forgotten, and new when it comes back
    return notifications.note(c, ws, _news(c, deps, reaches), now) if reaches else 0


def note_runs(c: Connection, deps: Deps, now: datetime, *, max_age: float | None = None) -> int:
    """Enter that runs go wrong, in another way than before, or well again; with `max_age`, also that none went well.

    `max_age` is in seconds. Returns how much there is to tell.
    """
    ws, wanted = deps.workspace, channels_of_runs(deps.settings.notifications)
    last = runs.latest_told(c, ws)
    news = [] if last is None else [one for name in wanted if (one := _of_run(c, ws, name, wanted[name], last))]
    added = notifications.note(c, ws, news, now)
    if max_age is None:
        return added
    good = runs.last_good(c, ws)
    ended = None if good is None else good.finished_at
    if ended is not None and (now - ended).total_seconds() <= max_age:
        return added
    about = good.id if good is not None else NEVER
    silent = [News(name, "never_ran", about=about, critical=True) for name in wanted if "never_ran" in wanted[name]]
    return added + notifications.note(c, ws, silent, now)


def top_level(deps: Deps) -> str | None:
    """The escalation level of what is critical: the framework's highest."""
    escalation = deps.framework.spec.escalation
    return escalation.levels[0].id if escalation is not None and escalation.levels else None


def _news(c: Connection, deps: Deps, reaches: Mapping[str, Reach]) -> Iterator[News]:
    ws, settings = deps.workspace, deps.settings.notifications
    found = {one.id: one for one in alerts.changed(c, ws, min(reach.since for reach in reaches.values()))}
    found |= {one.id: one for reach in reaches.values() for one in reach.standing}
    told = notifications.noted(c, ws, found)
    subjects = _subjects(c, ws, found.values())
    top = top_level(deps)
    for number, one in sorted(found.items()):
        for name, reach in reaches.items():
            known = set(told.get((name, number), ()))
            for change, at in _changes(one):
                fresh = at > reach.since or (change == "opened" and one in reach.standing)
                begins = change in ("opened", "escalated") and fresh
                routed = begins and name in channels_of_alert(settings, subjects[number], change)
                if change in known or not (routed or (known and follows(settings, name, change))):
                    continue
                known.add(change)
                critical = change in ("opened", "escalated") and top is not None and one.life.level == top
                yield News(name, change, alert_id=number, critical=critical)


def _changes(one: Alert) -> Iterator[tuple[Change, datetime]]:
    """What became of an alert so far, in the order in which it is told."""
    life = one.life
    moments: tuple[tuple[Change, datetime | None], ...] = (
        ("opened", life.raised_at),
        ("escalated", life.escalated_at),
        ("acknowledged", life.answered_at),
        ("resolved", life.resolved_at),
    )
    return ((change, at) for change, at in moments if at is not None)


def _subjects(c: Connection, ws: str, found: Iterable[Alert]) -> dict[int, Subject]:
    listed = list(found)
    outputs = evaluations.current(c, ws, sorted({one.account_id for one in listed}))
    people = names.people(c, ws) if any(one.person for one in listed) else {}
    return {
        one.id: Subject(
            one.alert,
            one.life.level,
            (outputs.get(one.account_id) or {}).get("values", {}).get("segment"),
            {one.owner.lower(), *owner_keys(one, people)},
        )
        for one in listed
    }


def owner_keys(one: Alert, people: Mapping[alerts.Person, tuple[str | None, str | None]]) -> tuple[str, ...]:
    """What names the person of an alert, in lower case: e-mail address, name, connection:id."""
    if one.person is None:
        return ()
    name, email = people.get(one.person, (None, None))
    return tuple(text.lower() for text in (email, name, ":".join(one.person)) if text)


def _of_run(c: Connection, ws: str, channel: str, wanted: Iterable[RunProblem], run: Run) -> News | None:
    """What a channel has to hear of the last run: only what is another thing than it heard last."""
    problem = problem_of(run)
    last = notifications.last_about_runs(c, ws, channel)
    troubled = last is not None and last.change != "recovered"
    if problem is not None and problem in wanted:
        told = last is not None and last.change == problem
        return None if told else News(channel, problem, about=run.id, critical=problem in ("failed", "credentials"))
    if run.status in GOOD and troubled and last is not None and last.about != run.id:
        return News(channel, "recovered", about=run.id)
    return None


def problem_of(run: Run) -> RunProblem | None:
    """How a run went wrong; None when it did not, or only whoever typed it had to hear that it makes no sense."""
    if run.status == "failed":
        report = run.report or {}
        if report.get("reason_code") == "usage":
            return None
        return "credentials" if report.get("exit_code") == EXIT_CREDENTIALS else "failed"
    for problem in ("refused", "deferred", "partial"):
        if run.status == problem:
            return problem
    return None
