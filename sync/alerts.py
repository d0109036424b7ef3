"""Alerts as people ask for them: which ones, by whom and about whom, and that somebody takes one up."""

from __future__ import annotations

from collections.abc import Collection

import polars as pl

from mapping.alert_life import State
from mapping.spelling import nearest
from store import alerts, frames
from store.alerts import Alert, Person, Wanted
from sync.deps import Deps
from sync.errors import UsageError
from sync.explain import find_account

LIST = "`keepwell alerts list` shows what there is"
SEARCHED = 10_000
"""Among so many standing alerts, those that are due first, is one looked for whose number is close."""


def wanted(deps: Deps, *, states: Collection[State], owner: str | None, account: str | None, overdue: bool) -> Wanted:
    """What `alerts list` was asked for; raises `UsageError` when `account` names none or several.

    `owner` is a role of the framework, or somebody in a CRM: an id, a name or an e-mail address.
    """
    return Wanted(
        states=states,
        account_id=None if account is None else find_account(deps, account),
        owner=owner,
        people=() if owner is None else _people(deps, owner),
        overdue_at=deps.clock.now() if overdue else None,
    )


def find_alert(deps: Deps, text: str) -> Alert:
    """The alert with this number; raises `UsageError` when there is none, with those that could be meant."""
    number = text.strip().removeprefix("#")
    if not (number.isascii() and number.isdecimal()):
        raise _no_number(deps, text)
    with deps.store.read() as c:
        found = alerts.get(c, deps.workspace, int(number)) if len(number) < 19 else None
        if found is not None:
            return found
        there = {str(one.id): one for one in alerts.listed(c, deps.workspace, Wanted(), limit=SEARCHED)}
    close = [there[one] for one in nearest(number, there, most=3, cutoff=0.5)]
    hint = f"Did you mean {_told(close)}? " if close else ""
    raise UsageError(f"There is no alert {text!r}.", hint=f"{hint}{LIST}.")


def acknowledge(deps: Deps, text: str, *, by: str, note: str | None) -> Alert:
    """Enter that `by` takes an alert up, as of now, and return it.

    The first acknowledgement stands. Raises `UsageError` when there is no such alert, somebody has acknowledged it, or
    it is resolved.
    """
    found = find_alert(deps, text)
    with deps.store.write() as c:
        done = alerts.acknowledge(c, deps.workspace, found.id, by=by, note=note, at=deps.clock.now())
    after = find_alert(deps, str(found.id))
    if done:
        return after
    if after.life.resolved_at is not None:
        text = (
            f"Alert {after.id} was resolved on {after.life.resolved_at:%Y-%m-%d %H:%M} UTC: there is nothing to answer."
        )
        raise UsageError(text, hint=f"`keepwell alerts show {after.id}` says why.")
    at = f"{after.life.acknowledged_at:%Y-%m-%d %H:%M}"
    text = f"{after.acknowledged_by} acknowledged alert {after.id} on {at} UTC already; the first one counts."
    raise UsageError(text, hint=f"`keepwell alerts show {after.id}` has the note.")


def _people(deps: Deps, text: str) -> list[Person]:
    """Everybody in the CRMs' lists whose id, name or e-mail address is `text`, whatever the case."""
    wanted_text = text.strip().lower()
    with deps.store.read() as c:
        listed = frames.frame(c, deps.workspace, "owner")
    same = [pl.col(name).str.to_lowercase() == wanted_text for name in ("id", "name", "email")]
    return list(
        listed.filter(pl.any_horizontal(same)).select("connection", "id").unique().sort("connection", "id").rows()
    )


def _no_number(deps: Deps, text: str) -> UsageError:
    """An account was named, perhaps: its alerts are what was meant, then."""
    try:
        account_id = find_account(deps, text)
    except UsageError:
        return UsageError(f"{text!r} is no number of an alert.", hint=f"{LIST}, each with its number.")
    with deps.store.read() as c:
        there = alerts.listed(c, deps.workspace, Wanted(account_id=account_id), limit=5)
    if not there:
        return UsageError(f"{text!r} is an account without an alert that stands.", hint=f"{LIST}.")
    return UsageError(f"{text!r} is an account; an alert is named by its number.", hint=f"It has {_told(there)}.")


def _told(found: list[Alert]) -> str:
    return ", ".join(f"{one.id} ({one.label})" for one in found)
