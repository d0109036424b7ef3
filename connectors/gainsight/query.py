"""The query call, which reads any object: conditions, order, and the rows in whatever shape they come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from connectors.errors import BadAnswer
from connectors.gainsight.answers import Envelope
from connectors.gainsight.client import GainsightClient

GSID = "Gsid"
MOST_ROWS = 5_000
"""Rows that Gainsight gives in a call at most."""
_ALIASES = "ABCDEFGH"
Row = dict[str, Any]
Literal = str | int | float | bool


@dataclass(frozen=True, slots=True)
class Condition:
    """One comparison; `operator` is one of Gainsight's (EQ, GT, GTE, IN, …)."""

    field: str
    operator: str
    values: tuple[Literal, ...]


def since(field: str, moment: datetime) -> Condition:
    """Rows stamped at `moment` or later; the offset is written out, for what Gainsight assumes without is unknown."""
    return Condition(field, "GTE", (moment.astimezone(UTC).isoformat(timespec="seconds"),))


def since_day(field: str, day: date) -> Condition:
    """Rows whose date is `day` or later."""
    return Condition(field, "GTE", (day.isoformat(),))


def up_to(key: str, last: str) -> Condition:
    """Rows up to an id, itself included, in the order of ids."""
    return Condition(key, "LTE", (last,))


def behind(key: str, last: str) -> Condition:
    """Rows behind an id, in the order of ids."""
    return Condition(key, "GT", (last,))


def among(field: str, values: Sequence[Literal]) -> Condition:
    """Rows whose field has one of some values."""
    return Condition(field, "IN", tuple(values)) if len(values) != 1 else Condition(field, "EQ", tuple(values))


def body(fields: Sequence[str], where: Sequence[Condition], *, limit: int, order: str = GSID) -> dict[str, Any]:
    """The body of a query; all of `where` hold."""
    asked: dict[str, Any] = {"select": list(fields), "orderBy": {order: "asc"}, "limit": limit, "offset": 0}
    if where:
        conditions = [
            {"name": one.field, "alias": alias, "value": list(one.values), "operator": one.operator}
            for alias, one in zip(_ALIASES, where, strict=False)
        ]
        expression = " AND ".join(str(one["alias"]) for one in conditions)
        asked["where"] = {"conditions": conditions, "expression": expression}
    return asked


def query(client: GainsightClient, name: str, asked: Mapping[str, Any]) -> list[Row]:
    """The rows of one query of the object `name`, under the names that were asked for; raises any `ConnectorError`."""
    what = f"the query of {name}"
    path = f"/v1/data/objects/query/{name}"
    found = rows_of(client.read("POST", path, what, body=asked), what)
    if len(found) > asked["limit"]:
        raise BadAnswer(f"Gainsight, {what}, gave more rows than were asked for.", sent=True)
    rows = [_named(row, asked["select"]) for row in found]
    if GSID in asked["select"] and not all(isinstance(row[GSID], str) and row[GSID] for row in rows):
        raise BadAnswer(f"Gainsight, {what}, gave a row without its id.", sent=True)
    return rows


def rows_of(envelope: Envelope, what: str) -> list[Row]:
    """The rows of an answer: `data` is a list of them or has it in `records`; nothing there is no row."""
    data = envelope.data
    if envelope.empty or data is None:
        return []
    found = data.get("records") if isinstance(data, dict) else data
    if found is None and isinstance(data, dict) and "records" in data:
        return []
    if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
        raise BadAnswer(f"Gainsight, {what}, was answered without records.", sent=True)
    return found


def _named(row: Row, names: Sequence[str]) -> Row:
    """A row under the names that were asked for: Gainsight may write them in another case, and leave out nulls."""
    if all(name in row for name in names):
        return row
    folded = {name.casefold(): value for name, value in row.items()}
    return {name: row[name] if name in row else folded.get(name.casefold()) for name in names}
