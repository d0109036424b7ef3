"""The dashboard's server.

Annotations are evaluated here (no `from __future__ import annotations`) because Typer reads them.
"""

import json
import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from dashboard import options as opt
from dashboard.answers import Answer, program_version
from verbs.base import app, read_settings, verb

if TYPE_CHECKING:
    from starlette.applications import Starlette

    from config.settings import Settings
    from dashboard.web.app import Parts
    from sync.deps import Deps


@verb(app, example="keepwell serve --port 8400")
def serve(config: Path, as_json: bool, host: opt.Host = "127.0.0.1", port: opt.Port = 8400) -> Answer:
    """Serve the dashboard: read-only pages for people.

    Stop it with Ctrl-C.
    """
    serve_until_stopped(read_settings(config), host, port, partial(_announce, as_json=as_json))
    raise typer.Exit


def serve_until_stopped(settings: "Settings", host: str, port: int, announce: Callable[[str], None]) -> None:
    """Serve the dashboard of these settings until SIGINT or SIGTERM; `announce` is told its address first.

    Raises UsageError where it cannot be served like that.
    """
    from config.frameworks import load_framework_file
    from dashboard.web.access import Access
    from dashboard.web.app import Parts
    from dashboard.web.catalogue import Catalogue
    from dashboard.web.page import Engine
    from dashboard.web.reckoned import Reckoner
    from dashboard.web.serve import ServeError, bound, check_exposure, run
    from dashboard.web.shelf import Shelf
    from sync.errors import UsageError
    from verbs.reckoning import Reports

    try:
        check_exposure(settings.dashboard, host)
        listening = bound(host, port)
    except ServeError as error:
        raise UsageError(error.message, hint=error.hint) from None
    with ExitStack() as stack:
        stack.enter_context(listening)
        shelf = Shelf(settings.store, settings.workspace)
        stack.callback(shelf.close)
        explainer = _Explainer(settings)
        stack.callback(explainer.close)
        framework = load_framework_file(settings.framework)
        catalogue = Catalogue(shelf, settings, framework)
        for warm in (catalogue.warm, explainer.warm):
            threading.Thread(target=warm, name="warming", daemon=True).start()
        parts = Parts(
            settings=settings,
            framework=framework,
            catalogue=catalogue,
            shelf=shelf,
            access=Access(settings.dashboard),
            engine=Engine(explain=explainer.explain, reports=Reckoner(Reports(settings).make)),
            version=program_version(),
            host=host,
        )
        with suppress(KeyboardInterrupt):
            run(_app(parts), listening, announce)


def _app(parts: "Parts") -> "Starlette":
    """The dashboard with the metrics beside it: for a scraper with the token, else open where the pages are."""
    from dashboard.metrics import PATH, metrics_route
    from dashboard.web.app import create_app

    secret = parts.settings.metrics.scrape_token
    token = secret.get_secret_value() if secret is not None else None
    open_here = not parts.settings.dashboard.authenticates
    route = metrics_route(parts.shelf.reading, parts.settings.workspace, token=token, open_here=open_here)
    return create_app(parts, routes=[route], open_paths=[PATH] if token else [])


def _announce(url: str, *, as_json: bool) -> None:
    typer.echo(json.dumps({"url": url}) if as_json else f"The dashboard is at {url}. Stop with Ctrl-C.")


class _Explainer:
    """Explains accounts with what a run is given; assembled for the first question, and anew after a store failed."""

    def __init__(self, settings: "Settings") -> None:
        self._settings = settings
        self._deps: Deps | None = None
        self._turn = threading.Lock()

    def explain(self, account_id: str) -> Mapping[str, Any]:
        from store.errors import StoreError
        from sync.errors import UsageError
        from sync.explain import explain_account

        with self._turn:
            try:
                return explain_account(self._assembled(), account_id)
            except UsageError as error:
                raise LookupError(str(error)) from None
            except StoreError:
                self.close()
                raise

    def warm(self) -> None:
        """Assemble before anybody asks; without a store there is nothing to explain yet."""
        from store.errors import StoreError

        with self._turn, suppress(StoreError):
            self._assembled()

    def _assembled(self) -> "Deps":
        from sync.assemble import assemble

        if self._deps is None:
            self._deps = assemble(self._settings, version=program_version(), create=False, read_only=True)
        return self._deps

    def close(self) -> None:
        """Close what was opened."""
        deps, self._deps = self._deps, None
        if deps is not None:
            deps.close()
