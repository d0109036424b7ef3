"""Conflicts: values that a person or another integration set and Keepwell leaves alone, to be decided about."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import groupby
from typing import Annotated, Literal

from pydantic import Field

from dashboard.conflicts import State, state_of
from dashboard.web.page import Asked, Look, Page, View
from dashboard.web.pages.held import HeldRecord, held_records
from dashboard.web.pages.shared import after_place, place_text
from store import browsing, failures
from store.conflicts import Conflict

LIMIT = 50
"""Records of a page; one has up to as many values as Keepwell has properties."""
_Text = Annotated[str, Field(max_length=200)]


class Filter(Asked):
    """Which values; without a state all but the accepted ones. `after` is the last record of the page before."""

    account: _Text = ""
    connection: _Text = ""
    property: _Text = ""
    state: Literal["", "open", "reclaimed", "accepted"] = ""
    after: Annotated[str, Field(max_length=600)] = ""


class Conflicts(View):
    """The page: `standing` counts all values by state, `matching` those that were asked for.

    `waiting` counts those of the open ones that a person has to decide about. `planned_at` is when the plan was made
    that looked for them last; None before there was one.
    """

    planned_at: datetime | None
    plan_id: str | None
    standing: dict[State, int]
    waiting: int
    matching: int
    records: tuple[HeldRecord, ...]
    connections: tuple[str, ...]
    properties: tuple[str, ...]
    failures: int
    next: str | None


def listed(look: Look, asked: Filter) -> Conflicts:
    """By CRM, object and record."""
    held = look.held
    found = held.found
    standing = Counter(map(state_of, found.conflicts))
    matching = list(_matching(look, asked))
    page, more = _page(matching, asked.after)
    last = page[-1] if more else None
    return Conflicts(
        planned_at=found.planned_at,
        plan_id=found.plan_id,
        standing={"open": standing["open"], "reclaimed": standing["reclaimed"], "accepted": standing["accepted"]},
        waiting=held.waiting,
        matching=len(matching),
        records=held_records(look, page),
        connections=tuple(sorted({one.connection for one in found.conflicts} | {asked.connection} - {""})),
        properties=tuple(sorted({one.property for one in found.conflicts} | {asked.property} - {""})),
        failures=failures.count(look.c, look.ws),
        next=place_text(last.place()[:3]) if last is not None else None,
    )


def _matching(look: Look, asked: Filter) -> Iterator[Conflict]:
    held = look.held
    rows: Iterable[Conflict] = held.found.conflicts
    if asked.account:
        called = browsing.accounts_called(look.c, look.ws, asked.account)
        named = (one for account_id in called for one in held.by_account.get(account_id, ()))
        rows = sorted(named, key=Conflict.place)
    for one in rows:
        state = state_of(one)
        if (
            asked.connection in ("", one.connection)
            and asked.property in ("", one.property)
            and (state == asked.state if asked.state else state != "accepted")
        ):
            yield one


def _page(matching: list[Conflict], after: str) -> tuple[list[Conflict], bool]:
    """The values of the first `LIMIT` records after a place, and whether there are more."""
    place = after_place(after)
    rest = (one for one in matching if place is None or one.place()[:3] > place)
    found: list[Conflict] = []
    for number, (_, values) in enumerate(groupby(rest, key=lambda one: one.place()[:3])):
        if number == LIMIT:
            return found, True
        found += values
    return found, False


PAGE = Page("/conflicts", "Conflicts", "conflicts.html", listed, Filter, nav="Conflicts")
