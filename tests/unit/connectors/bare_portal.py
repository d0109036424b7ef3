"""A HubSpot that sends the least that its documents allow: no optional field, no optional header, no kindness.

Ids are JSON numbers, empty properties are left out, rows come in no order, nothing names the portal, definitions
have a name and a type only, and a bad row refuses its whole batch with an error that says nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors.http import Answer
from connectors.hubspot.transport import Request
from tests.unit.connectors.hubspot_kit import answer

STAMP = "2026-11-22T11:00:00Z"
DEFINED = {
    "companies": {"name": "string", "domain": "string", "hs_lastmodifieddate": "datetime"},
    "deals": dict.fromkeys(("dealname", "amount", "closedate", "pipeline", "dealstage"), "string"),
}


class BarePortal:
    """A few companies and deals; `requests` of any kind are answered by `__call__`."""

    def __init__(self) -> None:
        self.stores: dict[str, dict[int, dict[str, str]]] = {
            "companies": {3: {"name": "C"}, 1: {"name": "A", "domain": "a.example"}, 2: {}},
            "deals": {9: {"dealname": "D", "dealstage": "0"}},
        }
        self.defined = {kind: dict(names) for kind, names in DEFINED.items()}

    def __call__(self, request: Request) -> Answer:
        match [request.method, *request.path.split("/")[3:]]:
            case [_, "properties", kind, *rest] if kind in self.defined:
                return self.properties(request, kind, rest)
            case ["GET", "pipelines", _]:
                stages = [{"id": 0, "label": "Won", "metadata": {"probability": "1.0"}}, {"id": 1, "label": "New"}]
                return answer({"results": [{"id": 0, "label": "Sales", "stages": stages}]})
            case ["GET", "owners"]:
                return answer({"results": [] if dict(request.query).get("archived") == "true" else [{"id": 7}]})
            case ["POST", "associations", *_]:
                inputs = request.body["inputs"]  # type: ignore[index]
                to = [{"toObjectId": "1", "associationTypes": [{"typeId": 5}]}]
                return answer({"results": [{"from": {"id": int(one["id"])}, "to": to} for one in inputs]})
            case [_, "objects", kind, *rest] if kind in self.stores:
                return self.objects(request, kind, rest)
        return answer({"detail": "Not Found"}, 404)

    def objects(self, request: Request, kind: str, rest: list[str]) -> Answer:
        store, body = self.stores[kind], request.body or {}
        match [request.method, *rest]:
            case ["GET"]:
                rows = [] if dict(request.query).get("archived") == "true" else list(store)
                return answer({"results": [self.row(kind, one) for one in rows]})
            case ["GET", one]:
                return answer(self.row(kind, int(one))) if int(one) in store else answer({}, 404)
            case ["POST", "search"]:
                return answer({"total": len(store), "results": [self.row(kind, one) for one in store]})
            case ["POST", "batch", "read"]:
                wanted: Any = body["inputs"]
                found = [self.row(kind, int(one["id"])) for one in reversed(wanted) if int(one["id"]) in store]
                return answer({"results": found})
            case ["POST", "batch", "update"]:
                return self.update(store, kind, body["inputs"])
        return answer({"message": "no"}, 404)

    def update(self, store: dict[int, dict[str, str]], kind: str, inputs: Any) -> Answer:
        if not inputs or any(name not in self.defined[kind] for one in inputs for name in one["properties"]):
            return answer({}, 400)
        known = [one for one in inputs if int(one["id"]) in store]
        for one in known:
            store[int(one["id"])] |= one["properties"]
        missing = [int(one["id"]) for one in inputs if int(one["id"]) not in store]
        errors = [{"category": "OBJECT_NOT_FOUND", "context": {"ids": missing}}] if missing else []
        return answer({"results": [{"id": int(one["id"])} for one in reversed(known)], "errors": errors})

    def properties(self, request: Request, kind: str, rest: list[str]) -> Answer:
        if request.method == "GET":
            known: Mapping[str, str] = {} if rest or request.query else self.defined[kind]
            return answer({"results": [{"name": name, "type": type_} for name, type_ in known.items()]})
        if rest == ["groups"]:
            return answer({"message": "The group already exists."}, 409)
        if rest == ["batch", "create"]:
            return answer({}, 404)
        made: Any = request.body
        self.defined[kind][made["name"]] = made["type"]
        return answer({"name": made["name"], "type": made["type"]}, 201)

    def row(self, kind: str, one: int) -> dict[str, object]:
        values = {name: value for name, value in self.stores[kind][one].items() if value}
        return {"id": one, "properties": {**values, "hs_lastmodifieddate": STAMP}, "somethingNew": {"x": [1]}}
