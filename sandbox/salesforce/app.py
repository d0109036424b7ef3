"""The web application: which address leads to which handler, behind login, quota and error bodies."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from itertools import count

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.salesforce import (
    bulk_ingest,
    bulk_query,
    composite,
    control,
    limits,
    rest_collections,
    rest_query,
    rest_rows,
    tooling,
)
from sandbox.salesforce.auth import TokenEndpoint, soap_login
from sandbox.salesforce.context import Call, answer
from sandbox.salesforce.errors import ApiError, not_found
from sandbox.salesforce.front import Front
from sandbox.salesforce.limits import LATEST_VERSION, OLDEST_VERSION
from sandbox.salesforce.state import ORG_ID, SalesforceState

Handler = Callable[[Call], Awaitable[Response]]
Endpoint = Callable[[Request], Awaitable[Response]]

_OBJECT = "/sobjects/{object}"
_COLLECTION = "/composite/sobjects"
_ROUTES: tuple[tuple[str, str, Handler], ...] = (
    ("GET", "", limits.resources),
    ("GET", "/limits", limits.limits),
    ("GET", "/limits/recordCount", limits.record_count),
    ("GET", "/query", rest_query.query),
    ("GET", "/queryAll", rest_query.query_all),
    ("GET", "/query/{locator}", rest_query.more),
    ("GET", "/queryAll/{locator}", rest_query.more),
    ("GET", "/sobjects", rest_rows.list_objects),
    ("GET", _OBJECT, rest_rows.basic_info),
    ("POST", _OBJECT, rest_rows.create),
    ("GET", f"{_OBJECT}/describe", rest_rows.describe),
    ("GET", f"{_OBJECT}/updated", rest_rows.updated),
    ("GET", f"{_OBJECT}/deleted", rest_rows.deleted),
    ("GET", _OBJECT + "/{id}", rest_rows.read),
    ("PATCH", _OBJECT + "/{id}", rest_rows.update),
    ("DELETE", _OBJECT + "/{id}", rest_rows.delete),
    ("GET", _OBJECT + "/{field}/{value}", rest_rows.read_external),
    ("PATCH", _OBJECT + "/{field}/{value}", rest_rows.upsert),
    ("POST", "/composite", composite.composite),
    ("POST", "/composite/batch", composite.batch),
    ("PATCH", _COLLECTION, rest_collections.update_many),
    ("POST", _COLLECTION, rest_collections.create_many),
    ("DELETE", _COLLECTION, rest_collections.delete_many),
    ("GET", _COLLECTION + "/{object}", rest_collections.retrieve_many),
    ("POST", _COLLECTION + "/{object}", rest_collections.retrieve_many),
    ("PATCH", _COLLECTION + "/{object}/{field}", rest_collections.upsert_many),
    ("POST", "/jobs/query", bulk_query.create),
    ("GET", "/jobs/query", bulk_query.list_jobs),
    ("GET", "/jobs/query/{job}", bulk_query.info),
    ("PATCH", "/jobs/query/{job}", bulk_query.change),
    ("DELETE", "/jobs/query/{job}", bulk_query.remove),
    ("GET", "/jobs/query/{job}/results", bulk_query.results),
    ("GET", "/jobs/query/{job}/resultPages", bulk_query.result_pages),
    ("POST", "/jobs/ingest", bulk_ingest.create),
    ("GET", "/jobs/ingest", bulk_ingest.list_jobs),
    ("GET", "/jobs/ingest/{job}", bulk_ingest.info),
    ("PATCH", "/jobs/ingest/{job}", bulk_ingest.change),
    ("DELETE", "/jobs/ingest/{job}", bulk_ingest.remove),
    ("PUT", "/jobs/ingest/{job}/batches", bulk_ingest.upload),
    ("GET", "/jobs/ingest/{job}/{results}", bulk_ingest.results),
    ("GET", "/tooling/query", tooling.query),
    ("POST", "/tooling/sobjects/CustomField", tooling.create_field),
    ("GET", "/tooling/sobjects/CustomField/{id}", tooling.read_field),
    ("PATCH", "/tooling/sobjects/CustomField/{id}", tooling.change_field),
)


def create_app(state: SalesforceState) -> Starlette:
    """Return the ASGI application of one org."""
    numbers = count(1)
    routes = [
        Route("/services/data", _versions),
        Route("/services/oauth2/token", _token(state), methods=["POST"]),
        Route("/services/oauth2/revoke", _revoke(state), methods=["GET", "POST"]),
        Route("/services/oauth2/userinfo", _user_info(state), methods=["GET", "POST"]),
        Route("/id/{org}/{user}", _user_info(state)),
        Route("/services/Soap/u/{version}", _soap(state), methods=["POST"]),
        Route("/services/Soap/u/{version}/{org}", _soap(state), methods=["POST"]),
        *control.routes(state),
    ]
    for method, path, handler in _ROUTES:
        routes.append(Route(f"/services/data/v{{version}}{path}", _guarded(state, handler, numbers), methods=[method]))
    return Starlette(
        routes=routes,
        exception_handlers={ApiError: _api_error, HTTPException: _http_error},
        middleware=[Middleware(Front, state=state)],
    )


def _guarded(state: SalesforceState, handler: Handler, numbers: count[int]) -> Endpoint:
    """Wrap a handler in version check, login, quota and the limit header."""

    async def endpoint(request: Request) -> Response:
        request_id = request.headers.get("x-request-id") or f"sf-{next(numbers):06d}"
        try:
            version = _version(request)
            session = state.sessions.check(request.headers.get("authorization"))
            try:
                state.usage.count()
            except ApiError:
                state.stats.throttled += 1
                raise
            response = await handler(Call(state, request, session, version, request_id))
        except ApiError as error:
            response = answer(error.body(), error.status)
        if response.status_code != 401:
            response.headers["Sforce-Limit-Info"] = limits.usage_header(state)
        return response

    return endpoint


def _version(request: Request) -> str:
    version = str(request.path_params["version"])
    if not re.fullmatch(r"\d{2}\.0", version) or float(version) > LATEST_VERSION:
        raise not_found()
    if float(version) < OLDEST_VERSION:
        raise ApiError(410, "UNSUPPORTED_API_VERSION", f"API version {version} is not served here")
    return version


async def _versions(_: Request) -> Response:
    return answer(limits.version_list())


def _token(state: SalesforceState) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        return await TokenEndpoint(state, request).respond()

    return endpoint


def _revoke(state: SalesforceState) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        text = request.url.query or (await request.body()).decode("utf-8", "replace")
        token = dict(part.partition("=")[::2] for part in text.split("&")).get("token", "")
        if state.sessions.revoke(token.replace("%21", "!")):
            return Response(status_code=200)
        return answer({"error": "unsupported_token_type", "error_description": "this token type is not supported"}, 400)

    return endpoint


def _user_info(state: SalesforceState) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        session = state.sessions.check(request.headers.get("authorization"))
        users = state.org.tables["User"]
        row = users.rows[session.user_id]
        names = {"preferred_username": "Username", "name": "Name", "email": "Email"}
        shown = {key: row[users.columns[name]] for key, name in names.items()}
        return answer({**shown, "user_id": session.user_id, "organization_id": ORG_ID, "active": True})

    return endpoint


def _soap(state: SalesforceState) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        return await soap_login(state, request)

    return endpoint


async def _api_error(_: Request, error: Exception) -> Response:
    if not isinstance(error, ApiError):
        raise error
    return answer(error.body(), error.status)


async def _http_error(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    if status == 405:
        message = f"HTTP Method '{request.method}' not allowed."
        return answer([{"message": message, "errorCode": "METHOD_NOT_ALLOWED"}], 405)
    return answer(not_found().body(), status)
