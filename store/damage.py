"""Rows that cannot be what was stored: documents that do not parse, unknown states, content that fails its hash."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, get_args

from sqlalchemy import Column, ColumnElement, Connection, LargeBinary, String, Table, Text, select, type_coerce
from sqlalchemy.types import TypeDecorator

from mapping import alert_life
from mapping.decisions import Kind
from store import backfills, epochs, intents, plans, resolutions
from store.errors import StoreCorrupt
from store.raw import DOUBTED, content_hash
from store.tables import (
    alert,
    backfill,
    epoch,
    identity_decision,
    intent,
    mark,
    metadata,
    plan,
    quota,
    raw_record,
    resolution,
)
from store.types import Instant, Json, Money, PackedFrame, PackedJson

MOST = 20
"""Findings that are told of one table; a disk that went bad has thousands."""
_FRAMES = 10
"""Rows with a frame, of some megabytes each, that are in memory at once."""
_RESTORE = "Restore a backup."
_AGAIN = "Read it again: `keepwell pull --full`."
_REPAIRED: Mapping[str, str] = MappingProxyType(
    {
        mark.name: _AGAIN,
        quota.name: _AGAIN,
        raw_record.name: "Read it again: `keepwell backfill` with its stream, `--since` a day before its last change.",
    }
)
"""What to do where there is something better than a backup."""
_STATES: tuple[tuple[Column[Any], frozenset[str]], ...] = (
    (epoch.c.state, frozenset(get_args(epochs.State))),
    (epoch.c.mode, frozenset(get_args(epochs.Mode))),
    (backfill.c.state, frozenset(get_args(backfills.State))),
    (intent.c.state, frozenset(get_args(intents.IntentState))),
    (plan.c.state, frozenset(get_args(plans.State))),
    (alert.c.state, frozenset(get_args(alert_life.State))),
    (resolution.c.verdict, frozenset(get_args(resolutions.Verdict))),
    (identity_decision.c.kind, frozenset(get_args(Kind))),
)


def damaged_rows(c: Connection) -> list[str]:
    """Return what is wrong with single rows, a sentence each, `MOST` a table; reads the whole store once."""
    findings: list[str] = []
    for table in metadata.sorted_tables:
        found = [*_unknown_states(c, table), *_unreadable(c, table)]
        findings += found[:MOST]
        if len(found) > MOST:
            findings.append(f"The table {table.name} has {len(found) - MOST} more damaged rows. {_RESTORE}")
    return findings


def _unknown_states(c: Connection, table: Table) -> Iterator[str]:
    for column, known in _STATES:
        if column.table is table:
            query = select(*table.primary_key, column).where(column.not_in(sorted(known)))
            for row in c.execute(query):
                yield f"{_named(table, row)}: its {column.name} is none that exists. {_RESTORE}"


def _unreadable(c: Connection, table: Table) -> Iterator[str]:
    """Read each value that has a form as the driver gives it, so that one damaged row does not hide the others."""
    formed = [column for column in table.columns if _has_form(column, c.dialect.name)]
    if not formed:
        return
    keys = list(table.primary_key)
    extra = [raw_record.c.hash] if table is raw_record else []
    query = select(*keys, *(_as_stored(column).label(f"{column.name}_stored") for column in formed), *extra)
    at_once = _FRAMES if any(isinstance(column.type, PackedFrame) for column in formed) else 1_000
    for row in c.execute(query, execution_options={"yield_per": at_once}):
        hint = _REPAIRED.get(table.name, _RESTORE)
        stored = zip(formed, row[len(keys) :], strict=False)
        unreadable = [column.name for column, value in stored if not _readable(column, value, c)]
        for name in unreadable:
            yield f"{_named(table, row)}: its {name} cannot be read. {hint}"
        if extra and not unreadable and not _fits_its_hash(row.payload_stored, row.hash):
            yield f"{_named(table, row)}: its content does not match its hash. {hint}"


_PACKED = (PackedFrame, PackedJson)
_FORMS = (Json, *_PACKED, Instant, Money)


def _has_form(column: Column[Any], dialect: str) -> bool:
    """Whether a value of the column can be malformed: servers check instants and amounts themselves."""
    return isinstance(column.type, _FORMS if dialect == "sqlite" else (Json, *_PACKED))


def _as_stored(column: Column[Any]) -> ColumnElement[Any]:
    plain: Any = LargeBinary if isinstance(column.type, _PACKED) else Text
    if isinstance(column.type, Instant):
        plain = _Anything
    return type_coerce(column, plain)


class _Anything(TypeDecorator[Any]):
    """Whatever the driver gives."""

    impl = String
    cache_ok = True

    def result_processor(self, dialect: Any, coltype: object) -> None:  # noqa: ARG002
        return None


def _readable(column: Column[Any], value: Any, c: Connection) -> bool:
    read: Callable[[Any, Any], Any] = column.type.process_result_value  # type: ignore[attr-defined]
    try:
        read(value, c.dialect)
    except StoreCorrupt:
        return False
    return True


def _fits_its_hash(document: object, stated: str) -> bool:
    return stated in (DOUBTED, content_hash(str(document).encode("utf-8", "replace")))


def _named(table: Table, row: Sequence[Any]) -> str:
    """The row by its key."""
    key = ", ".join(f"{column.name}={row[place]}" for place, column in enumerate(table.primary_key))
    return f"{table.name} ({key})"
