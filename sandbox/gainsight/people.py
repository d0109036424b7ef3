"""What people do by hand in Gainsight's pages: records that they make, change and delete."""

from __future__ import annotations

from typing import Any

from sandbox.gainsight.derived import derive
from sandbox.gainsight.errors import FieldError
from sandbox.gainsight.state import GainsightState
from sandbox.gainsight.tenant import Row, Table
from sandbox.journal import Value

Body = dict[str, Any]
_CROWD = 10  # fewer records than this are left in peace


class People:
    """The verbs of people; what a computation of Gainsight's own would set can be set here too."""

    def __init__(self, state: GainsightState) -> None:
        self._state, self._tenant = state, state.tenant

    def create(self, body: Body) -> Body:
        """A person creates a record: `{object, properties}`; answers its GSID."""
        table = self._table(body)
        values = self._values(table, body)
        missing = [one.name for one in table.kind.fields.values() if one.required and values.get(one.name) is None]
        if missing:
            raise FieldError("GSOBJ_1007", f"Null value not allowed for {missing[0]}", missing[0])
        derive(self._tenant, table, values, None)
        return {"id": self._tenant.insert(table, values, self._state.person())["Gsid"]}

    def edit(self, body: Body) -> Body:
        """A person changes a record: `{object, id, properties, late_seconds?}`.

        A late change has a modified date of so many seconds ago: readers that were past that instant missed it.
        """
        table, row = self._row(body)
        values, late = self._values(table, body), float(body.get("late_seconds", 0))
        derive(self._tenant, table, values, row)
        self._tenant.update(table, row, values, self._state.person())
        row[table.kind.clock] = self._tenant.now_ms() - round(late * 1000)
        return {"id": row["Gsid"]}

    def delete(self, body: Body) -> Body:
        """A person deletes a record: `{object, id}`; for fifteen days the delete log knows of it."""
        table, row = self._row(body)
        self._tenant.delete(table, row, self._state.person())
        return {"id": row["Gsid"]}

    def touch(self, body: Body) -> Body:
        """A rule of the tenant runs over many records, which then have one modified date: `{object, count?}`."""
        table = self._table(body)
        chosen = sorted(table.rows)[: int(body.get("count", len(table.rows)))]
        for identity in chosen:
            self._tenant.update(table, table.rows[identity], {}, self._state.person())
        return {"records": len(chosen)}

    def _table(self, body: Body) -> Table:
        table = self._tenant.table(str(body["object"]))
        if table is None:
            raise LookupError(f"no object is called {body['object']}")
        return table

    def _row(self, body: Body) -> tuple[Table, Row]:
        table = self._table(body)
        row = table.rows.get(str(body["id"]))
        if row is None:
            raise LookupError(f"no {table.kind.label} has the id {body['id']}")
        return table, row

    def _values(self, table: Table, body: Body) -> dict[str, Value]:
        given = body.get("properties")
        if not isinstance(given, dict):
            raise TypeError("properties must be an object of names and values")
        if unknown := given.keys() - table.kind.fields.keys():
            raise LookupError(f"{table.kind.label} has no field {', '.join(sorted(unknown))}")
        return {name: self._tenant.value(table.kind.fields[name], raw) for name, raw in given.items()}


def churn(state: GainsightState, object_name: str) -> None:
    """Let people be busy between two pages of an object: two records go, one is made, and the first is changed."""
    tenant, person = state.tenant, state.person()
    table = tenant.table(object_name)
    if table is None or len(table.rows) < _CROWD:
        return
    first, second, *_, last = (table.rows[identity] for identity in sorted(table.rows))
    tenant.delete(table, second, person)
    tenant.delete(table, last, person)
    copied = {name: first[name] for name, target in table.kind.fields.items() if not target.read_only}
    tenant.insert(table, {**copied, "Name": f"Made by {person.request_id}"} if "Name" in copied else copied, person)
    tenant.update(table, first, {}, person)
