"""Values of a company that are kept in rows of another object, which lead to it by a lookup.

They are read along with the companies: of all rows that lead to one, the latest speaks. A page of companies is a range
of ids, so its rows beside it are asked for by the same range of their lookup.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from connectors.gainsight import cells
from connectors.gainsight.client import GainsightClient
from connectors.gainsight.paging import walk
from connectors.gainsight.query import GSID, Condition, Row, since, since_day
from connectors.gainsight.schema import Schema, stamp_of

MOST_CHANGED = 2_000
"""So many companies are read one by one for what changed beside them; of more, all companies are read instead."""


@dataclass(frozen=True, slots=True)
class Side:
    """An object beside Company: `company` is its lookup there, `latest` the date that tells which of its rows counts.

    Rows with a date of more than `days` ago are not asked for. Without `latest` the row with the lowest id counts.
    """

    object: str
    company: str
    latest: str | None = None
    days: int = 0

    @property
    def needs(self) -> tuple[str, ...]:
        """Fields without which the object is of no use."""
        return (GSID, self.company, *([self.latest] if self.latest else []))


class Beside:
    """Reads the rows of sides; keeps nothing."""

    def __init__(self, client: GainsightClient, schema: Schema) -> None:
        self._client = client
        self._schema = schema

    def rows(self, side: Side, fields: Sequence[str], where: Sequence[Condition], *, as_asked: bool) -> dict[str, Row]:
        """Of each company that a row which fulfils `where` leads to, the row that counts; `as_asked` as for `walk`."""
        found: dict[str, Row] = {}
        asked = tuple(dict.fromkeys((*side.needs, *fields)))
        for rows in walk(self._client, side.object, asked, (*where, *self._recent(side)), as_asked=as_asked):
            for row in rows:
                company = row[side.company]
                if company and _counts_before(side, row, found.get(company)):
                    found[company] = row
        return found

    def changed(self, sides: Iterable[Side], marks: Mapping[str, Condition]) -> list[str] | None:
        """Companies beside which something changed, in order, by the conditions of `marks` (object → what is news).

        None where that cannot be told, or where they are too many to be read one by one.
        """
        found: set[str] = set()
        for side in sides:
            if side.object not in marks:
                return None
            for rows in walk(self._client, side.object, (GSID, side.company), (marks[side.object],)):
                found |= {row[side.company] for row in rows if row[side.company]}
                if len(found) > MOST_CHANGED:
                    return None
        return sorted(found)

    def news(self, sides: Iterable[Side], moment: datetime) -> dict[str, Condition]:
        """Object → rows that were modified since, for the objects that tell when that was."""
        infos = {side.object: self._schema.object(side.object) for side in sides}
        stamps = {name: stamp_of(info) for name, info in infos.items() if info is not None}
        return {name: since(stamp, moment) for name, stamp in stamps.items() if stamp is not None}

    def _recent(self, side: Side) -> tuple[Condition, ...]:
        if side.latest is None or not side.days:
            return ()
        info = self._schema.object(side.object)
        kind = info.fields[side.latest].type if info is not None and info.has(side.latest) else "DATE"
        moment = self._client.earliest_now() - timedelta(days=side.days)
        return (since(side.latest, moment) if kind == "DATETIME" else since_day(side.latest, moment.date()),)


def _counts_before(side: Side, row: Row, other: Row | None) -> bool:
    """Whether a row counts rather than another one that came with a lower id."""
    if other is None:
        return True
    if side.latest is None:
        return False
    mine, theirs = cells.moment(row[side.latest]), cells.moment(other[side.latest])
    return mine is not None and (theirs is None or mine > theirs)
