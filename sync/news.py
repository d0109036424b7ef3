"""Puts rows of the outbox into words: what changed about which alert, how a run went wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from mapping.alert_life import WHY
from notify.news import Item, Owner
from store import alerts, names, runs
from store.alerts import Alert, Person
from store.notifications import Notice
from store.runs import Run
from sync.deps import Deps
from sync.notices import NEVER, owner_keys

_ALERTS = {
    "opened": "Opened",
    "escalated": "Escalated",
    "acknowledged": "Acknowledged",
    "resolved": "Resolved",
}
_RUNS = {
    "failed": "Run failed",
    "credentials": "Run failed: a CRM does not accept the credentials",
    "refused": "Run refused by a guard",
    "deferred": "Run put off",
    "partial": "Run came to its end and left something behind",
    "never_ran": "No run came to its end lately",
    "recovered": "Runs are well again",
}
TEST = Item(
    "test",
    "test",
    "Test",
    "a message of Keepwell",
    why="Nothing has happened. Somebody tries whether messages arrive here.",
    data={"at": None},
)


@dataclass(frozen=True, slots=True)
class _Words:
    """What the items of one message need: zone and levels of the tenant, names of accounts and people."""

    zone: ZoneInfo
    zone_name: str
    levels: Mapping[str, str]
    accounts: Mapping[str, str]
    people: Mapping[Person, tuple[str | None, str | None]]

    def moment(self, at: datetime) -> str:
        return f"{at.astimezone(self.zone):%Y-%m-%d %H:%M} ({self.zone_name})"


def items(c: Connection, deps: Deps, notices: Sequence[Notice]) -> list[Item]:
    """The rows in words, in their order; one whose alert or run is not there any more says so."""
    ws, settings = deps.workspace, deps.settings
    found = alerts.of_ids(c, ws, [one.alert_id for one in notices if one.alert_id])
    escalation = deps.framework.spec.escalation
    levels = {one.id: one.label for one in (escalation.levels if escalation else ()) if one.label}
    accounts = names.of_accounts(c, ws, {one.account_id for one in found.values()})
    people = names.people(c, ws) if any(one.person for one in found.values()) else {}
    words = _Words(ZoneInfo(settings.timezone), settings.timezone, levels, accounts, people)
    return [
        _of_alert(one, found.get(one.alert_id), words)
        if one.alert_id
        else _of_run(one, runs.get(c, ws, one.about), words)
        for one in notices
    ]


def _of_alert(notice: Notice, one: Alert | None, words: _Words) -> Item:
    what = _ALERTS.get(notice.change, notice.change)
    if one is None:
        return Item("alert", notice.change, what, f"alert {notice.alert_id}, which the store has no more")
    why, facts = _why(notice.change, one), []
    if notice.change in ("opened", "escalated"):
        if one.life.level:
            label = words.levels.get(one.life.level)
            facts.append(("level", f"{one.life.level} ({label})" if label else one.life.level))
        if one.life.due_at is not None and notice.change == "opened":
            facts.append(("answer before", words.moment(one.life.due_at)))
        command = f"keepwell alerts ack {one.id} --by NAME"
    else:
        command = f"keepwell alerts show {one.id}"
    return Item(
        "alert",
        notice.change,
        what,
        one.label,
        subject=words.accounts.get(one.account_id, "" if one.account_id.startswith(alerts.OWNER) else one.account_id),
        why=why,
        facts=tuple(facts),
        command=command,
        critical=notice.critical,
        owner=_owner(one, words),
        data=alert_data(one),
    )


def _why(change: str, one: Alert) -> str:
    if change == "escalated":
        return f"Nobody had answered in time. {one.because}".strip()
    if change == "acknowledged":
        by = f"by {one.acknowledged_by}" if one.acknowledged_by else f"by {one.touch}"
        return f"{by}: {one.note}" if one.note else by
    if change == "resolved":
        return WHY[one.life.why] if one.life.why is not None else ""
    return one.because


def _owner(one: Alert, words: _Words) -> Owner:
    if one.person is None:
        return Owner(one.owner)
    name, email = words.people.get(one.person, (None, None))
    return Owner(f"{name or email} ({one.owner})" if name or email else one.owner, email, owner_keys(one, words.people))


def alert_data(one: Alert) -> dict[str, Any]:
    """An alert for programs, JSON-able."""
    life = one.life
    return {
        "alert_id": one.id,
        "alert": one.alert,
        "account_id": one.account_id,
        "state": life.state,
        "level": life.level,
        "role": one.owner,
        "raised_at": _utc(life.raised_at),
        "due_at": _utc(life.due_at),
        "resolved_at": _utc(life.resolved_at),
    }


def _of_run(notice: Notice, run: Run | None, words: _Words) -> Item:
    what, critical = _RUNS.get(notice.change, notice.change), notice.critical
    if notice.change == "never_ran":
        ended = run.finished_at if run is not None else None
        since = (
            f"the last good one ended at {words.moment(ended)}" if ended is not None else "there was no good one yet"
        )
        data = {"run_id": None if notice.about == NEVER else notice.about, "last_good_at": _utc(ended)}
        return Item("run", notice.change, what, since, command="keepwell runs list", critical=critical, data=data)
    report = (run.report if run is not None else None) or {}
    hint = report.get("hint")
    return Item(
        "run",
        notice.change,
        what,
        f"{run.command} {run.id}" if run is not None else notice.about,
        why=" ".join(text for text in (run.reason if run is not None else None, hint) if text),
        command=f"keepwell runs show {notice.about}",
        critical=critical,
        data={
            "run_id": notice.about,
            "status": None if run is None else run.status,
            "reason_code": report.get("reason_code"),
            "exit_code": report.get("exit_code"),
            "finished_at": None if run is None else _utc(run.finished_at),
        },
    )


def _utc(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
