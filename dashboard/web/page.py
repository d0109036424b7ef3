"""What a page is: a function that makes a model out of the store, and the template that shows it.

To add one: a module in `dashboard/web/pages` with a model (`View`), a function and a `PAGE`, its name in the list
there, and a template. Its `.json` twin, its checked parameters and its place in the navigation come with that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict
from sqlalchemy import Connection

from config.dashboard import Role
from config.settings import Settings
from dashboard.web.catalogue import Catalogue, Portfolio
from dashboard.web.heldvalues import Held, HeldValues
from dashboard.web.reckoned import Reckoner
from mapping.framework import Framework
from mapping.framework.words import Words


class View(BaseModel):
    """What a page shows; its `.json` twin is this model."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Asked(BaseModel):
    """What a page can be asked for in its address: the query, and the parts in braces of its path.

    A parameter that is not declared, or has a value that does not fit, is answered with 400 and its name. A field whose
    type is a tuple takes a parameter that is given several times.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)


A = TypeVar("A", bound=Asked)


@dataclass(frozen=True, slots=True)
class User:
    """Who is looking."""

    name: str
    role: Role

    def may(self, role: Role) -> bool:
        """Whether what is for `role` is for this user."""
        return role == "viewer" or self.role == "admin"


@dataclass(frozen=True, slots=True)
class Engine:
    """What pages ask the engine, which the dashboard cannot import: handed in by the command that serves.

    A page says so where one is None.
    """

    explain: Callable[[str], Mapping[str, Any]] | None = None
    """Account id → what `keepwell explain --json` prints; raises LookupError where there is no such account."""
    reports: Reckoner | None = None
    """Reports by name: those of `keepwell report`, `data-quality`, and `kpis:NAME` with the accounts behind a KPI."""


@dataclass(frozen=True, slots=True)
class Look:
    """What a page's function gets: one read transaction in which it sees one state of the store, and who is asking."""

    c: Connection
    settings: Settings
    framework: Framework
    words: Words
    now: datetime
    user: User
    engine: Engine
    catalogue: Catalogue
    held_values: HeldValues

    @property
    def ws(self) -> str:
        """The workspace."""
        return self.settings.workspace

    @property
    def portfolio(self) -> Portfolio | None:
        """All accounts as the last evaluation left them; None before there was one."""
        return self.catalogue.current(self.c)

    @property
    def held(self) -> Held:
        """What Keepwell leaves alone in the CRMs for somebody's sake."""
        return self.held_values.current(self.c, self.ws)

    @property
    def zone(self) -> ZoneInfo:
        """The time zone in which days are counted."""
        return ZoneInfo(self.settings.timezone)


class NotFound(Exception):
    """There is no such thing; shown as a page with status 404."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Page(Generic[A]):
    """One address of the dashboard.

    `path` is as in Starlette (`/accounts/{account_id}`); `nav` is its name in the navigation, in the order of the list
    of pages, None where it is not there. `needs` is the role that may see it.
    """

    path: str
    title: str
    template: str
    view: Callable[[Look, A], View]
    asks: type[A]
    nav: str | None = None
    needs: Role = "viewer"

    @property
    def json_path(self) -> str:
        """Where its twin is."""
        return "/overview.json" if self.path == "/" else f"{self.path}.json"


AnyPage = Page[Any]
