"""Associations: v4 batch read and single list, default associations, and the v3 list that inline paging links to."""

from __future__ import annotations

from base64 import b64decode, b64encode
from bisect import bisect_left
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.http import JSONAnswer
from sandbox.hubspot.call import batch_answer, inputs_of, is_number, json_body, kind_of, limit_of
from sandbox.hubspot.clock import instant
from sandbox.hubspot.errors import invalid, partial, unknown_id
from sandbox.hubspot.objects import ObjectType
from sandbox.hubspot.state import HubSpotState
from sandbox.hubspot.views import can_associate

MAX_INPUTS, MAX_PAGE = 1_000, 500


class AssociationsApi:
    """Routes below `/crm/v4/associations` and `/crm/v4/objects`."""

    def __init__(self, state: HubSpotState) -> None:
        self._state, self._portal, self._links = state, state.portal, state.portal.links

    def routes(self) -> list[Route]:
        """Return the routes."""
        pair = "/crm/v4/objects/{kind}/{id}/associations"
        return [
            Route("/crm/v4/associations/{kind}/{other}/batch/read", self.batch_read, methods=["POST"]),
            Route(f"{pair}/default/{{other}}/{{other_id}}", self.join, methods=["PUT"]),
            Route(f"{pair}/{{other}}", self.listing, methods=["GET"]),
            Route("/crm/v3/objects/{kind}/{id}/associations/{other}", self.listing_v3, methods=["GET"]),
        ]

    async def batch_read(self, request: Request) -> Response:
        """Answer the associations of up to 1,000 records; one without any is listed in errors."""
        kind, other = association_pair(request)
        inputs = inputs_of(await json_body(request), MAX_INPUTS)
        results, errors = [], []
        for item in inputs:
            identity = str(item.get("id", ""))
            ids, following = self._page(kind, other, identity, item.get("after"), self._state.options.association_page)
            if not ids:
                errors.append(none_found(kind, other, identity))
                continue
            row: dict[str, Any] = {"from": {"id": identity}, "to": self._targets(kind, other, int(identity), ids)}
            if following:
                row["paging"] = {"next": {"after": following, "link": "https://api.hubapi.com/deprecated"}}
            results.append(row)
        self._state.rng.shuffle(results)
        return batch_answer(self._portal.now_ms(), results, errors)

    async def listing(self, request: Request) -> Response:
        """Answer one record's associations, up to 500 a page."""
        kind, other, identity = self._one(request)
        limit = limit_of(request, MAX_PAGE, MAX_PAGE)
        ids, following = self._page(kind, other, identity, request.query_params.get("after"), limit)
        body: dict[str, Any] = {"results": self._targets(kind, other, int(identity), ids)}
        if following:
            link = f"{request.url.include_query_params(after=following)}"
            body["paging"] = {"next": {"after": following, "link": link}}
        return JSONAnswer(body)

    async def listing_v3(self, request: Request) -> Response:
        """Answer one record's associated ids with the names of their types; `after` is an id."""
        kind, other, identity = self._one(request)
        limit, after = limit_of(request, MAX_PAGE, MAX_PAGE), request.query_params.get("after", "0")
        ids = self._portal.associated(kind.name, int(identity), other.name)
        start = bisect_left(ids, int(after) if is_number(after) else 0)
        page = ids[start : start + limit]
        results = [{"id": str(number), "type": f"{kind.singular}_to_{other.singular}"} for number in page]
        body: dict[str, Any] = {"results": results}
        if start + limit < len(ids):
            following = ids[start + limit]
            link = f"{request.url.include_query_params(after=following)}"
            body["paging"] = {"next": {"after": str(following), "link": link}}
        return JSONAnswer(body)

    async def join(self, request: Request) -> Response:
        """Associate two records with the unlabelled type; neither record's last-modified instant moves."""
        kind, other, identity = self._one(request)
        other_id = request.path_params["other_id"]
        if not is_number(other_id) or int(other_id) not in self._portal.stores[other.name].live:
            raise unknown_id()
        self._links.join(kind.name, int(identity), other.name, int(other_id))
        types = self._links.types(kind.name, int(identity), other.name, int(other_id))
        now = instant(self._portal.now_ms())
        spec = {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": types[-1][0]}
        result = {"from": {"id": identity}, "to": {"id": other_id}, "associationSpec": spec}
        return JSONAnswer({"status": "COMPLETE", "results": [result], "startedAt": now, "completedAt": now})

    def _one(self, request: Request) -> tuple[ObjectType, ObjectType, str]:
        kind, other = association_pair(request)
        identity = request.path_params["id"]
        record = self._portal.stores[kind.name].find(int(identity)) if is_number(identity) else None
        if record is None:
            raise unknown_id()
        return kind, other, str(record.id)

    def _page(
        self, kind: ObjectType, other: ObjectType, identity: str, after: Any, limit: int
    ) -> tuple[list[int], str | None]:
        if not is_number(identity):
            return [], None
        ids = self._portal.associated(kind.name, int(identity), other.name)
        start = bisect_left(ids, _decode(str(after))) if after else 0
        following = ids[start + limit] if start + limit < len(ids) else None
        return ids[start : start + limit], _encode(other, following) if following is not None else None

    def _targets(self, kind: ObjectType, other: ObjectType, identity: int, ids: list[int]) -> list[dict[str, Any]]:
        return [
            {
                "toObjectId": number,
                "associationTypes": [
                    {"category": "HUBSPOT_DEFINED", "typeId": type_id, "label": label}
                    for type_id, label in self._links.types(kind.name, identity, other.name, number)
                ]
                + [
                    {"category": "USER_DEFINED", "typeId": type_id, "label": label}
                    for type_id, label in self._links.own((kind.name, identity), (other.name, number))
                ],
            }
            for number in ids
        ]


def association_pair(request: Request) -> tuple[ObjectType, ObjectType]:
    """Return both object types of a path, or raise the 400 when they know no associations."""
    kind, other = kind_of(request), kind_of(request, "other")
    if not can_associate(kind.name, other.name):
        raise invalid(f"No association type exists between {kind.name} and {other.name}")
    return kind, other


def _encode(other: ObjectType, identity: int) -> str:
    return b64encode(f"{other.type_id}-{identity}".encode()).decode()


def _decode(after: str) -> int:
    try:
        return int(b64decode(after, validate=True).rpartition(b"-")[2])
    except ValueError:
        raise invalid(f"Invalid after {after}: use the value of paging.next.after") from None


def none_found(kind: ObjectType, other: ObjectType, identity: str) -> dict[str, Any]:
    """Return the error entry by which batches report that a record has no associations."""
    context = {"fromObjectId": [identity], "fromObjectType": [kind.singular], "toObjectType": [other.singular]}
    message = f"No {other.singular} is associated with {kind.singular} {identity}."
    return partial("OBJECT_NOT_FOUND", message, context, subCategory="crm.associations.NO_ASSOCIATIONS_FOUND")
