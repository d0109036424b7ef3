"""Which CRM each value of an account came from, and what the others have in its place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from mapping.accounts import Precedence, leader_of, order_of
from mapping.identity import SHORT_ID
from mapping.records import ENTITIES, FieldType

_STAMPS = frozenset({"created_at", "updated_at"})

Rows = Mapping[str, Mapping[str, object]]
"""Connection → the account's record there, by unified field."""


@dataclass(frozen=True, slots=True)
class Origin:
    """A value of an account with the connection that gave it; `others` have a different one, by connection."""

    field: str
    value: object
    connection: str
    others: Mapping[str, object]


def origins(rows: Rows, precedence: Precedence) -> Iterator[Origin]:
    """Where each field of an account that has a value got it from, by the rule of `accounts.merge_accounts`."""
    for item in ENTITIES["account"]:
        found = _giver(item.name, rows, precedence)
        if found is None:
            continue
        value = rows[found].get(item.name)
        if value is None:
            continue
        # Ids of owners and parents and a record's stamps are each CRM's own: that they differ says nothing.
        asked = () if item.type is FieldType.REF or item.name in _STAMPS else sorted(rows.items())
        others = {
            name: other
            for name, row in asked
            if name != found and (other := row.get(item.name)) is not None and not _same(item.name, other, value)
        }
        yield Origin(item.name, value, found, others)


def _same(name: str, one: object, other: object) -> bool:
    if name == "salesforce_ref":  # whose short form leaves out a checksum
        return str(one)[:SHORT_ID] == str(other)[:SHORT_ID]
    return one == other


def _giver(name: str, rows: Rows, precedence: Precedence) -> str | None:
    """The first connection that has the leading field speaks for all that go with it; else the first with a value."""
    order, leader = order_of(name, precedence, sorted(rows)), leader_of(name)
    led = (one for one in order if leader is not None and rows[one].get(leader) is not None)
    alone = (one for one in order if rows[one].get(name) is not None)
    return next(led, None) or next(alone, None)
