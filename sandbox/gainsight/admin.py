"""What administrators do: keys, addresses, fields, picklists, bulk jobs, and rules that set scores."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sandbox.gainsight.bulk import Job
from sandbox.gainsight.fields import DATA_TYPES, Field
from sandbox.gainsight.picklists import Category, Item, category
from sandbox.gainsight.scorecards import score_id
from sandbox.gainsight.state import GainsightState
from sandbox.gainsight.tenant import Table
from sandbox.journal import Value

Body = dict[str, Any]
_PICKLISTS = {"PICKLIST", "MULTISELECTDROPDOWNLIST"}
_POINTING = _PICKLISTS | {"LOOKUP"}


class Admin:
    """The verbs of administrators."""

    def __init__(self, state: GainsightState) -> None:
        self._state, self._tenant = state, state.tenant

    def key(self, body: Body) -> Body:
        """Make a new access key, which ends the old one (`{key?}`), or a secret of the OAuth client (`{secret}`)."""
        gate = self._state.gate
        if "secret" in body:
            gate.renew(str(body["secret"]))
            return {"client_secret": gate.pair.client_secret}
        gate.access_key = str(body.get("key") or f"sandbox-{self._state.request_id()}")
        return {"access_key": gate.access_key}

    def expire(self, _: Body) -> Body:
        """End every OAuth token before its time."""
        return {"expired": self._state.gate.expire()}

    def allow_list(self, body: Body) -> Body:
        """Let the access key work from these addresses only, or with null from all: `{ips}`."""
        ips = body["ips"]
        self._state.gate.allowed_ips = None if ips is None else tuple(str(one) for one in ips)
        return {"ips": ips}

    def field(self, body: Body) -> Body:
        """Add a field (`{object, name, label?, type, length?, options?, lookup?, required?}`, or several in `fields`),
        or change one (`{object, name}` with `remove`, `rename`, `type`, `required`); no value is converted."""
        made = [self._field({**body, **one}) for one in body.get("fields", [{}])]
        return {"fields": made}

    def picklist(self, body: Body) -> Body:
        """Change a picklist: `{object, field}` or `{category}` with `add`, `rename: [old, new]`, `retire`, `revive`."""
        chosen = self._category(body)
        if "add" in body:
            chosen.add(str(body["add"]))
        if "rename" in body:
            old, new = body["rename"]
            self._item(chosen, old).label = str(new)
        if "retire" in body:
            self._item(chosen, body["retire"]).active = False
        if "revive" in body:
            self._item(chosen, body["revive"]).active = True
        return {"options": chosen.options()}

    def rule(self, body: Body) -> Body:
        """Run a Set Score rule: each company's `CurrentScore` becomes what its number field says: `{field?}`."""
        table = self._tenant.tables["company"]
        name, person, changed = str(body.get("field", "Ext_Health_Score__gc")), self._state.person(), 0
        if name not in table.kind.fields:
            raise LookupError(f"Company has no field {name}")
        for row in list(table.rows.values()):
            score = row.get(name)
            wanted = score_id(round(score)) if isinstance(score, int | float) and 0 <= score <= 100 else None
            if wanted is not None and wanted != row.get("CurrentScore"):
                values: dict[str, Value] = {"CurrentScore": wanted, "PreviousScore": row.get("CurrentScore")}
                self._tenant.update(table, row, values, person)
                changed += 1
        return {"companies": changed}

    def job(self, body: Body) -> Body:
        """Set up a bulk job: `{id, object, keys}`; imports to it update what the keys find and insert the rest."""
        table = self._table(body)
        keys = tuple(str(key) for key in body["keys"])
        if not table.kind.writable or not keys or not set(keys) <= table.kind.fields.keys():
            raise ValueError("a bulk job needs a company, relationship or custom object, and keys that are its fields")
        self._state.bulk.jobs[str(body["id"])] = Job(table.kind.name, keys)
        return {"id": body["id"]}

    def _field(self, body: Body) -> str:
        table, name = self._table(body), str(body["name"])
        known = table.kind.fields.get(name)
        if known is None:
            return self._new(table, name, body)
        if known.group == "SYSTEM" or (known.group == "STANDARD" and known.required):
            raise ValueError(f"{name} is a field that Gainsight itself needs")
        if body.get("remove") is True:
            del table.kind.fields[name]
            return name
        kind = str(body.get("type", known.type))
        if kind not in DATA_TYPES or (kind != known.type and {kind, known.type} & _POINTING):
            raise ValueError(
                f"a type is one of {', '.join(sorted(DATA_TYPES - _POINTING))}, unless it stays what it is"
            )
        renamed = str(body.get("rename", name))
        if renamed != name and renamed in table.kind.fields:
            raise ValueError(f"there is a field {renamed} already")
        del table.kind.fields[name]
        table.kind.add(replace(known, name=renamed, type=kind, required=bool(body.get("required", known.required))))
        if renamed != name:
            for row in table.rows.values():
                row[renamed] = row.pop(name, None)
        return renamed

    def _new(self, table: Table, name: str, body: Body) -> str:
        kind = str(body["type"])
        if kind not in DATA_TYPES or not name.endswith("__gc"):
            raise ValueError(f"a new field ends with __gc and has one of the types {', '.join(sorted(DATA_TYPES))}")
        if kind == "LOOKUP" and self._tenant.table(str(body.get("lookup"))) is None:
            raise LookupError("a lookup needs the object that it leads to")
        listed = None
        if kind in _PICKLISTS:
            listed = f"{table.kind.label} {body.get('label', name)}"
            self._tenant.categories[listed] = category(listed, [str(one) for one in body.get("options", [])])
        table.kind.add(
            Field(
                name, str(body.get("label", name.removesuffix("__gc").replace("_", " "))), kind, "CUSTOM",
                required=bool(body.get("required")), length=int(body.get("length", 250)),
                lookup=str(body["lookup"]).lower() if kind == "LOOKUP" else None, category=listed,
            )
        )  # fmt: skip
        return name

    def _table(self, body: Body) -> Table:
        table = self._tenant.table(str(body["object"]))
        if table is None:
            raise LookupError(f"no object is called {body['object']}")
        return table

    def _category(self, body: Body) -> Category:
        if "category" in body:
            return self._tenant.categories[str(body["category"])]
        target = self._table(body).kind.fields[str(body["field"])]
        return self._tenant.categories[str(target.category)]

    @staticmethod
    def _item(chosen: Category, label: object) -> Item:
        item = chosen.by_label(label)
        if item is None:
            raise LookupError(f"{chosen.name} has no item {label}")
        return item
