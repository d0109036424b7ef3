"""SOQL text from values: the only place where a query is put together."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from urllib.parse import quote

from connectors.salesforce.ids import is_id

_NAME = re.compile(r"^[A-Za-z][A-Za-z0-9_]{0,79}(?:\.[A-Za-z][A-Za-z0-9_]{0,79})*$")
_ESCAPES = str.maketrans({"\\": "\\\\", "'": "\\'", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f"})
LONGEST_QUERY = 12_000
"""Encoded characters of a query in an address: 16,384 bytes are allowed with all headers, the token among them."""


def text(value: str) -> str:
    """`value` as a string literal."""
    return "'" + value.translate(_ESCAPES) + "'"


def instant(value: datetime) -> str:
    """An aware datetime as a literal of whole seconds, which is all the resolution that Salesforce has."""
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def record_id(value: str) -> str:
    """A record id as a literal; raises `ValueError` when it is not one."""
    if not is_id(value):
        raise ValueError(f"{value!r} is not a Salesforce id")
    return f"'{value}'"


def name(value: str) -> str:
    """An object or field name; raises `ValueError` when it cannot be one."""
    if not _NAME.match(value):
        raise ValueError(f"{value!r} is not a Salesforce field or object name")
    return value


def select(fields: Sequence[str], source: str, where: Sequence[str] = (), order: Sequence[str] = ()) -> str:
    """A query over one object; `where` are conditions that must all hold."""
    query = f"SELECT {', '.join(name(field) for field in fields)} FROM {name(source)}"  # noqa: S608  (names are checked)
    if where:
        query += " WHERE " + " AND ".join(where)
    if order:
        query += " ORDER BY " + ", ".join(name(field) for field in order)
    return query


def one_of(field: str, ids: Iterable[str]) -> str:
    """The condition that `field` holds one of `ids`."""
    return f"{name(field)} IN ({','.join(record_id(value) for value in ids)})"


def after(stamp: datetime, last_id: str) -> str:
    """The rows behind (stamp, id) in the order SystemModstamp, Id: rows that share a second are neither lost nor
    read for ever."""
    edge = instant(stamp)
    return f"(SystemModstamp > {edge} OR (SystemModstamp = {edge} AND Id > {record_id(last_id)}))"


def encoded_length(query: str) -> int:
    """Characters that `query` takes in an address."""
    return len(quote(query, safe=""))


def chunks_that_fit(ids: Sequence[str], overhead: int) -> list[Sequence[str]]:
    """Cut `ids` so that an IN list of each part plus `overhead` characters stays an address that is accepted."""
    each = 18 + len(quote("'',", safe=""))
    size = max(1, (LONGEST_QUERY - overhead) // each)
    return [ids[start : start + size] for start in range(0, len(ids), size)]
