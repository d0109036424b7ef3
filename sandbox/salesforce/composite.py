"""The composite resource: up to 25 requests on records and queries in one call, with references between them."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any
from urllib.parse import unquote, urlsplit

import orjson
from starlette.requests import Request
from starlette.responses import Response

from sandbox.salesforce import limits, rest_collections, rest_query, rest_rows
from sandbox.salesforce.context import Call, answer
from sandbox.salesforce.errors import ApiError, not_found

MAX_SUBREQUESTS = 25
_REFERENCE = re.compile(r"@\{(\w+)((?:\.\w+|\[\d+\])*)\}")
_STEP = re.compile(r"\.(\w+)|\[(\d+)\]")
_INNER: tuple[tuple[str, str, Callable[[Call], Awaitable[Response]]], ...] = (
    ("GET", r"/query", rest_query.query),
    ("GET", r"/queryAll", rest_query.query_all),
    ("GET", r"/limits", limits.limits),
    ("GET", r"/sobjects/(?P<object>\w+)/describe", rest_rows.describe),
    ("POST", r"/sobjects/(?P<object>\w+)", rest_rows.create),
    ("GET", r"/sobjects/(?P<object>\w+)/(?P<id>\w+)", rest_rows.read),
    ("PATCH", r"/sobjects/(?P<object>\w+)/(?P<id>\w+)", rest_rows.update),
    ("DELETE", r"/sobjects/(?P<object>\w+)/(?P<id>\w+)", rest_rows.delete),
    ("GET", r"/sobjects/(?P<object>\w+)/(?P<field>\w+)/(?P<value>[^/]+)", rest_rows.read_external),
    ("POST", r"/composite/sobjects", rest_collections.create_many),
    ("PATCH", r"/composite/sobjects", rest_collections.update_many),
    ("DELETE", r"/composite/sobjects", rest_collections.delete_many),
    ("PATCH", r"/sobjects/(?P<object>\w+)/(?P<field>\w+)/(?P<value>[^/]+)", rest_rows.upsert),
)


async def composite(call: Call) -> Response:
    """Run the subrequests in order; the answer is 200 whatever became of them."""
    body = await call.json_object()
    requests = body.get("compositeRequest")
    if not isinstance(requests, list) or not 1 <= len(requests) <= MAX_SUBREQUESTS:
        message = f"compositeRequest must hold 1 to {MAX_SUBREQUESTS} subrequests"
        raise ApiError(400, "LIMIT_EXCEEDED", message)
    if not all(isinstance(item, dict) for item in requests):
        raise ApiError(400, "JSON_PARSER_ERROR", "compositeRequest must be an array of objects")
    done: dict[str, Any] = {}
    together = replace(call, shared=call.writer()) if body.get("allOrNone") is True else call
    start = _hold(together)
    responses = []
    for item in requests:
        result = await _subrequest(together, item, done)
        done[result["referenceId"]] = result["body"]
        responses.append(result)
    return answer({"compositeResponse": _settled(together, start, responses)})


def _hold(call: Call) -> tuple[int, int]:
    if call.shared is None:
        return 0, 0
    call.shared.held = True
    return call.shared.mark()


def _settled(call: Call, start: tuple[int, int], responses: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Commit a shared writer, or undo all its work and say so in the answers that were not to blame."""
    if call.shared is None:
        return responses
    call.shared.held = False
    if all(response["httpStatusCode"] < 300 for response in responses):
        call.shared.commit()
        return responses
    call.shared.rollback(start)
    call.shared.commit()
    message = "The transaction was rolled back since another operation in the same transaction failed."
    undone = [{"errorCode": "PROCESSING_HALTED", "message": message}]
    return [
        response
        if response["httpStatusCode"] >= 300
        else {**response, "body": undone, "httpHeaders": {}, "httpStatusCode": 400}
        for response in responses
    ]


async def batch(call: Call) -> Response:
    """Run up to 25 independent subrequests; unlike those of a composite they cannot refer to each other."""
    body = await call.json_object()
    requests = body.get("batchRequests")
    if not isinstance(requests, list) or not 1 <= len(requests) <= MAX_SUBREQUESTS:
        raise ApiError(400, "LIMIT_EXCEEDED", f"batchRequests must hold 1 to {MAX_SUBREQUESTS} subrequests")
    if not all(isinstance(item, dict) for item in requests):
        raise ApiError(400, "JSON_PARSER_ERROR", "batchRequests must be an array of objects")
    results: list[dict[str, Any]] = []
    for item in requests:
        if body.get("haltOnError") is True and any(result["statusCode"] >= 300 for result in results):
            error = ApiError(412, "BATCH_PROCESSING_HALTED", "The batch was halted by an error before this request.")
            results.append({"statusCode": 412, "result": error.body()})
            continue
        url = "/services/data/" + str(item.get("url")).removeprefix("/services/data/").lstrip("/")
        ready = {"method": item.get("method"), "url": url, "body": item.get("richInput"), "referenceId": "batch"}
        result = await _subrequest(call, ready, {})
        results.append({"statusCode": result["httpStatusCode"], "result": result["body"]})
    return answer({"hasErrors": any(result["statusCode"] >= 300 for result in results), "results": results})


async def _subrequest(call: Call, item: dict[str, Any], done: dict[str, Any]) -> dict[str, Any]:
    reference = str(item.get("referenceId"))
    try:
        filled = orjson.loads(_fill(orjson.dumps(item).decode(), done))
        response = await _dispatch(call, filled)
        body = orjson.loads(response.body) if response.body else None
        status, headers = response.status_code, {k: v for k, v in response.headers.items() if k == "location"}
    except ApiError as error:
        body, status, headers = error.body(), error.status, {}
    return {"body": body, "httpHeaders": headers, "httpStatusCode": status, "referenceId": reference}


def _fill(text: str, done: dict[str, Any]) -> str:
    def value(match: re.Match[str]) -> str:
        found: Any = done.get(match[1])
        for name, index in _STEP.findall(match[2]):
            try:
                found = found[name] if name else found[int(index)]
            except (KeyError, IndexError, TypeError):
                message = f"Invalid reference specified. No value for {match[0]} found"
                raise ApiError(400, "PROCESSING_HALTED", message) from None
        return orjson.dumps(str(found)).decode()[1:-1]

    return _REFERENCE.sub(value, text)


async def _dispatch(call: Call, item: dict[str, Any]) -> Response:
    target = urlsplit(str(item.get("url")))
    method = str(item.get("method")).upper()
    for verb, pattern, handler in _INNER:
        match = re.fullmatch(re.escape(call.base) + pattern, unquote(target.path).rstrip("/"))
        if verb == method and match is not None:
            return await handler(_inner_call(call, item, target.query, match.groupdict()))
    raise not_found()


def _inner_call(call: Call, item: dict[str, Any], query: str, params: dict[str, str]) -> Call:
    headers = [(str(k).lower().encode(), str(v).encode()) for k, v in (item.get("httpHeaders") or {}).items()]
    body = orjson.dumps(item.get("body"))

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    scope = {**call.request.scope, "headers": headers, "query_string": query.encode(), "path_params": params}
    scope["method"] = str(item.get("method")).upper()
    return Call(call.state, Request(scope, receive), call.session, call.version, call.request_id, call.shared)
