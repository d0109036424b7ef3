"""Logging in and out, and the choice between light and dark: the only requests that change something, a cookie."""

from __future__ import annotations

import math
import re
from typing import Literal
from urllib.parse import parse_qs, quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from dashboard.web.access import Access
from dashboard.web.render import THEMES, Renderer, Trouble, asked_for

MOST_BYTES = 4_096
_LOCAL = re.compile(r"/(?![/\\])[\x21-\x5b\x5d-\x7e]*")
"""A path on this server, and nothing that a browser takes for another one."""
_YEAR = 365 * 86_400


def address(request: Request) -> str:
    """Where to log in so that one comes back to this request."""
    wanted = asked_for(request)
    return f"/login?next={quote(wanted, safe='')}" if wanted != "/" else "/login"


def routes(access: Access, render: Renderer, *, https: bool) -> list[Route]:
    """The forms' addresses."""

    def form(request: Request) -> Response:
        after = _local(request.query_params.get("next", "/"))
        if access.who(request) is not None or not access.passwords:
            return RedirectResponse(after, 303)
        return render.log_in(request, None, after)

    async def log_in(request: Request) -> Response:
        given = await _form(request)
        after = _local(given.get("next", "/"))
        name, password = given.get("user", "")[:100], given.get("password", "")
        result = await run_in_threadpool(access.log_in, name, password, access.address(request))
        if not isinstance(result, str):
            return _refused(request, render, result, after)
        answer = RedirectResponse(after, 303)
        _keep(answer, access.cookie, result, int(access.session_seconds), "strict", https=https)
        return answer

    def log_out(request: Request) -> Response:
        access.log_out(request)
        answer = RedirectResponse("/login", 303)
        answer.delete_cookie(access.cookie, secure=https, httponly=True, samesite="strict")
        return answer

    async def theme(request: Request) -> Response:
        given = await _form(request)
        chosen = given.get("theme", "")
        answer = RedirectResponse(_local(given.get("next", "/")), 303)
        _keep(answer, "theme", chosen if chosen in THEMES else "auto", _YEAR, "lax", https=https)
        return answer

    return [
        Route("/login", form),
        Route("/login", log_in, methods=["POST"]),
        Route("/logout", log_out, methods=["POST"]),
        Route("/theme", theme, methods=["POST"]),
    ]


def _refused(request: Request, render: Renderer, result: float | None, after: str) -> Response:
    if result is None:
        # Not which of the two is wrong: names are nobody's business either.
        wrong = Trouble(status=401, title="Not logged in", message="The name or the password is wrong.")
        return render.log_in(request, wrong, after)
    seconds = math.ceil(result)
    late = Trouble(status=429, title="Too many attempts", message=f"Try again in {seconds} seconds.")
    answer = render.log_in(request, late, after)
    answer.headers["retry-after"] = str(seconds)
    return answer


def _keep(
    answer: Response, name: str, value: str, seconds: int, site: Literal["lax", "strict"], *, https: bool
) -> None:
    answer.set_cookie(name, value, max_age=seconds, path="/", secure=https, httponly=True, samesite=site)


def _local(path: str) -> str:
    return path if _LOCAL.fullmatch(path) else "/"


async def _form(request: Request) -> dict[str, str]:
    """The fields of a small form; one that is too large, or is no form, has none."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MOST_BYTES:
            return {}
    try:
        parsed = parse_qs(body.decode("ascii"), keep_blank_values=True, max_num_fields=10)
    except ValueError:
        return {}
    return {key: values[-1] for key, values in parsed.items()}
