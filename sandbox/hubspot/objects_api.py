"""List, read, create, change, archive, merge and search single records."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.http import JSONAnswer
from sandbox.hubspot import search
from sandbox.hubspot.call import (
    call_of,
    flag,
    is_number,
    json_body,
    kind_of,
    limit_of,
    many,
    objects_in,
    text_in,
    texts_in,
)
from sandbox.hubspot.errors import ApiError, bad_values, invalid, not_numeric, unknown_id
from sandbox.hubspot.links import type_ids
from sandbox.hubspot.objects import OBJECT_TYPES, ObjectType, object_type
from sandbox.hubspot.portal import Portal
from sandbox.hubspot.records import Record
from sandbox.hubspot.state import HubSpotState
from sandbox.hubspot.unique import Claims, is_unique
from sandbox.hubspot.views import Selection, can_associate, envelope, inline_associations, written

MAX_PAGE, MAX_PAGE_WITH_HISTORY = 100, 50
ALWAYS_REQUIRED = {"tasks": ("hs_timestamp",)}


class ObjectsApi:
    """Routes below `/crm/v3/objects/{type}` that concern one record or a page of them."""

    def __init__(self, state: HubSpotState) -> None:
        self._state, self._portal = state, state.portal

    def routes(self) -> list[Route]:
        """Return the routes, fixed names before ids."""
        base = "/crm/v3/objects/{kind}"
        return [
            Route(base, self.listing, methods=["GET"]),
            Route(base, self.create, methods=["POST"]),
            Route(f"{base}/search", self.search, methods=["POST"]),
            Route(f"{base}/merge", self.merge, methods=["POST"]),
            Route("/crm/v3/objects/contacts/gdpr-delete", self.forget, methods=["POST"]),
            Route(f"{base}/{{id}}", self.read, methods=["GET"]),
            Route(f"{base}/{{id}}", self.update, methods=["PATCH"]),
            Route(f"{base}/{{id}}", self.archive, methods=["DELETE"]),
        ]

    async def listing(self, request: Request) -> Response:
        """Answer one page by ascending id."""
        kind, history = kind_of(request), many(request, "propertiesWithHistory")
        limit = limit_of(request, 10, MAX_PAGE_WITH_HISTORY if history else MAX_PAGE)
        after = request.query_params.get("after", "0")
        if not is_number(after):
            raise invalid(f"Invalid after {after}: use the value of paging.next.after")
        selection = Selection(self._portal, kind, many(request, "properties"), history)
        others = _associated_types(request, kind)
        store = self._portal.stores[kind.name]
        if self._is_kept_empty(request.query_params.get("after")):
            return JSONAnswer({"results": []} | _next(request, f"0{int(after)}"))
        size = max(1, limit // 2) if self._state.options.short_pages else limit
        records, following = store.page(int(after), size, archived=flag(request, "archived"))
        body: dict[str, Any] = {"results": [self._show(kind, record, selection, others) for record in records]}
        return JSONAnswer(body if following is None else body | _next(request, str(following)))

    async def read(self, request: Request) -> Response:
        """Answer one record; the id of a merged-away one leads to the record that holds its data."""
        kind = kind_of(request)
        record = self._find(request, kind, archived=flag(request, "archived"))
        names, history = many(request, "properties"), many(request, "propertiesWithHistory")
        selection = Selection(self._portal, kind, names, history)
        return JSONAnswer(self._show(kind, record, selection, _associated_types(request, kind)))

    async def create(self, request: Request) -> Response:
        """Create a record, with associations if given."""
        kind, body = kind_of(request), await json_body(request)
        refuse_if_read_only(kind)
        values, problems = self._portal.check(kind.name, _properties(body))
        call = call_of(request)
        problems += missing_required(self._state, kind, values, call.version)
        if problems:
            raise bad_values(problems)
        joins = association_targets(self._portal, body, kind)
        problems = Claims(self._portal, kind).problems(values, None)
        if problems:
            raise bad_values(problems)
        record = self._portal.create(kind.name, values, call.actor)
        for target, type_id in joins:
            self._portal.links.join_as((kind.name, record.id), target, type_id)
        location = f"{request.url}/{record.id}"
        return JSONAnswer(written(kind.name, record, values), 201, {"location": location})

    async def update(self, request: Request) -> Response:
        """Change a record; a merged-away id still works here."""
        kind, body = kind_of(request), await json_body(request)
        refuse_if_read_only(kind)
        record = self._find(request, kind, archived=False)
        values, problems = self._portal.check(kind.name, _properties(body))
        problems += Claims(self._portal, kind).problems(values, record)
        if problems:
            raise bad_values(problems)
        self._portal.write(kind.name, record, values, call_of(request).actor)
        return JSONAnswer(written(kind.name, record, values))

    async def archive(self, request: Request) -> Response:
        """Move a record into the recycle bin; an unknown id is no error."""
        kind = kind_of(request)
        refuse_if_read_only(kind)
        identity = request.path_params["id"]
        record = self._portal.stores[kind.name].live.get(int(identity)) if is_number(identity) else None
        if record is not None:
            self._portal.archive(kind.name, record, call_of(request).actor)
        return Response(status_code=204)

    async def merge(self, request: Request) -> Response:
        """Merge two live records into a new one."""
        kind, body = kind_of(request), await json_body(request)
        refuse_if_read_only(kind)
        ids = [str(body.get(key, "")) for key in ("primaryObjectId", "objectIdToMerge")]
        live = self._portal.stores[kind.name].live
        first, second = (live.get(int(identity)) if is_number(identity) else None for identity in ids)
        if first is None or second is None:
            raise unknown_id()
        if first is second:
            raise invalid("A record cannot be merged with itself")
        merged = self._portal.merge(kind.name, first, second, call_of(request).actor)
        return JSONAnswer(Selection(self._portal, kind, ()).show(merged))

    async def forget(self, request: Request) -> Response:
        """Delete a contact for good: it is in no list any more, archived or not."""
        body, kind = await json_body(request), OBJECT_TYPES["contacts"]
        identity, name = str(body.get("objectId", "")), text_in(body, "idProperty")
        store = self._portal.stores[kind.name]
        if name and name != "hs_object_id":
            record = by_property(self._state, kind, name, identity)
        else:
            record = store.find(int(identity)) or store.archived.get(int(identity)) if is_number(identity) else None
        if record is None:
            raise unknown_id()
        self._portal.forget(kind.name, record, call_of(request).actor)
        return Response(status_code=204)

    async def search(self, request: Request) -> Response:
        """Answer a search from the index, which may lag behind and never shows archived records."""
        kind = kind_of(request)
        if len(await request.body()) > self._state.options.search_body_chars:
            raise invalid(f"The search request is longer than {self._state.options.search_body_chars} characters")
        body = await json_body(request)
        total, rows, offset = search.run(self._portal, kind.name, body)
        more = offset + len(rows) < total
        if more and self._is_kept_empty(body.get("after")):
            return JSONAnswer(
                {"total": self._admitted(total), "results": [], "paging": {"next": {"after": f"0{offset}"}}}
            )
        if self._state.options.short_pages and len(rows) > 1 and more:
            rows = rows[: len(rows) // 2]
        selection = Selection(self._portal, kind, texts_in(body, "properties"))
        live = self._portal.stores[kind.name].live
        results = []
        for row in rows:
            seen = Record(row.id, row.values, row.created_ms, row.updated_ms)
            results.append(envelope(seen, selection.properties(live.get(row.id, seen), row.values)))
        answer: dict[str, Any] = {"total": self._admitted(total), "results": results}
        if more:
            answer["paging"] = {"next": {"after": str(offset + len(rows))}}
        return JSONAnswer(answer)

    def _admitted(self, total: int) -> int:
        return min(total, self._state.options.total_cap or total)

    def _is_kept_empty(self, after: Any) -> bool:
        """Say whether an empty page comes first; the zero that its `after` begins with tells that it was there."""
        return self._state.options.empty_pages and not str(after or "").startswith("0")

    def _find(self, request: Request, kind: ObjectType, *, archived: bool) -> Record:
        identity, store = request.path_params["id"], self._portal.stores[kind.name]
        id_property = request.query_params.get("idProperty")
        if id_property and id_property != "hs_object_id":
            record = by_property(self._state, kind, id_property, identity)
        elif not is_number(identity):
            raise not_numeric(identity)
        else:
            record = store.find(int(identity), archived=archived)
        if record is None:
            raise unknown_id()
        return record

    def _show(self, kind: ObjectType, record: Record, selection: Selection, others: list[ObjectType]) -> dict[str, Any]:
        body = selection.show(record, self._state.options.portal_id)
        shown = inline_associations(self._portal, kind.name, record, others) if others else {}
        return body | {"associations": shown} if shown else body


def _next(request: Request, after: str) -> dict[str, Any]:
    return {"paging": {"next": {"after": after, "link": f"{request.url.include_query_params(after=after)}"}}}


def by_property(state: HubSpotState, kind: ObjectType, name: str, value: str) -> Record | None:
    """Find a record by a unique property; raises the 400 for a property that is not unique."""
    if not is_unique(state.portal, kind, name):
        raise invalid(f"Unable to perform update/upsert by non-unique {kind.type_id} property {name}")
    live = state.portal.stores[kind.name].live.values()
    return next((record for record in live if record.values.get(name, "").lower() == value.lower()), None)


def missing_required(
    state: HubSpotState, kind: ObjectType, values: dict[str, str], version: str
) -> list[dict[str, str]]:
    """Return what a new record lacks: the moment of a task, and create-form properties, which old versions let be."""
    required = list(ALWAYS_REQUIRED.get(kind.name, ()))
    if version >= "2026-09" and not version.startswith("v"):
        required += state.options.required_on_create.get(kind.name, ())
    return [
        {"name": name, "code": "MISSING_REQUIRED_PROPERTY", "message": f'Property "{name}" is required'}
        for name in required
        if not values.get(name)
    ]


def refuse_if_read_only(kind: ObjectType) -> None:
    """Raise the 405 for object types that the API only reads."""
    if kind.read_only:
        raise ApiError(405, {"status": "error", "message": f"{kind.name} cannot be written through the API"})


def association_targets(portal: Portal, body: dict[str, Any], kind: ObjectType) -> list[tuple[tuple[str, int], int]]:
    """Return ((object type, id), type id) of every association that a create asks for.

    Raises the 400 for a type id that does not start at this object type, and for a target that is not there.
    """
    targets = []
    for item in objects_in(body, "associations"):
        target = item.get("to")
        identity = str(target.get("id", "")) if isinstance(target, dict) else ""
        for kind_of_link in objects_in(item, "types"):
            number = kind_of_link.get("associationTypeId")
            others = [
                other for other in OBJECT_TYPES if isinstance(number, int) and number in type_ids(kind.name, other)
            ]
            if not isinstance(number, int) or not others or not is_number(identity):
                raise invalid(f"Invalid association of {kind.name}: type {number} to {identity!r}")
            if int(identity) not in portal.stores[others[0]].live:
                name = OBJECT_TYPES[others[0]].singular.upper()
                raise invalid(f"{name}={identity} is not valid", subCategory="crm.associations.INVALID_OBJECT_IDS")
            targets.append(((others[0], int(identity)), number))
    return targets


def _properties(body: dict[str, Any]) -> dict[str, object]:
    properties = body.get("properties")
    if not isinstance(properties, dict):
        raise invalid("Invalid input JSON: properties must be an object")
    return properties


def _associated_types(request: Request, kind: ObjectType) -> list[ObjectType]:
    others = [object_type(segment) for segment in many(request, "associations")]
    return [other for other in others if other is not None and can_associate(kind.name, other.name)]
