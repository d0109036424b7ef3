"""Plans: what each would write, and why, to be looked through before it is applied."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from dashboard.reasons import REASONS
from dashboard.web.crmpages import CrmPages
from dashboard.web.page import Asked, Look, NotFound, Page, View
from dashboard.web.pages.shared import after_place, place_text
from store import browsing, plans
from store.browsing import Wanted
from store.names import Names, account_names
from store.plans import MADE, Plan, PlanRecord

LIMIT = 50
"""Records of a page; one has up to as many values as Keepwell has properties."""
_PLANS = 50
_COUNTS = ("records", "changes", "held", "accepted", "refused")
_Text = Annotated[str, Field(max_length=200)]


class Part(View):
    """What a plan holds for one CRM; `cost` is in API calls."""

    connection: str
    records: int
    changes: int
    held: int
    accepted: int
    refused: int
    cost: int
    properties: tuple[str, ...]


class Head(View):
    """A plan as a whole."""

    plan_id: str
    state: str
    as_of: datetime
    framework: str
    model_version: str
    run_id: str | None
    made_at: datetime | None
    undoes: str | None
    narrowed: bool
    parts: tuple[Part, ...]
    records: int
    changes: int
    held: int
    cost: int


class Plans(View):
    """The list of plans."""

    plans: tuple[Head, ...]


def listed(look: Look, _asked: Asked) -> Plans:
    """The plans that were made last."""
    return Plans(plans=tuple(_head(one) for one in browsing.finished_plans(look.c, look.ws, _PLANS)))


class Change(View):
    """A value that will be written: `before` is what the CRM has, None an empty one."""

    property: str
    field: str
    before: str | None
    after: str | None
    because: str


class Held(View):
    """A value that is left alone, and why."""

    property: str
    field: str
    seen: str | None
    last_written: str | None
    want: str | None
    reason: str


class Record(View):
    """What a plan does to one record."""

    connection: str
    object: str
    record_id: str
    url: str | None
    account_id: str
    account: str | None
    changes: tuple[Change, ...]
    held: tuple[Held, ...]


class Filter(Asked):
    """Which records of a plan; `after` is the last one of the page before, as connection, object and id."""

    plan_id: Annotated[str, Field(max_length=100)]
    connection: _Text = ""
    property: _Text = ""
    account: _Text = ""
    only: Literal["", "changes", "held"] = ""
    after: Annotated[str, Field(max_length=600)] = ""


class OnePlan(View):
    """The page of one plan; `command` is what applies it."""

    plan: Head
    properties: tuple[str, ...]
    records: tuple[Record, ...]
    command: str | None
    next: str | None = None


def one(look: Look, asked: Filter) -> OnePlan:
    """One plan, a page of its records."""
    found = plans.latest(look.c, look.ws) if asked.plan_id == "latest" else plans.get(look.c, look.ws, asked.plan_id)
    if found is None:
        raise NotFound(f"There is no plan {asked.plan_id!r}.", "The page /plans lists them; `keepwell plan` makes one.")
    head = _head(found)
    accounts = browsing.accounts_called(look.c, look.ws, asked.account) if asked.account else None
    wanted = Wanted(asked.connection or None, asked.property or None, asked.only or None, accounts)
    rows = browsing.plan_records(look.c, look.ws, found.key, wanted, after_place(asked.after), LIMIT + 1)
    pages = CrmPages(look.c, look.settings)
    names = account_names(look.c, look.ws, (row.account_id for row in rows))
    last = rows[LIMIT - 1] if len(rows) > LIMIT else None
    known = {name for part in head.parts for name in part.properties} | {asked.property} - {""}
    return OnePlan(
        plan=head,
        properties=tuple(sorted(known)),
        records=tuple(_record(row, names, asked, pages) for row in rows[:LIMIT]),
        command=f"keepwell apply {head.plan_id}" if head.state == "ready" and head.changes else None,
        next=place_text((last.connection, last.object, last.record_id)) if last is not None else None,
    )


def _head(plan: Plan) -> Head:
    made: Mapping[str, Any] = plan.counts.get(MADE) or {}
    properties: Mapping[str, Sequence[str]] = plan.counts.get("/properties") or {}
    parts = tuple(
        Part(connection=name, cost=counts.get("cost", plan.cost.get(name, 0)),
             properties=tuple(properties.get(name, ())), **{key: counts.get(key, 0) for key in _COUNTS})
        for name, counts in plan.counts.items()
        if not name.startswith("/")
    )  # fmt: skip
    return Head(
        plan_id=plan.id or "",
        state=plan.state,
        as_of=plan.header.as_of,
        framework=plan.header.framework,
        model_version=plan.header.model_version,
        run_id=made.get("run_id"),
        made_at=made.get("made_at"),
        undoes=plan.header.inputs.get(plans.UNDOES),
        narrowed=bool(plan.header.inputs.get(plans.NARROWED)),
        parts=parts,
        **{key: sum(getattr(part, key) for part in parts) for key in ("records", "changes", "held", "cost")},
    )


def _record(row: PlanRecord, names: Names, asked: Filter, pages: CrmPages) -> Record:
    return Record(
        connection=row.connection,
        object=row.object,
        record_id=row.record_id,
        url=pages.of(row.connection, row.object, row.record_id),
        account_id=row.account_id,
        account=names.get((row.connection, row.record_id)),
        changes=tuple(_change(one) for one in _asked(row.changes, asked, "changes")),
        held=tuple(_held(one) for one in _asked(row.held, asked, "held")),
    )


def _asked(values: Sequence[Mapping[str, Any]], asked: Filter, part: str) -> Iterator[Mapping[str, Any]]:
    if asked.only in ("", part):
        yield from (one for one in values if asked.property in ("", one["property"]))


def _change(one: Mapping[str, Any]) -> Change:
    names = ("property", "field", "before", "after")
    given: dict[str, Any] = {name: one.get(name) for name in names}
    return Change(**given, because=one["because"] or "")


def _held(one: Mapping[str, Any]) -> Held:
    names = ("property", "field", "seen", "last_written", "want")
    given: dict[str, Any] = {name: one.get(name) for name in names}
    return Held(**given, reason=REASONS.get(one["reason"], one["reason"]))


PAGE = Page("/plans", "Plans", "plans.html", listed, Asked, nav="Plans")
ONE = Page("/plans/{plan_id}", "Plan", "plan.html", one, Filter)
