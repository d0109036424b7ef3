"""Walking the rows of an object in the order of an id, so that a walk can go on behind any of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from connectors.errors import BadAnswer
from connectors.gainsight.client import GainsightClient
from connectors.gainsight.query import GSID, MOST_ROWS, Condition, Row, among, behind, body, query

IDS_A_CALL = 500
"""So many records are asked for by their ids or keys in one call."""


def walk(
    client: GainsightClient,
    name: str,
    fields: Sequence[str],
    where: tuple[Condition, ...] = (),
    *,
    key: str = GSID,
    last: str | None = None,
    as_asked: bool = False,
    in_order: bool = True,
) -> Iterator[list[Row]]:
    """Rows of the object `name` behind `last`, as many at a time as a call gives, in the order of `key`.

    Rows that do not fill a call are the last ones once another call was filled, which shows that this tenant gives as
    many as it is asked for (`as_asked` where that is known already); without that, only a call that brings nothing is
    the end. Raises any `ConnectorError`, and `BadAnswer` for rows in an order in which some would be left out; without
    `in_order` the order is the tenant's own, of which it is only taken for granted that it goes on behind a row as it
    came to it.
    """
    limit = client.settings.pull.page
    seen: set[str] = set()
    while True:
        conditions = (*where, behind(key, last)) if last else where
        given = query(client, name, body(fields, conditions, limit=limit, order=key))
        as_asked = as_asked or len(given) == limit
        rows = _new(name, given, key, last) if in_order else _unseen(given, key, seen)
        if rows:
            last = str(rows[-1][key])
            yield rows
        if not rows or (as_asked and len(given) < limit):
            return


def gathered(
    client: GainsightClient,
    name: str,
    fields: Sequence[str],
    key: str,
    values: Sequence[str],
    where: tuple[Condition, ...] = (),
) -> list[Row]:
    """Rows of the object `name` whose `key` is among `values`, as many as there are however few a call gives.

    What an answer leaves out is asked for again, until an answer has none of it: only then it is not there. That costs
    one call more where some of `values` have no row. Raises any `ConnectorError`.
    """
    asked, left, found = tuple(dict.fromkeys((GSID, key, *fields))), list(dict.fromkeys(values)), list[Row]()
    while left:
        part = left[:IDS_A_CALL]
        limit = len(part) if key == GSID else MOST_ROWS
        rows = query(client, name, body(asked, (*where, among(key, part)), limit=limit))
        found += rows
        there = {str(row[key]) for row in rows} & set(part)
        left = [one for one in left if one not in there] if there else left[len(part) :]
    return found


def _new(name: str, rows: Sequence[Row], key: str, last: str | None) -> list[Row]:
    """The rows behind `last`, each once: a page may begin with rows that the one before it had."""
    ids = [row[key] for row in rows]
    if not all(isinstance(one, str) and one for one in ids):
        raise BadAnswer(f"A row of {name} came without its {key}.", sent=True)
    if any(after < before for before, after in pairwise(ids)):
        raise BadAnswer(f"The rows of {name} did not come in the order of their ids.", sent=True)
    new = [row for before, row in zip([last or "", *ids], rows, strict=False) if row[key] > max(before, last or "")]
    if rows and not new:
        raise BadAnswer(f"The rows of {name} lead back to themselves.", sent=True)
    return new


def _unseen(rows: Sequence[Row], key: str, seen: set[str]) -> list[Row]:
    """The rows that did not come before; one without a key cannot be told, and leads nowhere."""
    new = [row for row in rows if row[key] and str(row[key]) not in seen]
    seen |= {str(row[key]) for row in new}
    return new
