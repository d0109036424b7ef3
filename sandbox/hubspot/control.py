"""`/_sandbox`: what HubSpot does not have. People edit records here, tests read the truth and break things."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.http import JSONAnswer
from sandbox.hubspot.call import is_number, json_body, number_in, objects_in
from sandbox.hubspot.errors import bad_values, invalid, unknown_id
from sandbox.hubspot.faults import fault_from
from sandbox.hubspot.journal import Actor
from sandbox.hubspot.objects import ObjectType, object_type
from sandbox.hubspot.records import Record
from sandbox.hubspot.state import HubSpotState
from sandbox.hubspot.views import Selection


class ControlApi:
    """The control plane: no token, no quota, no faults."""

    def __init__(self, state: HubSpotState) -> None:
        self._state, self._portal = state, state.portal

    def routes(self) -> list[Route]:
        """Return the routes."""
        reads = {"journal": self.journal, "counts": self.counts, "stats": self.stats}
        writes = {"edit": self.edit, "archive": self.archive, "merge": self.merge, "spend": self.spend,
                  "revoke": self.revoke}  # fmt: skip
        return [
            *(Route(f"/_sandbox/{name}", handler, methods=["GET"]) for name, handler in reads.items()),
            *(Route(f"/_sandbox/{name}", handler, methods=["POST"]) for name, handler in writes.items()),
            Route("/_sandbox/faults", self.add_faults, methods=["POST"]),
            Route("/_sandbox/faults", self.clear_faults, methods=["DELETE"]),
        ]

    async def journal(self, request: Request) -> Response:
        """Answer every effect after number `since`."""
        since = request.query_params.get("since", "0")
        return JSONAnswer(self._portal.journal.as_json(int(since) if is_number(since) else 0))

    async def counts(self, _: Request) -> Response:
        """Answer how many records there truly are."""
        rows = {
            name: {"live": len(store.live), "archived": len(store.archived), "merged_away": len(store.retired)}
            for name, store in self._portal.stores.items()
        }
        return JSONAnswer(rows)

    async def stats(self, _: Request) -> Response:
        """Answer how many requests there were, by route and status, and how many were throttled."""
        stats = self._state.stats
        return JSONAnswer({"requests": stats.requests, "throttled": self._state.quota.refused,
                           "by_route": dict(stats.by_route), "by_status": dict(stats.by_status)})  # fmt: skip

    async def edit(self, request: Request) -> Response:
        """Change a record as a person in the user interface does: {object, id, properties, user}."""
        body = await json_body(request)
        kind, record = self._record(body)
        given = body.get("properties")
        if not isinstance(given, dict):
            raise invalid("properties must be an object of names and values")
        values, problems = self._portal.check(kind.name, given)
        if problems:
            raise bad_values(problems)
        self._portal.write(kind.name, record, values, _person(body))
        return JSONAnswer(Selection(self._portal, kind, values).show(record))

    async def archive(self, request: Request) -> Response:
        """Delete a record as a person does: {object, id}."""
        body = await json_body(request)
        kind, record = self._record(body)
        self._portal.archive(kind.name, record, _person(body))
        return JSONAnswer({"id": str(record.id), "archived": True})

    async def merge(self, request: Request) -> Response:
        """Merge two records as a person does: {object, id, other}; answers the new id."""
        body = await json_body(request)
        kind, primary = self._record(body)
        _, other = self._record({**body, "id": body.get("other")})
        if primary is other:
            raise invalid("A record cannot be merged with itself")
        merged = self._portal.merge(kind.name, primary, other, _person(body))
        return JSONAnswer(Selection(self._portal, kind, ["hs_merged_object_ids"]).show(merged))

    async def spend(self, request: Request) -> Response:
        """Let another app of the portal use up {requests} of the day."""
        self._state.quota.spend(number_in(await json_body(request), "requests", 0))
        return Response(status_code=204)

    async def revoke(self, request: Request) -> Response:
        """Forget the token {token}."""
        self._state.gate.revoke(str((await json_body(request)).get("token", "")))
        return Response(status_code=204)

    async def add_faults(self, request: Request) -> Response:
        """Add {faults: [{kind, method, path, nth, times, seconds}]} to the script."""
        items = objects_in(await json_body(request), "faults")
        try:
            self._state.faults.faults.extend([fault_from(item) for item in items])
        except ValueError as error:
            raise invalid(str(error)) from None
        return JSONAnswer({"faults": len(self._state.faults.faults)}, 201)

    async def clear_faults(self, _: Request) -> Response:
        """Empty the fault script."""
        self._state.faults.faults.clear()
        return Response(status_code=204)

    def _record(self, body: dict[str, Any]) -> tuple[ObjectType, Record]:
        kind = object_type(str(body.get("object", "")))
        identity = str(body.get("id", ""))
        if kind is None:
            raise invalid(f"object {body.get('object')!r} is not an object type of this portal")
        record = self._portal.stores[kind.name].find(int(identity)) if is_number(identity) else None
        if record is None:
            raise unknown_id()
        return kind, record


def _person(body: dict[str, Any]) -> Actor:
    return Actor("user", "", source_id=str(body.get("user") or "900001"))
