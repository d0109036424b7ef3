"""Data quality: what the scores do not know, what could not be read, who may be whom, which pulls are old."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from pydantic import Field

from dashboard.identities import KINDS
from dashboard.web.page import Asked, Look, Page, View
from dashboard.web.pages.reported import Reported, report
from mapping.decisions import Key
from store import browsing, identity

LIMIT = 50
REVIEWS = 200
REASONS = 30
STALE_HOURS = 26
"""A stream that was read to its end longer ago is called old: a daily run, and two hours for a late one."""


class Stream(View):
    """How far the reading of a stream is."""

    connection: str
    stream: str
    mode: str
    sealed_at: datetime | None
    rows: int
    stale: bool
    open_since: datetime | None


class Reason(View):
    """Why records of a stream could not be read, and how many."""

    connection: str
    stream: str
    reason: str
    records: int


class Unreadable(View):
    """A record, or a field of it, that waits for a version that can be read."""

    connection: str
    stream: str
    id: str
    field: str
    reason: str
    value: str
    first_seen_at: datetime
    last_seen_at: datetime
    times: int


class Candidate(View):
    """A record of a case of identity."""

    connection: str
    id: str
    name: str | None
    domain: str | None


class Case(View):
    """Records of which a person has to say whether they are one account."""

    kind: str
    reason: str
    records: tuple[Candidate, ...]


class Filter(Asked):
    """`after` is the last record of the page before, as connection, stream, id and field."""

    reason: Annotated[str, Field(max_length=500)] = ""
    after: Annotated[tuple[str, ...], Field(max_length=4)] = ()


class Quality(View):
    """The page."""

    streams: tuple[Stream, ...]
    stale_hours: int = STALE_HOURS
    reasons: tuple[Reason, ...]
    unreadable: tuple[Unreadable, ...]
    cases: tuple[Case, ...]
    cases_in_all: int
    report: Reported
    next: tuple[str, str, str, str] | None = None


def quality(look: Look, asked: Filter) -> Quality:
    """Everything that a person can mend."""
    after = asked.after if len(asked.after) == 4 else None
    rows = browsing.unreadable(look.c, look.ws, after, LIMIT + 1, asked.reason or None)
    last = rows[LIMIT - 1] if len(rows) > LIMIT else None
    reviews = identity.reviews(look.c, look.ws)
    return Quality(
        streams=tuple(_stream(one, look.now) for one in browsing.streams(look.c, look.ws)),
        reasons=tuple(
            Reason(connection=one[0], stream=one[1], reason=one[2], records=one[3])
            for one in browsing.unreadable_by_reason(look.c, look.ws, REASONS)
        ),
        unreadable=tuple(map(_unreadable, rows[:LIMIT])),
        cases=_cases(look, reviews[:REVIEWS]),
        cases_in_all=len(reviews),
        report=report(look, "data-quality"),
        next=None if last is None else (last.connection, last.stream, last.id, last.field),
    )  # fmt: skip


def _stream(one: browsing.StreamState, now: datetime) -> Stream:
    old = one.sealed_at is None or (now - one.sealed_at).total_seconds() > STALE_HOURS * 3600
    return Stream(
        connection=one.connection,
        stream=one.stream,
        mode=one.mode,
        sealed_at=one.sealed_at,
        rows=one.rows,
        stale=old,
        open_since=one.open_since,
    )


def _unreadable(one: browsing.Unreadable) -> Unreadable:
    return Unreadable(**{name: getattr(one, name) for name in Unreadable.model_fields})


def _cases(look: Look, reviews: list[identity.Review]) -> tuple[Case, ...]:
    refs = {key for one in reviews for key in _keys(one)}
    names = identity.named(look.c, look.ws, refs)
    return tuple(
        Case(
            kind=KINDS.get(one.kind, one.kind),
            reason=one.reason,
            records=tuple(_candidate(key, names) for key in _keys(one)),
        )
        for one in reviews
    )


def _keys(review: identity.Review) -> tuple[Key, ...]:
    return tuple((str(ref[0]), str(ref[1])) for ref in review.refs)


def _candidate(key: Key, names: Mapping[Key, tuple[Any, Any]]) -> Candidate:
    name, domain = names.get(key, (None, None))
    return Candidate(connection=key[0], id=key[1], name=name, domain=domain)


PAGE = Page("/quality", "Data quality", "quality.html", quality, Filter, nav="Data quality")
