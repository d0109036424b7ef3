"""Current values of records, and what became of those that are gone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from connectors.base import Observed
from connectors.errors import BadAnswer, SchemaDrift
from connectors.salesforce import soql
from connectors.salesforce.answers import CallRefused, NotOurs, lacks_resource
from connectors.salesforce.client import SalesforceClient
from connectors.salesforce.ids import is_id, to18
from connectors.salesforce.schema import Schema
from connectors.salesforce.streams import missing_fields
from mapping.records import Ref

READ_BATCH = 2000
"""Records of one collections read."""
_LONGEST_CHAIN = 10  # merges of merges


class Current:
    """Guard reads and read-backs of one object."""

    def __init__(self, client: SalesforceClient, schema: Schema, target: str) -> None:
        self._client = client
        self._schema = schema
        self._object = target
        self._has_collections = True
        self.parents: dict[str, str] = {}

    def read(self, refs: Sequence[Ref], properties: Sequence[str]) -> list[Observed]:
        """One `Observed` a ref, in the order of `refs`; raises `SchemaDrift` for a property that is not there."""
        self._check(properties)
        ids = list(dict.fromkeys(to18(ref.id) for ref in refs if is_id(ref.id)))
        rows: dict[str, Mapping[str, Any]] = {}
        for start in range(0, len(ids), READ_BATCH):
            rows |= self._retrieve(ids[start : start + READ_BATCH], properties)
        survivors = self.survivors([one for one in ids if one not in rows])
        return [self._observed(ref, rows, survivors, properties) for ref in refs]

    def rows(self, ids: Sequence[str], properties: Sequence[str]) -> dict[str, Mapping[str, Any]]:
        """The records of 18-character ids that are there, by id; fields that the object lacks are left out."""
        info = self._schema.object(self._object)
        there = [name for name in properties if info is not None and info.has(name)]
        found: dict[str, Mapping[str, Any]] = {}
        for start in range(0, len(ids), READ_BATCH):
            found |= self._retrieve(ids[start : start + READ_BATCH], there)
        return found

    def survivors(self, ids: Sequence[str]) -> dict[str, str | None]:
        """For ids that are not there: the record that absorbed each by a merge, or None when it was deleted."""
        known: dict[str, str | None] = {}
        todo = list(dict.fromkeys(ids))
        for _ in range(_LONGEST_CHAIN):
            if not todo:
                break
            found = {str(row["Id"]): row.get("MasterRecordId") for row in self._deleted(todo)}
            for one in todo:
                master = found.get(one)
                known[one] = str(master) if master else None
            todo = [str(master) for master in found.values() if master and str(master) not in known]
        return {one: _end_of_chain(one, known) for one in ids}

    def _observed(
        self,
        ref: Ref,
        rows: Mapping[str, Mapping[str, Any]],
        survivors: Mapping[str, str | None],
        properties: Sequence[str],
    ) -> Observed:
        record_id = to18(ref.id) if is_id(ref.id) else ""
        row = rows.get(record_id)
        if row is None:
            return Observed(ref, missing=True, merged_into=survivors.get(record_id))
        return Observed(ref, {name: row.get(name) for name in properties})

    def _retrieve(self, ids: Sequence[str], properties: Sequence[str]) -> dict[str, Mapping[str, Any]]:
        info = self._schema.object(self._object)
        extra = ("ParentId",) if info is not None and info.has("ParentId") else ()
        fields = tuple(dict.fromkeys(("Id", *extra, *properties)))
        try:
            rows = self._by_collection(ids, fields) if self._has_collections else None
            if rows is None:
                rows = self._by_query(ids, fields)
        except CallRefused as refused:
            if refused.code == "INVALID_FIELD":
                self._schema.forget(self._object)
                raise SchemaDrift(str(refused), hint="Check the field-level security of the fields.") from refused
            raise
        found = {to18(one): row for row in rows if isinstance(row, Mapping) and is_id(one := str(row.get("Id")))}
        self._remember_parents(found)
        return found

    def _by_collection(self, ids: Sequence[str], fields: Sequence[str]) -> list[Any] | None:
        """Rows by one collections read, or None from a server that has no such read."""
        body = {"ids": list(ids), "fields": list(fields)}
        path = f"composite/sobjects/{self._object}"
        try:
            rows = self._client.retrying(lambda: self._client.send("POST", path, json=body))
        except (CallRefused, NotOurs) as refused:
            if not lacks_resource(refused):
                raise
            self._has_collections = False
            return None
        if not isinstance(rows, list) or len(rows) != len(ids):
            raise BadAnswer(f"A read of {len(ids)} records was answered with another number of rows.", sent=True)
        return rows

    def _by_query(self, ids: Sequence[str], fields: Sequence[str]) -> list[Any]:
        rows: list[Any] = []
        overhead = soql.encoded_length(soql.select(fields, self._object)) + 60
        for part in soql.chunks_that_fit(ids, overhead):
            rows += self._client.rows(soql.select(fields, self._object, (soql.one_of("Id", part),)))
        return rows

    def _remember_parents(self, rows: Mapping[str, Mapping[str, Any]]) -> None:
        """Rows of one parent are best written side by side, and a guard read comes before every write."""
        if len(self.parents) > 20 * READ_BATCH:
            self.parents.clear()
        self.parents |= {one: str(row["ParentId"]) for one, row in rows.items() if row.get("ParentId")}

    def _deleted(self, ids: Sequence[str]) -> list[dict[str, Any]]:
        info = self._schema.object(self._object)
        if info is None or not info.has("MasterRecordId"):
            return []
        head = soql.select(("Id", "MasterRecordId"), self._object, ("IsDeleted = true",))
        rows: list[dict[str, Any]] = []
        for part in soql.chunks_that_fit(ids, soql.encoded_length(head) + 60):
            where = (soql.one_of("Id", part), "IsDeleted = true")
            query = soql.select(("Id", "MasterRecordId"), self._object, where)
            rows += self._client.rows(query, include_deleted=True)
        return rows

    def _check(self, properties: Sequence[str]) -> None:
        info = self._schema.object(self._object)
        if info is None:
            raise SchemaDrift(f"The integration user may not see {self._object}.", hint="Grant access to the object.")
        lost = [name for name in properties if not info.has(name)]
        if lost:
            raise missing_fields(info, lost)


def _end_of_chain(start: str, masters: Mapping[str, str | None]) -> str | None:
    end, following = None, masters.get(start)
    for _ in range(_LONGEST_CHAIN):
        if following is None:
            break
        end, following = following, masters.get(following)
    return end
