"""Walking an object by REST in an order that can be resumed anywhere, with a proof that nothing was left out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from connectors.errors import BadAnswer, ConnectorError, MissingScope, SchemaDrift
from connectors.salesforce import moments, soql
from connectors.salesforce.answers import STALE_LOCATOR, CallRefused
from connectors.salesforce.client import SalesforceClient
from connectors.salesforce.ids import is_id
from connectors.salesforce.position import Kind, Position

BY_ID = ("Id",)
BY_STAMP = ("SystemModstamp", "Id")
_SCHEMA_CODES = frozenset({"INVALID_FIELD", "INVALID_TYPE"})


@dataclass(frozen=True, slots=True)
class Walk:
    """A query to be walked: `where` besides the position, in one of the two orders."""

    object: str
    fields: tuple[str, ...]
    where: tuple[str, ...]
    order: tuple[str, ...]
    include_deleted: bool = False
    optional: bool = False

    @property
    def kind(self) -> Kind:
        """What positions of this walk are called."""
        return "id" if self.order == BY_ID else "stamp"

    def query(self, position: Position, *, ordered: bool = True) -> str:
        """SOQL for the rows behind `position`; bulk jobs do without an order, for it would keep them from chunking."""
        order = self.order if ordered else ()
        return soql.select(self.fields, self.object, (*self.where, *self._behind(position)), order)

    def count(self, began: Position, upto: Position) -> str:
        """SOQL that counts the rows between two positions."""
        if self.order == BY_ID:
            end = [f"Id <= {soql.record_id(upto.last_id)}"] if upto.last_id else []
        else:
            end = [f"SystemModstamp <= {soql.instant(upto.stamp)}"] if upto.stamp else []
        where = " AND ".join((*self.where, *self._behind(began), *end))
        return f"SELECT COUNT() FROM {soql.name(self.object)}" + (f" WHERE {where}" if where else "")  # noqa: S608

    def _behind(self, position: Position) -> list[str]:
        if position.last_id is None:
            return []
        if self.order == BY_ID:
            return [f"Id > {soql.record_id(position.last_id)}"]
        if position.stamp is None:
            return []
        return [soql.after(position.stamp, position.last_id)]

    def advance(self, position: Position, rows: Sequence[dict[str, Any]]) -> Position:
        """The position behind `rows`."""
        if not rows:
            return position
        if not is_id(str(rows[-1].get("Id"))):
            raise BadAnswer(f"A row of {self.object} has the id {rows[-1].get('Id')!r}, which is none.", sent=True)
        stamp = moments.parse(rows[-1].get("SystemModstamp")) if self.order == BY_STAMP else None
        return replace(position, last_id=str(rows[-1]["Id"]), stamp=stamp, rows=position.rows + len(rows))


@dataclass(frozen=True, slots=True)
class Batch:
    """A page of rows, the position behind it, and how many rows were left there by the query's own count."""

    rows: list[dict[str, Any]]
    reached: Position
    left: int


class Walker:
    """Runs walks. A locator that expired is replaced by a new query behind the last row read."""

    def __init__(self, client: SalesforceClient) -> None:
        self._client = client

    def run(self, walk: Walk, position: Position) -> Iterator[Batch]:
        """Rows of `walk` behind `position`, a server page at a time, each with the position behind it.

        Raises `SchemaDrift` when a field or the object is gone, `BadAnswer` when rows are missing.
        """
        while True:
            began = position
            try:
                for batch in self._pages(walk, began):
                    position = batch.reached
                    yield batch
            except CallRefused as refused:
                if refused.code != STALE_LOCATOR:
                    raise _translated(refused, walk) from refused
                if position == began:
                    raise BadAnswer(
                        f"Salesforce dropped the query of {walk.object} before its second page.", sent=True
                    ) from refused
            else:
                return

    def _pages(self, walk: Walk, began: Position) -> Iterator[Batch]:
        position = began
        page = self._client.query(
            walk.query(began), include_deleted=walk.include_deleted, page=self._client.settings.pull.rest_page
        )
        total = int(page.get("totalSize") or 0)
        for each in self._client.from_page_on(page):
            rows = each["records"]
            _check_columns(walk, rows)
            position = walk.advance(position, rows)
            yield Batch(rows, position, total - (position.rows - began.rows))
        self._prove(walk, began, position, total)

    def _prove(self, walk: Walk, began: Position, ended: Position, total: int) -> None:
        """Rows that were deleted or moved on while we read are missing rightly; only a fresh count can tell."""
        seen = ended.rows - began.rows
        if seen >= total:
            return
        counted = self._client.query(walk.count(began, ended), include_deleted=walk.include_deleted)
        there = int(counted.get("totalSize") or 0)
        if there > seen:
            raise BadAnswer(f"Salesforce gave {seen} rows of {walk.object} where it has {there}.", sent=True)


def _check_columns(walk: Walk, rows: Sequence[dict[str, Any]]) -> None:
    """A field that is absent from a row is not null: access to it was taken away while we read."""
    for row in rows:
        if len(row) <= len(walk.fields):  # one more than asked for: `attributes`
            lost = [field for field in walk.fields if field not in row]
            if lost:
                raise SchemaDrift(
                    f"{walk.object} came without {', '.join(lost)}, which was asked for.",
                    hint="Check the field-level security of the integration user, then run again.",
                )


def _translated(refused: CallRefused, walk: Walk) -> ConnectorError:
    if refused.code == "INVALID_TYPE" and walk.optional:
        return MissingScope(
            f"The org describes {walk.object}, but does not let the integration user query it.",
            hint="Grant read access to the object, if the org has it.",
        )
    if refused.code not in _SCHEMA_CODES:
        return refused
    return SchemaDrift(
        f"{walk.object} has changed since it was described: {refused.error.message.splitlines()[-1]}",
        hint="Check the field map and the field-level security of the integration user.",
    )
