"""The application: pages and their twins as routes, behind the shield; errors as pages that say what to do."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, get_origin
from zoneinfo import ZoneInfo

from pydantic import ValidationError
from sqlalchemy import Connection
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from config.settings import Settings
from dashboard.logs import log_event
from dashboard.web import signin
from dashboard.web.access import Access
from dashboard.web.catalogue import Catalogue
from dashboard.web.heldvalues import HeldValues
from dashboard.web.page import AnyPage, Asked, Engine, Look, NotFound, User
from dashboard.web.pages import PAGES
from dashboard.web.render import STATIC, Kind, Renderer, Trouble
from dashboard.web.shelf import Shelf
from dashboard.web.shield import Shield
from mapping.framework import Framework
from mapping.framework.words import Words
from mapping.wording import wording
from store.errors import StoreError, StoreMissing

PROBE = "/healthz"


@dataclass(frozen=True, slots=True)
class Parts:
    """What the application is made of; built by the command that serves, or by a test."""

    settings: Settings
    framework: Framework
    shelf: Shelf
    access: Access
    catalogue: Catalogue
    engine: Engine = field(default_factory=Engine)
    held_values: HeldValues = field(default_factory=HeldValues)
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    version: str = "0"
    host: str = "127.0.0.1"


def create_app(
    parts: Parts,
    pages: Sequence[AnyPage] = PAGES,
    routes: Sequence[BaseRoute] = (),
    open_paths: Sequence[str] = (),
) -> Starlette:
    """The application; `routes` are further ones, which need no login of their own (probes, metrics).

    `open_paths` are those of them that are reached under any name, because they know by themselves who is asking.
    """
    own = parts.settings.dashboard
    render = Renderer(
        pages,
        workspace=parts.settings.workspace,
        zone=ZoneInfo(parts.settings.timezone),
        version=parts.version,
    )
    twins = [Route(page.json_path, _endpoint(parts, render, page, "json")) for page in pages]
    whole = [Route(page.path, _endpoint(parts, render, page, "html")) for page in pages]
    app = Starlette(
        routes=[
            Route(PROBE, _alive),
            *routes,
            *signin.routes(parts.access, render, https=own.https),
            Mount("/static", _Static(directory=STATIC)),
            *twins,
            *whole,
        ],
        middleware=[
            Middleware(
                Shield, hosts={*own.allowed_hosts, parts.host}, open_paths=[PROBE, *open_paths], https=own.https
            ),
        ],
        exception_handlers={HTTPException: _no_such_page(parts, render)},
    )
    app.state.access = parts.access
    return app


class _Static(StaticFiles):
    """Files of ours; their address has their hash, so that browsers keep them."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        answer = await super().get_response(path, scope)
        answer.headers["cache-control"] = "public, max-age=31536000, immutable"
        return answer


def _alive(_request: Request) -> Response:
    """Say that the server answers; the store's health is the page's and `keepwell status`'s matter."""
    return PlainTextResponse("ok\n")


def _endpoint(parts: Parts, render: Renderer, page: AnyPage, kind: Kind) -> Callable[[Request], Response]:
    """Answers one page; runs in a thread, as the database blocks."""
    words, days = wording(parts.framework), parts.framework.spec.score.trend.days

    def answer(request: Request) -> Response:
        request.scope["page"] = page
        user = parts.access.who(request)
        if user is None:
            return _stranger(parts, render, request, kind)
        if not user.may(page.needs):
            text = f"{page.title} is for admins; you are logged in as {user.name}, a viewer."
            return render.trouble(request, Trouble(status=403, title="Not for viewers", message=text), kind, user)
        try:
            asked = page.asks.model_validate(_given(request, page.asks))
            with parts.shelf.reading() as c:
                look = _look(parts, words, c, user)
                view = page.view(look, asked)
            return render.page(request, page, view, kind, user, asked=asked, now=look.now, days=days)
        except Exception as error:  # noqa: BLE001 - where every failure of a page ends
            return render.trouble(request, _told(error, request), kind, user)

    return answer


def _look(parts: Parts, words: Words, c: Connection, user: User) -> Look:
    return Look(
        c, parts.settings, parts.framework, words, parts.now(), user, parts.engine, parts.catalogue, parts.held_values
    )


def _given(request: Request, asks: type[Asked]) -> Mapping[str, Any]:
    """Query and path parameters; what an empty field of a form sends says nothing."""
    found: dict[str, Any] = {}
    for key in request.query_params:
        values = tuple(value for value in request.query_params.getlist(key) if value.strip())
        field_info = asks.model_fields.get(key)
        many = field_info is not None and get_origin(field_info.annotation) is tuple
        if values:
            found[key] = values if many else values[-1]
    return found | request.path_params


def _stranger(parts: Parts, render: Renderer, request: Request, kind: Kind) -> Response:
    if kind == "html" and parts.access.passwords:
        return RedirectResponse(signin.address(request), 303)
    hint = "Log in on the page /login." if parts.access.passwords else "Come by the proxy that the settings name."
    trouble = Trouble(status=401, title="Who are you?", message="This needs a login.", hint=hint)
    return render.trouble(request, trouble, kind, None)


def _told(error: Exception, request: Request) -> Trouble:
    """A failure in words; the details of one that nobody expected go to the log, never to the page."""
    if isinstance(error, NotFound):
        return Trouble(status=404, title="Not found", message=error.message, hint=error.hint)
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False, include_context=False)[0]
        name = ".".join(map(str, first["loc"])) or "the address"
        text = f"The parameter {name} cannot be used: {first['msg'].removeprefix('Value error, ')}."
        return Trouble(status=400, title="Not understood", message=text, hint="Leave it out or correct it.")
    if isinstance(error, StoreMissing):
        hint = "Type `keepwell sync`: it makes the store, reads the CRMs and computes. Then load this page again."
        return Trouble(status=503, title="Nothing has been synced yet", message=error.message, hint=hint)
    if isinstance(error, StoreError):
        return Trouble(status=503, title="The store cannot be read", message=error.message, hint=error.hint)
    log_event("page.failed", path=request.url.path, exc_info=error)
    hint = "The log of `keepwell serve` has the details; other pages may still work."
    return Trouble(status=500, title="This page failed", message="Something unexpected happened.", hint=hint)


def _kind(request: Request) -> Kind:
    return "json" if request.url.path.endswith(".json") else "html"


def _no_such_page(parts: Parts, render: Renderer) -> Callable[[Request, Exception], Response]:
    def answer(request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        user = parts.access.who(request)
        if user is None:
            return _stranger(parts, render, request, _kind(request))
        title = "There is no such page" if status == 404 else "This is not possible"
        told = Trouble(status=status, title=title, message=f"{request.method} {request.url.path}", hint="")
        return render.trouble(request, told, _kind(request), user)

    return answer
