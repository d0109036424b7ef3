"""Deciding about values that Keepwell leaves alone: the one that is there stands, or the next run may replace it.

Works from the store alone. A decision is about the value that was seen; when the CRM shows another one by the time of
the next run, it says nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from store import conflicts, resolutions
from store.conflicts import DECIDABLE, Conflict
from store.resolutions import Resolution, Verdict
from sync.deps import Deps
from sync.errors import UsageError
from sync.explain import find_account

LIST = "`keepwell conflicts list` shows what there is"


def decide(deps: Deps, verdict: Verdict, target: str | None, property_name: str | None) -> list[Conflict]:
    """Enter a decision about the values of a record or an account (None: about every open one), and return them.

    `target` is a CRM id, with its connection before a colon if need be, or whatever finds an account. Raises
    `UsageError` when there is nothing to decide, or no such record or account.
    """
    with deps.store.read() as c:
        found = conflicts.standing(c, deps.workspace).conflicts
    if target is None:
        chosen = [one for one in found if one.verdict is None and one.reason != "accepted"]
    else:
        chosen = _of(deps, found, target)
    chosen = _named(chosen, property_name, target)
    due = [one for one in chosen if one.reason in DECIDABLE and one.verdict != verdict]
    if not due:
        raise _nothing(chosen, verdict, target)
    now = deps.clock.now()
    with deps.store.write() as c:
        resolutions.decide(c, deps.workspace, [_resolution(one, verdict, deps) for one in due])
    return [replace(one, verdict=verdict, decided_at=now) for one in due]


def _resolution(one: Conflict, verdict: Verdict, deps: Deps) -> Resolution:
    return Resolution(one.connection, one.object, one.record_id, one.property, verdict, one.seen, deps.clock.now())


def _of(deps: Deps, found: Sequence[Conflict], target: str) -> list[Conflict]:
    """Those of the record that has this id, else those of the account that is found by it."""
    connection, colon, record_id = target.strip().rpartition(":")
    of_record = [one for one in found if one.record_id == record_id and (not colon or one.connection == connection)]
    if of_record:
        return of_record
    account_id = find_account(deps, target)
    return [one for one in found if one.account_id == account_id]


def _named(chosen: Sequence[Conflict], name: str | None, target: str | None) -> list[Conflict]:
    if name is None:
        return list(chosen)
    named = [one for one in chosen if name in (one.property, one.field)]
    if chosen and not named:
        there = ", ".join(sorted({one.property for one in chosen}))
        raise UsageError(
            f"There is no conflict about a property {name}{_whose(target)}.", hint=f"There are some about {there}."
        )
    return named


def _nothing(chosen: Sequence[Conflict], verdict: Verdict, target: str | None) -> UsageError:
    whose = _whose(target)
    if any(one.reason == "in_doubt" for one in chosen):
        text = f"Nobody knows yet what became of the last write{whose}, so there is nothing to decide."
        return UsageError(text, hint="The next `keepwell sync` reads the values back and decides.")
    if chosen:
        done = "accepted" if verdict == "accept" else "reclaimed"
        return UsageError(f"Everything{whose} is {done} already.", hint=f"{LIST} with --all.")
    return UsageError(
        f"There is no open conflict{whose}: nothing to decide.",
        hint=f"{LIST}; a new `keepwell plan` looks at the CRMs again.",
    )


def _whose(target: str | None) -> str:
    return f" of {target!r}" if target is not None else ""
