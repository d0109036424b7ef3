"""How each fault of the script looks on the wire."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from sandbox.faults import Fault
from sandbox.http import JSONAnswer, carry_out, cut, drop
from sandbox.hubspot.auth import expired, missing_scope
from sandbox.hubspot.faults import STATUS_FAULTS
from sandbox.hubspot.journal import USER, Actor
from sandbox.hubspot.objects import object_type
from sandbox.hubspot.portal import Portal

_CROWD = 10  # fewer records than this are left in peace
_HTML = "<!DOCTYPE html><html><head><title>{0}</title></head><body><h1>{0}</h1></body></html>"
_LIMITS = {
    "ten_secondly": ("You have reached your ten_secondly_rolling limit.", "TEN_SECONDLY_ROLLING"),
    "secondly": ("You have reached your secondly limit.", "SECONDLY"),
    "daily": ("You have reached your daily limit.", "DAILY"),
}


async def answer_fault(fault: Fault, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer one request as `fault` says; broken bodies, `churn` and `commit_then_drop` do carry it out first."""
    if fault.kind in STATUS_FAULTS:
        await _status_answer(fault, scope["call"].correlation_id)(scope, receive, send)
    elif fault.kind == "html_200":
        await Response(_HTML.format("Maintenance"), 200, media_type="text/html")(scope, receive, send)
    elif fault.kind == "slow":
        await asyncio.sleep(fault.seconds)
        await app(scope, receive, send)
    elif fault.kind == "churn":
        await app(scope, receive, send)
        churn(scope["app"].state.hubspot.portal, scope["path"])
    elif fault.kind == "drop":
        await drop(scope, receive)
    elif fault.kind == "commit_then_drop":
        await carry_out(app, scope, receive)
        await drop(scope, receive)
    else:
        await _broken_body(fault, app, scope, receive, send)


def churn(portal: Portal, path: str) -> None:
    """Let people be busy between two pages of an object: one read and one unread record go, two unread ones merge, one
    is made, and the lowest one is edited."""
    kind = next((found for part in path.split("/") if (found := object_type(part))), None)
    live = portal.stores[kind.name].live if kind is not None else {}
    if kind is None or len(live) < _CROWD:
        return
    ids, user = sorted(live), Actor("user", "", source_id=f"{USER}900001")
    portal.archive(kind.name, live[ids[1]], user)
    portal.archive(kind.name, live[ids[-1]], user)
    portal.merge(kind.name, live[ids[-2]], live[ids[-3]], user)
    portal.create(kind.name, {}, user)
    portal.write(kind.name, live[ids[0]], {}, user)


async def _broken_body(fault: Fault, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    body = await carry_out(app, scope, receive)
    if fault.kind == "foreign_link":
        await JSONAnswer(_with_foreign_link(body))(scope, receive, send)
        return
    await cut(body, scope, receive, send, announced=fault.kind == "truncated_json")


def _with_foreign_link(body: bytes) -> Any:
    """Return the answer with a next link that leads to another host, which no client may send its token to."""
    answer = orjson.loads(body or b"{}")
    following = answer.get("paging", {}).get("next", {})
    if following:
        following["link"] = f"https://foreign.invalid/crm/v3/objects?after={following['after']}"
    return answer


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
    elif status in (414, 431) or status > 501:
        return Response(_HTML.format(status), status, media_type="text/html")
    return JSONAnswer(body, status, headers)
