"""Models of values that stand in a CRM against what was computed: held for somebody's sake, or refused by the CRM."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from dashboard import conflicts, failures
from dashboard.changedby import sentence
from dashboard.conflicts import State
from dashboard.web.crmpages import CrmPages
from dashboard.web.page import Look, View
from store.conflicts import DECIDABLE, Conflict
from store.failures import Failure


class HeldValue(View):
    """A value that is left alone: `seen` is in the CRM, `last_written` was written last, `want` was computed.

    `who` says who changed it and when, empty where no CRM told.
    """

    property: str
    field: str
    seen: str | None
    last_written: str | None
    want: str | None
    state: State
    reason: str
    who: str
    found_at: str
    decided_at: str | None


class HeldRecord(View):
    """The held values of one record; `accept` and `reclaim` are what to type, None where nothing can be decided."""

    connection: str
    object: str
    record_id: str
    url: str | None
    account_id: str
    account: str | None
    values: tuple[HeldValue, ...]
    accept: str | None
    reclaim: str | None


class RefusedValue(View):
    """A value that a CRM refused: when it is tried again, and whether the next run does."""

    property: str
    field: str
    want: str | None
    code: str
    reason: str
    attempts: int
    first_at: str
    last_at: str
    due_at: str
    due: bool
    run_id: str


class RefusedRecord(View):
    """The refused values of one record, which belongs to no account when it is a task."""

    connection: str
    object: str
    record_id: str
    url: str | None
    account_id: str | None
    account: str | None
    values: tuple[RefusedValue, ...]


def held_records(look: Look, found: Iterable[Conflict]) -> tuple[HeldRecord, ...]:
    """Conflicts record by record, with who made them and what to type."""
    pages = CrmPages(look.c, look.settings)
    return tuple(_held(rows, pages) for rows in _by_record(conflicts.lines(look.c, look.ws, found)))


def refused_records(look: Look, found: Sequence[Failure]) -> tuple[RefusedRecord, ...]:
    """Failures record by record."""
    pages = CrmPages(look.c, look.settings)
    lines = failures.failure_lines(look.c, look.ws, found, look.now)
    return tuple(
        RefusedRecord(
            **_head(rows[0], pages),
            values=tuple(RefusedValue(**{name: row[name] for name in RefusedValue.model_fields}) for row in rows),
        )
        for rows in _by_record(lines)
    )


def _by_record(rows: Iterable[Mapping[str, Any]]) -> Iterator[list[Mapping[str, Any]]]:
    for _, group in groupby(rows, key=lambda row: (row["connection"], row["object"], row["record_id"])):
        yield list(group)


def _head(row: Mapping[str, Any], pages: CrmPages) -> dict[str, Any]:
    place = {name: row[name] for name in ("connection", "object", "record_id")}
    names = {name: row[name] for name in ("account_id", "account")}
    return place | names | {"url": pages.of(row["connection"], row["object"], row["record_id"])}


def _held(rows: Sequence[Mapping[str, Any]], pages: CrmPages) -> HeldRecord:
    target = shlex.quote(f"{rows[0]['connection']}:{rows[0]['record_id']}")
    states = {row["state"] for row in rows if row["reason_code"] in DECIDABLE}
    return HeldRecord(
        **_head(rows[0], pages),
        values=tuple(_value(row) for row in rows),
        accept=f"keepwell conflicts accept {target}" if states - {"accepted"} else None,
        reclaim=f"keepwell conflicts reclaim {target}" if states - {"reclaimed"} else None,
    )


def _value(row: Mapping[str, Any]) -> HeldValue:
    names = HeldValue.model_fields.keys() - {"who"}
    return HeldValue(**{name: row[name] for name in names}, who=sentence(row))
