"""What a handler knows of the request it answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from sandbox.gainsight.actor import Actor
from sandbox.gainsight.errors import envelope, invalid, no_such_object, no_such_path
from sandbox.gainsight.options import GainsightOptions
from sandbox.gainsight.state import GainsightState
from sandbox.gainsight.tenant import Table, Tenant
from sandbox.http import JSONAnswer


@dataclass(slots=True)
class Call:
    """One request of a client that may come in."""

    state: GainsightState
    request: Request
    actor: Actor
    request_id: str

    @property
    def tenant(self) -> Tenant:
        """The tenant."""
        return self.state.tenant

    @property
    def options(self) -> GainsightOptions:
        """The tenant's options as they are now."""
        return self.state.options

    def table(self, *, writable: bool = False) -> Table:
        """Return the object that the path names; raises ApiError when there is none, or none to write to."""
        table = self.tenant.table(str(self.request.path_params["object"]))
        if table is None:
            raise no_such_object()
        if writable and not table.kind.writable:
            raise no_such_path()
        return table

    async def body(self) -> dict[str, Any]:
        """Read the JSON object of the request; raises ApiError."""
        return read_json(self.request, await self.request.body())

    def answer(self, data: Any, status: int = 200, **more: Any) -> Response:
        """Return a call's `data` in the envelope; `more` stands beside it."""
        return JSONAnswer(envelope(self.request_id, data) | more, status)


def read_json(request: Request, raw: bytes) -> dict[str, Any]:
    """Parse a JSON object that says that it is JSON; raises ApiError."""
    if "json" not in request.headers.get("content-type", ""):
        raise invalid("Content-Type must be application/json")
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError:
        raise invalid("The request body is not JSON") from None
    if not isinstance(body, dict):
        raise invalid("The request body must be an object")
    return body
