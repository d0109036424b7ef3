"""`/_sandbox`: what HubSpot does not have. Tests read the truth here, and break things; people's edits are `people`."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.http import JSONAnswer
from sandbox.hubspot.call import is_number, json_body, number_in, objects_in, text_in, texts_in
from sandbox.hubspot.errors import invalid, not_found
from sandbox.hubspot.faults import fault_from
from sandbox.hubspot.objects import object_type
from sandbox.hubspot.pipelines import stage_of
from sandbox.hubspot.schema import option_list
from sandbox.hubspot.state import SWITCHES, HubSpotState


class ControlApi:
    """The control plane: no token, no quota, no faults."""

    def __init__(self, state: HubSpotState) -> None:
        self._state, self._portal = state, state.portal

    def routes(self) -> list[Route]:
        """Return the routes."""
        reads = {"journal": self.journal, "counts": self.counts, "stats": self.stats}
        writes = {"spend": self.spend, "revoke": self.revoke, "expire": self.expire, "options": self.options,
                  "property": self.change_property, "stage": self.archive_stage}  # fmt: skip
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

    async def spend(self, request: Request) -> Response:
        """Let others use up quota: {requests} of the portal's day, {burst} of {token}'s ten seconds, {searches}."""
        body = await json_body(request)
        self._state.quota.spend(
            number_in(body, "requests", 0), burst=number_in(body, "burst", 0), searches=number_in(body, "searches", 0),
            token=text_in(body, "token", self._state.options.tokens[0].value),
        )  # fmt: skip
        return Response(status_code=204)

    async def revoke(self, request: Request) -> Response:
        """Forget the access or refresh token {token}."""
        self._state.gate.revoke(str((await json_body(request)).get("token", "")))
        return Response(status_code=204)

    async def expire(self, _: Request) -> Response:
        """End every OAuth access token before its time."""
        return JSONAnswer({"expired": self._state.gate.expire()})

    async def options(self, request: Request) -> Response:
        """Switch what can change while the portal is open: {name: value} of `SWITCHES`."""
        body = await json_body(request)
        for name, value in body.items():
            wanted = SWITCHES.get(name)
            if wanted is None or not isinstance(value, wanted) or (isinstance(value, bool) and wanted is not bool):
                raise invalid(f"{name}={value!r} cannot be switched; {', '.join(SWITCHES)} can")
        self._state.switch(body)
        return JSONAnswer({name: getattr(self._state.options, name) for name in SWITCHES})

    async def change_property(self, request: Request) -> Response:
        """Change a definition as an admin may while others read: {object, name} and one of {remove: true}, {rename},
        {type} and {options: [value]}; no value is converted."""
        body = await json_body(request)
        kind, name = object_type(str(body.get("object", ""))), text_in(body, "name")
        schema = self._portal.schemas[kind.name] if kind is not None else None
        prop = schema.properties.get(name) if schema is not None else None
        if kind is None or schema is None or prop is None:
            raise not_found(f"Property {name!r} of {body.get('object')!r} does not exist")
        if body.get("remove") is True:
            del schema.properties[name]
        if new := text_in(body, "rename"):
            del schema.properties[name]
            prop.name = new
            schema.properties[new] = prop
            for record in self._portal.stores[kind.name].live.values():
                if name in record.values:
                    record.values = {new if key == name else key: text for key, text in record.values.items()}
        if new := text_in(body, "type"):
            prop.type = new
        if "options" in body:
            prop.options = option_list(*texts_in(body, "options"))
        prop.updated_ms = self._portal.now_ms()
        return JSONAnswer(prop.as_json())

    async def archive_stage(self, request: Request) -> Response:
        """Archive a stage, which records may still be in: {object, stage, listed?}; lists show it archived, or not at
        all without `listed`."""
        body = await json_body(request)
        kind, stage = object_type(str(body.get("object", ""))), text_in(body, "stage")
        if kind is None or stage_of(kind.name, stage) is None:
            raise not_found(f"Stage {stage!r} of {body.get('object')!r} does not exist")
        self._portal.archived_stages[(kind.name, stage)] = body.get("listed") is True
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
