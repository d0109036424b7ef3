"""Who wrote a record last, by its stamps; Gainsight tells no more, and not which user our own credentials are.

The last writer of a record need not have touched a given field, so the answer is about the record. Whether it was us
shows only where the connection names its `integration_user`.
"""

from __future__ import annotations

from collections.abc import Sequence

from connectors.base import ChangedBy, LastChange
from connectors.gainsight import cells
from connectors.gainsight.current import Current
from connectors.gainsight.query import Row
from connectors.gainsight.schema import stamp_of
from mapping.records import Ref

_BY = "ModifiedBy"


class Witness:
    """Reads the stamps of one object's records."""

    def __init__(self, current: Current, own_user: str | None) -> None:
        self._current = current
        self._own_user = own_user

    def last_changes(self, refs: Sequence[Ref], properties: Sequence[str]) -> list[LastChange]:
        """One `LastChange` a ref and property, all of a record alike."""
        info = self._current.info()
        stamp = stamp_of(info)
        rows: dict[str, Row] = {}
        if info.has(_BY) and refs:
            rows = self._current.rows([ref.id for ref in refs], (_BY, *([stamp] if stamp else [])))
        return [self._told(ref, name, rows.get(ref.id), stamp) for ref in refs for name in properties]

    def _told(self, ref: Ref, name: str, row: Row | None, stamp: str | None) -> LastChange:
        writer = str((row or {}).get(_BY) or "")
        if row is None or not writer:
            return LastChange(ref, name, of="record")
        by: ChangedBy = "unknown" if self._own_user is None else "ours" if writer == self._own_user else "somebody"
        return LastChange(
            ref, name, by, of="record", kind="user", who=writer, at=cells.moment(row[stamp]) if stamp else None
        )
