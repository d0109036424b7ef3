"""Turns a page's model into HTML or JSON; nothing else makes an answer of either kind."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Literal, cast
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from dashboard.kpis import NOBODY
from dashboard.web import document, shown
from dashboard.web.page import AnyPage, User, View

HERE = Path(__file__).parent
STATIC = HERE / "static"
THEMES = {"auto": ("light", "system"), "light": ("dark", "light"), "dark": ("auto", "dark")}
"""Theme → the one that a click leads to, and what it is called."""
Kind = Literal["html", "json"]


class Trouble(View):
    """Why there is no page; what a `.json` twin answers then."""

    status: int
    title: str
    message: str
    hint: str = ""


class Renderer:
    """Knows the templates and what is the same on every page."""

    def __init__(self, pages: Sequence[AnyPage], *, workspace: str, zone: ZoneInfo, version: str) -> None:
        self._pages = pages
        self._same = {"workspace": workspace, "version": version, "themes": THEMES}
        self._templates = environment(zone)

    def page(self, request: Request, page: AnyPage, view: View, kind: Kind, user: User, **more: Any) -> Response:
        """A page, or its twin."""
        if kind == "json":
            return as_json(view)
        given = {"view": view, "page": page, "twin": _twin(request), **more}
        return self._html(request, page.template, 200, user, given)

    def trouble(self, request: Request, trouble: Trouble, kind: Kind, user: User | None) -> Response:
        """An answer that is no page."""
        if kind == "json":
            return as_json(trouble, trouble.status)
        return self._html(request, "trouble.html", trouble.status, user, {"view": trouble})

    def log_in(self, request: Request, trouble: Trouble | None, after: str) -> Response:
        """The form to log in."""
        given = {"view": trouble, "after": after}
        return self._html(request, "login.html", trouble.status if trouble else 200, None, given)

    def _html(
        self, request: Request, template: str, status: int, user: User | None, given: Mapping[str, Any]
    ) -> Response:
        theme = request.cookies.get("theme", "auto")
        shared = {
            "user": user,
            "nav": [page for page in self._pages if page.nav and user is not None and user.may(page.needs)],
            "here": request.url.path,
            "address": asked_for(request),
            "theme": theme if theme in THEMES else "auto",
            "leaves": user is not None and request.app.state.access.passwords,
            "page": None,
            "twin": None,
        }
        text = self._templates.get_template(template).render({**self._same, **shared, **given})
        return HTMLResponse(text, status)


def environment(zone: ZoneInfo) -> Environment:
    """The templates, with everything that they may call; whatever they show is made inert and escaped."""
    templates = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        finalize=shown.finalize,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters.update(shown.FILTERS, moment=shown.moment(zone))
    templates.filters.update(document.FILTERS)
    templates.globals.update(static=static, query=shown.query, ago=shown.ago, nobody=NOBODY)
    return templates


def as_json(view: View, status: int = 200) -> Response:
    """A model as JSON."""
    return Response(view.model_dump_json(), status, media_type="application/json")


@cache
def static(name: str) -> str:
    """The address of a file of ours; another content has another address, so that browsers may keep it for ever."""
    digest = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]
    return f"/static/{name}?v={digest}"


def asked_for(request: Request, path: str | None = None) -> str:
    """Path and query of a request as they came, encoded: what leads back to it; with another path if given."""
    path = path or request.scope["raw_path"].decode("ascii")
    return f"{path}?{request.url.query}" if request.url.query else path


def _twin(request: Request) -> str:
    page = cast("AnyPage", request.scope["page"])
    path = page.json_path if page.path == "/" else f"{request.scope['raw_path'].decode('ascii')}.json"
    return asked_for(request, path)
