"""How each fault of the script looks on the wire."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sandbox.http import JSONAnswer, drop, raw
from sandbox.hubspot.auth import expired, missing_scope
from sandbox.hubspot.faults import STATUS_FAULTS, Fault

_HTML = "<!DOCTYPE html><html><head><title>{0}</title></head><body><h1>{0}</h1></body></html>"
_LIMITS = {
    "ten_secondly": ("You have reached your ten_secondly_rolling limit.", "TEN_SECONDLY_ROLLING"),
    "secondly": ("You have reached your secondly limit.", "SECONDLY"),
    "daily": ("You have reached your daily limit.", "DAILY"),
}


async def answer_fault(fault: Fault, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer one request as `fault` says; kinds of broken bodies and `commit_then_drop` do carry it out first."""
    if fault.kind in STATUS_FAULTS:
        await _status_answer(fault, scope["call"].correlation_id)(scope, receive, send)
    elif fault.kind == "html_200":
        await Response(_HTML.format("Maintenance"), 200, media_type="text/html")(scope, receive, send)
    elif fault.kind == "slow":
        await asyncio.sleep(fault.seconds)
        await app(scope, receive, send)
    elif fault.kind == "drop":
        await drop(scope, receive)
    elif fault.kind == "commit_then_drop":
        await _carry_out(app, scope, receive)
        await drop(scope, receive)
    else:
        await _broken_body(fault, app, scope, receive, send)


async def _broken_body(fault: Fault, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    body = await _carry_out(app, scope, receive)
    if fault.kind == "foreign_link":
        await JSONAnswer(_with_foreign_link(body))(scope, receive, send)
        return
    half = body[: len(body) // 2]
    if fault.kind == "truncated_json":
        # The length fits, so only parsing tells.
        await Response(half, 200, media_type=JSONAnswer.media_type)(scope, receive, send)
        return
    head = f"HTTP/1.1 200 OK\r\ncontent-type: {JSONAnswer.media_type}\r\nconnection: close\r\n\r\n"
    await raw(scope, receive, head.encode() + half)


def _with_foreign_link(body: bytes) -> Any:
    """Return the answer with a next link that leads to another host, which no client may send its token to."""
    answer = orjson.loads(body or b"{}")
    following = answer.get("paging", {}).get("next", {})
    if following:
        following["link"] = f"https://foreign.invalid/crm/v3/objects?after={following['after']}"
    return answer


async def _carry_out(app: ASGIApp, scope: Scope, receive: Receive) -> bytes:
    """Run the request, keep its answer to ourselves, and return the body."""
    chunks: list[bytes] = []

    async def keep(message: Message) -> None:
        chunks.append(message.get("body", b""))

    await app(scope, receive, keep)
    return b"".join(chunks)


def _status_answer(fault: Fault, correlation_id: str) -> Response:
    status = STATUS_FAULTS[fault.kind]
    body: dict[str, Any] = {"status": "error", "message": "internal error", "correlationId": correlation_id}
    headers: dict[str, str] = {}
    if status == 401:
        body = expired(0, 75).body | {"correlationId": correlation_id}
    elif status == 403:
        body = missing_scope(("crm.objects.companies.read",)).body | {"correlationId": correlation_id}
    elif fault.kind in _LIMITS:
        message, policy = _LIMITS[fault.kind]
        body |= {"message": message, "errorType": "RATE_LIMIT", "policyName": policy, "groupName": "publicapi:sandbox"}
    elif status == 423:
        body["message"] = "Locked: this resource is being changed by another request"
    elif status == 477:
        body["message"] = "Migration in progress"
        headers["retry-after"] = str(int(fault.seconds))
    elif status in (414, 502, 503, 504, 521, 523, 524):
        return Response(_HTML.format(status), status, media_type="text/html")
    return JSONAnswer(body, status, headers)
