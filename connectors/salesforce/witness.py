"""Who wrote a record last, by the stamps of the record; Salesforce tells no more than that.

The last writer of a record need not have touched a given field: after a person's edit of one field, our own write of
another one names us. So the answer is about the record, and never proof that a value is ours. (Field histories would
tell, but Keepwell's fields are made without tracking, of which an object has only a few.)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from connectors.base import ChangedBy, LastChange
from connectors.errors import BadAnswer, CredentialsError, MissingScope
from connectors.salesforce.client import SalesforceClient
from connectors.salesforce.current import Current
from connectors.salesforce.ids import is_id, to18
from connectors.salesforce.moments import parse
from connectors.salesforce.permissions import running_user
from mapping.records import Ref

_BY, _AT = "LastModifiedById", "LastModifiedDate"


class Witness:
    """Reads the stamps of one object's records."""

    def __init__(self, client: SalesforceClient, current: Current) -> None:
        self._client = client
        self._current = current
        self._user: str | None = None

    def last_changes(self, refs: Sequence[Ref], properties: Sequence[str]) -> list[LastChange]:
        """One `LastChange` a ref and property, all of a record alike."""
        ids = list(dict.fromkeys(to18(ref.id) for ref in refs if is_id(ref.id)))
        rows = self._current.rows(ids, (_BY, _AT)) if ids else {}
        return [
            self._told(ref, name, rows.get(to18(ref.id)) if is_id(ref.id) else None)
            for ref in refs
            for name in properties
        ]

    def _told(self, ref: Ref, name: str, row: Mapping[str, Any] | None) -> LastChange:
        writer = str((row or {}).get(_BY) or "")
        if row is None or not is_id(writer):
            return LastChange(ref, name, of="record")
        own = self._own_user()
        by: ChangedBy = "unknown" if not own else "ours" if to18(writer) == own else "somebody"
        return LastChange(ref, name, by, of="record", kind="user", who=to18(writer), at=parse(row.get(_AT)))

    def _own_user(self) -> str:
        """Id of the integration user, asked once; empty where Salesforce does not tell it."""
        if self._user is None:
            try:
                self._user = to18(running_user(self._client))
            except (BadAnswer, CredentialsError, MissingScope):
                self._user = ""
        return self._user
