"""The web application: which address leads to which handler, behind credentials, limits and the envelope."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.gainsight import bulk_api, cockpit_api, control, data_api, meta_api, people_api, timeline_api
from sandbox.gainsight.auth import TOKEN_PATH
from sandbox.gainsight.call import Call
from sandbox.gainsight.errors import ApiError, no_such_path, refusal
from sandbox.gainsight.front import Front
from sandbox.gainsight.quota import family_of, limits
from sandbox.gainsight.state import GainsightState
from sandbox.http import JSONAnswer

Handler = Callable[[Call], Awaitable[Response]]
Endpoint = Callable[[Request], Awaitable[Response]]

_DATA, _META, _BULK = "/v1/data/objects", "/v1/meta/services", "/v1.0/admin/connector/job/bulkimport"
_ROUTES: tuple[tuple[str, str, Handler], ...] = (
    ("POST", _DATA + "/query/{object}", data_api.query),
    ("POST", _DATA + "/{object}", data_api.insert),
    ("PUT", _DATA + "/{object}", data_api.update),
    ("DELETE", _DATA + "/{object}/{gsid}", data_api.delete),
    ("GET", _META + "/objects/list", meta_api.list_objects),
    ("POST", _META + "/objects/describe", meta_api.describe_many),
    ("GET", _META + "/objects/{object}/describe", meta_api.describe),
    ("GET", _META + "/dropdowns/{category}", meta_api.dropdown),
    ("POST", _BULK, bulk_api.accept),
    ("GET", _BULK + "/status/{status}", bulk_api.status),
    ("POST", "/v1/ant/es/activity", timeline_api.insert),
    ("PUT", "/v1/ant/es/activity", timeline_api.update),
    ("PUT", "/v1/peoplemgmt/v1.0/people", people_api.upsert),
    ("PUT", "/v1.0/api/people", people_api.upsert),
    ("POST", "/v1/users/services/list", people_api.users),
    *cockpit_api.ROUTES,
)


def create_app(state: GainsightState) -> Starlette:
    """Return the ASGI application of one tenant; serve it with `sandbox.http.Wire`."""
    routes = [Route(TOKEN_PATH, _token(state), methods=["POST"]), *control.routes(state)]
    routes += [Route(path, _guarded(state, handler), methods=[method]) for method, path, handler in _ROUTES]
    return Starlette(
        routes=routes,
        exception_handlers={HTTPException: _lost(state)},
        middleware=[Middleware(Front, state=state)],
    )


def _guarded(state: GainsightState, handler: Handler) -> Endpoint:
    """Wrap a handler in the check of credentials, the limits and the body of errors."""

    async def endpoint(request: Request) -> Response:
        request_id, family = state.request_id(), family_of(request.url.path)
        try:
            address = request.client.host if request.client else ""
            access = state.gate.identify(request.headers, address)
            state.quota.take(family, state.options)
            response = await handler(Call(state, request, state.integration(access, request_id), request_id))
        except ApiError as error:
            response = JSONAnswer(refusal(request_id, error), error.status)
        if family == "timeline":
            response.headers["x-ratelimit-limit"] = str(limits(family, state.options)[0][1])
        return response

    return endpoint


def _token(state: GainsightState) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        try:
            return JSONAnswer(state.gate.issue(request.headers.get("authorization"), await request.body()))
        except ApiError as error:
            return JSONAnswer(refusal(state.request_id(), error), error.status)

    return endpoint


def _lost(state: GainsightState) -> Callable[[Request, Exception], Awaitable[Response]]:
    async def answer(_request: Request, _error: Exception) -> Response:
        error = no_such_path()
        return JSONAnswer(refusal(state.request_id(), error), error.status)

    return answer
