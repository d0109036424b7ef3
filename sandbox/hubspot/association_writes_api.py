"""Changing associations, by v4 with type ids and by the older v3 with type names; no record's last-modified moves."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.http import JSONAnswer
from sandbox.hubspot.associations_api import association_pair, none_found
from sandbox.hubspot.call import batch_answer, inputs_of, is_number, json_body, json_value
from sandbox.hubspot.errors import invalid, partial, unknown_id
from sandbox.hubspot.links import type_ids
from sandbox.hubspot.objects import OBJECT_TYPES, ObjectType
from sandbox.hubspot.state import HubSpotState
from sandbox.hubspot.views import association_type_names

MAX_WRITES, MAX_READS = 2_000, 1_000

End = tuple[str, int]  # object type, id


class AssociationWritesApi:
    """Batch create and archive, labels, single joins; the v3 read by batch, which is spelt like its writes."""

    def __init__(self, state: HubSpotState) -> None:
        self._state, self._portal, self._links = state, state.portal, state.portal.links

    def routes(self) -> list[Route]:
        """Return the routes."""
        one = "/crm/v4/objects/{kind}/{id}/associations/{other}/{other_id}"
        old_one = "/crm/v3/objects/{kind}/{id}/associations/{other}/{other_id}/{type}"
        new, old = "/crm/v4/associations/{kind}/{other}", "/crm/v3/associations/{kind}/{other}"
        return [
            Route(one, self.join, methods=["PUT"]),
            Route(one, self.part, methods=["DELETE"]),
            Route(f"{new}/labels", self.labels, methods=["GET"]),
            Route(f"{new}/batch/create", self.batch_create, methods=["POST"]),
            Route(f"{new}/batch/associate/default", self.batch_create_default, methods=["POST"]),
            Route(f"{new}/batch/archive", self.batch_archive, methods=["POST"]),
            Route(old_one, self.join_v3, methods=["PUT"]),
            Route(old_one, self.part, methods=["DELETE"]),
            Route(f"{old}/types", self.types_v3, methods=["GET"]),
            Route(f"{old}/batch/read", self.batch_read_v3, methods=["POST"]),
            Route(f"{old}/batch/create", self.batch_create_v3, methods=["POST"]),
            Route(f"{old}/batch/archive", self.batch_archive_v3, methods=["POST"]),
        ]

    async def join(self, request: Request) -> Response:
        """Associate two records with the listed types."""
        kind, other = association_pair(request)
        start, end = self._ends(request, kind, other)
        given = await json_value(request)
        specs = given if isinstance(given, list) and given else [None]
        for number in [_type_id(kind, other, spec) for spec in specs]:
            self._links.join_as(start, end, number)
        return JSONAnswer(self._joined(start, end), 201)

    async def join_v3(self, request: Request) -> Response:
        """Associate two records with one named type."""
        kind, other = association_pair(request)
        start, end = self._ends(request, kind, other)
        self._links.join_as(start, end, _named(kind, other, request.path_params["type"]))
        return JSONAnswer({"id": str(start[1])})

    async def part(self, request: Request) -> Response:
        """Remove all associations of two records; that there were none is no error."""
        kind, other = association_pair(request)
        self._links.part(*self._ends(request, kind, other))
        return Response(status_code=204)

    async def labels(self, request: Request) -> Response:
        """Answer the association types of a direction."""
        kind, other = association_pair(request)
        rows = [{"category": "HUBSPOT_DEFINED", "typeId": number, "label": label}
                for number, label in type_ids(kind.name, other.name).items()]  # fmt: skip
        return JSONAnswer({"results": rows})

    async def types_v3(self, request: Request) -> Response:
        """Answer the association types of a direction by name."""
        kind, other = association_pair(request)
        rows = [{"id": str(number), "name": name} for name, number in association_type_names(kind, other).items()]
        return JSONAnswer({"results": rows})

    async def batch_create(self, request: Request) -> Response:
        """Associate up to 2,000 pairs with the types of each."""
        kind, other = association_pair(request)
        results, errors = [], []
        for item in inputs_of(await json_body(request), MAX_WRITES):
            specs = item.get("types")
            if not isinstance(specs, list) or not specs:
                raise invalid("Invalid input JSON: every input needs types")
            numbers = [_type_id(kind, other, spec) for spec in specs]
            start, end = (kind.name, _id_in(item, "from")), (other.name, _id_in(item, "to"))
            missing = self._missing(start, end)
            if missing:
                errors.append(missing)
                continue
            for number in numbers:
                self._links.join_as(start, end, number)
            results.append(self._joined(start, end))
        return batch_answer(self._portal.now_ms(), results, errors, 201)

    async def batch_create_default(self, request: Request) -> Response:
        """Associate up to 2,000 pairs with the unlabelled type."""
        kind, other = association_pair(request)
        results, errors = [], []
        number = _type_id(kind, other, None)
        for item in inputs_of(await json_body(request), MAX_WRITES):
            start, end = (kind.name, _id_in(item, "from")), (other.name, _id_in(item, "to"))
            missing = self._missing(start, end)
            if missing:
                errors.append(missing)
                continue
            self._links.join_as(start, end, number)
            spec = {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": number}
            results.append(_ids(start, end) | {"associationSpec": spec})
        return batch_answer(self._portal.now_ms(), results, errors, 200)

    async def batch_archive(self, request: Request) -> Response:
        """Remove all associations between each `from` and its list of `to`."""
        kind, other = association_pair(request)
        for item in inputs_of(await json_body(request), MAX_WRITES):
            targets = item.get("to")
            for target in targets if isinstance(targets, list) else []:
                self._links.part((kind.name, _id_in(item, "from")), (other.name, _id_in({"to": target}, "to")))
        return Response(status_code=204)

    async def batch_read_v3(self, request: Request) -> Response:
        """Answer the associated ids of up to 1,000 records, with the name of each type; no pages."""
        kind, other = association_pair(request)
        names = {number: name for name, number in association_type_names(kind, other).items()}
        results, errors = [], []
        for item in inputs_of(await json_body(request), MAX_READS):
            identity = str(item.get("id", ""))
            ids = self._portal.associated(kind.name, int(identity), other.name) if is_number(identity) else []
            if not ids:
                errors.append(none_found(kind, other, identity))
                continue
            rows = [{"id": str(number), "type": names[type_id]} for number in ids
                    for type_id, _ in self._links.types(kind.name, int(identity), other.name, number)]  # fmt: skip
            results.append({"from": {"id": identity}, "to": rows})
        return batch_answer(self._portal.now_ms(), results, errors, 200)

    async def batch_create_v3(self, request: Request) -> Response:
        """Associate up to 2,000 pairs with a named type each."""
        kind, other = association_pair(request)
        results, errors = [], []
        for item in inputs_of(await json_body(request), MAX_WRITES):
            number = _named(kind, other, str(item.get("type", "")))
            start, end = (kind.name, _id_in(item, "from")), (other.name, _id_in(item, "to"))
            missing = self._missing(start, end)
            if missing:
                errors.append(missing)
                continue
            self._links.join_as(start, end, number)
            results.append(_ids(start, end) | {"type": item["type"]})
        return batch_answer(self._portal.now_ms(), results, errors, 201)

    async def batch_archive_v3(self, request: Request) -> Response:
        """Remove the associations of up to 2,000 pairs."""
        kind, other = association_pair(request)
        for item in inputs_of(await json_body(request), MAX_WRITES):
            self._links.part((kind.name, _id_in(item, "from")), (other.name, _id_in(item, "to")))
        return Response(status_code=204)

    def _ends(self, request: Request, kind: ObjectType, other: ObjectType) -> tuple[End, End]:
        """Return both records of a path, the first through merges; raises the 404 for one that is not there."""
        ids = []
        for shape, parameter in ((kind, "id"), (other, "other_id")):
            text = request.path_params[parameter]
            record = self._portal.stores[shape.name].find(int(text)) if is_number(text) else None
            if record is None:
                raise unknown_id()
            ids.append((shape.name, record.id))
        return ids[0], ids[1]

    def _missing(self, start: End, end: End) -> dict[str, Any] | None:
        gone = [(kind, identity) for kind, identity in (start, end) if identity not in self._portal.stores[kind].live]
        if not gone:
            return None
        name = OBJECT_TYPES[gone[0][0]].singular.upper()
        return partial("VALIDATION_ERROR", f"{name}={gone[0][1]} is not valid", {name: [str(gone[0][1])]},
                       subCategory="crm.associations.INVALID_OBJECT_IDS")  # fmt: skip

    def _joined(self, start: End, end: End) -> dict[str, Any]:
        labels = [label for _, label in self._links.types(*start, *end) if label]
        return {"fromObjectTypeId": OBJECT_TYPES[start[0]].type_id, "fromObjectId": start[1],
                "toObjectTypeId": OBJECT_TYPES[end[0]].type_id, "toObjectId": end[1], "labels": labels}  # fmt: skip


def _ids(start: End, end: End) -> dict[str, Any]:
    return {"from": {"id": str(start[1])}, "to": {"id": str(end[1])}}


def _id_in(item: dict[str, Any], key: str) -> int:
    given = item.get(key)
    text = str(given.get("id", "")) if isinstance(given, dict) else ""
    if not is_number(text):
        raise invalid(f"Invalid input JSON: every input needs {key}.id")
    return int(text)


def _type_id(kind: ObjectType, other: ObjectType, spec: object) -> int:
    """Return the type id that a spec names, the unlabelled one for None; raises the 400 for another pair's."""
    known = type_ids(kind.name, other.name)
    if spec is None:
        return max(known, key=lambda number: known[number] is None)
    number = spec.get("associationTypeId") if isinstance(spec, dict) else None
    if not isinstance(number, int) or number not in known:
        raise invalid(f"associationTypeId {number} doesn't exist between {kind.type_id} and {other.type_id}")
    return number


def _named(kind: ObjectType, other: ObjectType, name: str) -> int:
    known = association_type_names(kind, other)
    if name.isascii() and name.isdigit() and int(name) in known.values():
        return int(name)
    if name not in known:
        raise invalid(f"{name} is not a valid association type between {kind.name} and {other.name}")
    return known[name]
