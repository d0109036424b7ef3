"""Pipelines, owners, account details, property limits and the OAuth token endpoint."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.http import JSONAnswer
from sandbox.hubspot.call import flag, is_number, json_body, kind_of, limit_of
from sandbox.hubspot.errors import invalid, not_found
from sandbox.hubspot.objects import OBJECT_TYPES
from sandbox.hubspot.pipelines import PIPELINES
from sandbox.hubspot.state import HubSpotState

MAX_OWNERS = 500


class AccountApi:
    """Routes that describe the portal itself."""

    def __init__(self, state: HubSpotState) -> None:
        self._state, self._portal = state, state.portal

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route("/crm/v3/pipelines/{kind}", self.pipelines, methods=["GET"]),
            Route("/crm/v3/pipelines/{kind}/{id}", self.pipeline, methods=["GET"]),
            Route("/crm/v3/pipelines/{kind}/{id}/stages", self.stages, methods=["GET"]),
            Route("/crm/v3/owners", self.owners, methods=["GET"]),
            Route("/crm/v3/owners/{id}", self.owner, methods=["GET"]),
            Route("/account-info/v3/details", self.details, methods=["GET"]),
            Route("/crm/v3/schemas", self.custom_objects, methods=["GET"]),
            Route("/crm/v3/limits/custom-properties", self.limits, methods=["GET"]),
            Route("/oauth/v3/token", self.token, methods=["POST"]),
            Route("/oauth/v1/token", self.token_v1, methods=["POST"]),
            Route("/oauth/v3/token/introspect", self.introspection, methods=["POST"]),
            Route("/oauth/v2/private-apps/get/access-token-info", self.private_token, methods=["POST"]),
        ]

    async def pipelines(self, request: Request) -> Response:
        """Answer all pipelines of deals or tickets."""
        return JSONAnswer({"results": self._pipelines(request)})

    async def pipeline(self, request: Request) -> Response:
        """Answer one pipeline."""
        return JSONAnswer(self._pipeline(request))

    async def owners(self, request: Request) -> Response:
        """Answer a page of active owners, or of those who left."""
        limit, after = limit_of(request, 100, MAX_OWNERS), request.query_params.get("after", "0")
        if not is_number(after):
            raise invalid(f"Invalid after {after}: use the value of paging.next.after")
        email, archived = request.query_params.get("email"), flag(request, "archived")
        found = [owner for owner in self._portal.owners if owner.archived is archived and email in (None, owner.email)]
        start = int(after)
        body: dict[str, Any] = {"results": [owner.as_json() for owner in found[start : start + limit]]}
        if start + limit < len(found):
            link = f"{request.url.include_query_params(after=start + limit)}"
            body["paging"] = {"next": {"after": str(start + limit), "link": link}}
        return JSONAnswer(body)

    async def owner(self, request: Request) -> Response:
        """Answer one owner by owner id or user id; one who left only with archived=true."""
        identity, archived = request.path_params["id"], flag(request, "archived")
        by_user = request.query_params.get("idProperty") == "userId"
        for owner in self._portal.owners:
            if identity == (str(owner.user_id) if by_user else owner.id) and owner.archived is archived:
                return JSONAnswer(owner.as_json())
        raise not_found(f"Owner {identity} does not exist")

    async def details(self, _: Request) -> Response:
        """Answer what `doctor`-like tools ask first: which portal is this, and when is its midnight."""
        options = self._state.options
        return JSONAnswer(
            {"portalId": options.portal_id, "accountType": "STANDARD", "timeZone": options.time_zone,
             "companyCurrency": "EUR", "additionalCurrencies": ["USD", "GBP", "DKK"], "utcOffset": "+01:00",
             "utcOffsetMilliseconds": 3_600_000, "uiDomain": "app.hubspot.com", "dataHostingLocation": "na1"}
        )  # fmt: skip

    async def custom_objects(self, _: Request) -> Response:
        """Answer the custom objects of the portal: it has none."""
        return JSONAnswer({"results": []})

    async def limits(self, _: Request) -> Response:
        """Answer how many custom properties each object type has and may have."""
        limit, rows = self._state.options.custom_property_limit, []
        for kind in OBJECT_TYPES.values():
            properties = self._portal.schemas[kind.name].properties.values()
            usage = sum(not prop.hubspot_defined for prop in properties)
            rows.append({"objectTypeId": kind.type_id, "limit": limit, "usage": usage,
                         "percentage": round(100 * usage / limit, 2)})  # fmt: skip
        total = sum(row["usage"] for row in rows)  # type: ignore[misc]
        overall = {"limit": 10 * limit, "usage": total, "percentage": round(10 * total / limit, 2)}
        return JSONAnswer({"overallLimit": 10 * limit, "overallUsage": total,
                           "overallPercentage": overall["percentage"], "byObjectType": rows})  # fmt: skip

    async def token(self, request: Request) -> Response:
        """Answer a refresh grant; parameters come in the body."""
        form = dict(parse_qsl((await request.body()).decode("utf-8", "replace")))
        return JSONAnswer(self._state.gate.refresh(form))

    async def token_v1(self, request: Request) -> Response:
        """Answer a refresh grant as the old endpoint does, which also reads the query and ends in February 2027."""
        form = dict(parse_qsl((await request.body()).decode("utf-8", "replace")))
        return JSONAnswer(self._state.gate.refresh({**request.query_params, **form}))

    async def introspection(self, request: Request) -> Response:
        """Answer what is known of an OAuth token; parameters come in the body."""
        form = dict(parse_qsl((await request.body()).decode("utf-8", "replace")))
        return JSONAnswer(self._state.gate.introspect(form))

    async def private_token(self, request: Request) -> Response:
        """Answer which private app the `tokenKey` of the body belongs to."""
        return JSONAnswer(self._state.gate.describe((await json_body(request)).get("tokenKey")))

    async def stages(self, request: Request) -> Response:
        """Answer the stages of one pipeline."""
        return JSONAnswer({"results": self._pipeline(request)["stages"]})

    def _pipeline(self, request: Request) -> dict[str, Any]:
        for pipeline in self._pipelines(request):
            if pipeline["id"] == request.path_params["id"]:
                return pipeline
        raise not_found(f"Pipeline {request.path_params['id']} does not exist")

    def _pipelines(self, request: Request) -> list[dict[str, Any]]:
        kind, archived = kind_of(request).name, self._portal.archived_stages
        lines = [line.as_json(number) for number, line in enumerate(PIPELINES.get(kind, ()))]
        for line in lines:
            shown = [stage for stage in line["stages"] if archived.get((kind, stage["id"]), True)]
            line["stages"] = [stage | {"archived": (kind, stage["id"]) in archived} for stage in shown]
        return lines
