"""What every command stands on: the program, its settings, what a run is given, the report as an answer.

Annotations of commands are evaluated (no `from __future__ import annotations`) because Typer reads them.
"""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from dashboard.answers import Answer, Failure, Teller, group, program_version

if TYPE_CHECKING:
    from config.observing import Logging
    from config.settings import Settings
    from dashboard.aside import Aside
    from dashboard.progress import Bars
    from store.plans import Plan
    from sync.deps import AskFirst, Deps
    from sync.events import Event, Observer
    from sync.report import RunReport

app = group("Customer health, lifecycle, segment and renewal status: from your CRMs, back into your CRMs.")


def _known(error: Exception) -> Failure | None:
    from sync.ending import ending_of_error

    ending = ending_of_error(error)
    if ending is None:
        return None
    return Failure(ending.reason or str(error), ending.hint or "", ending.exit_code, ending.status, ending.code)


teller = Teller(_known)
verb = teller.verb


def read_settings(config: Path) -> "Settings":
    """Read the settings; logs and errors have their secrets masked from here on."""
    from config.describe import secret_values
    from config.load import load_settings
    from connectors.redact import Redactor
    from dashboard.logs import bind, unbind

    teller.redact = redactor = Redactor()
    unbind()
    _configure_logs()
    settings = load_settings(config, os.environ)
    for secret in secret_values(settings):
        redactor.add(secret)
    bind(workspace=settings.workspace)
    _configure_logs(settings.logging)
    return settings


def _configure_logs(settings: "Logging | None" = None) -> None:
    from dashboard.logs import configure_logs, log_style

    style = log_style(os.environ, settings, wanted=teller.log_format, debug=teller.debug)
    configure_logs(style, teller.redact)
    teller.logs_json = style.format == "json"


@contextmanager
def run_deps(config: Path, *, behind: bool = False, asking: bool = False, create: bool = True) -> "Iterator[Deps]":
    """Everything that a run needs, with progress on stderr; closed at the end.

    With `asking` somebody at a terminal is asked before the first write to a CRM. What only asks about what was read
    and written says `create=False`: a store that is made for the question would answer that there is nothing, when
    it is the address that is wrong.
    """
    from dashboard.aside import Aside
    from dashboard.logs import bind, log_event
    from dashboard.progress import Bars
    from dashboard.publish import publish
    from dashboard.terminal import console
    from sync.assemble import assemble
    from sync.events import Event, RunFinished
    from sync.logbook import Logbook
    from sync.observers import only, several, unfailing
    from sync.stop import stop_on_signals

    settings, version = read_settings(config), program_version()
    with ExitStack() as stack:
        bars = stack.enter_context(Bars(console(stderr=True)))
        watched = Aside(bars.observe)
        stack.callback(watched.close)
        ended: list[Event] = []
        traces = stack.enter_context(_traces(settings.workspace, version))
        observer = several(watched.put, unfailing(Logbook(log_event, bind)), only(RunFinished, ended.append), traces)
        ask = _ask_first(bars, watched) if asking and _somebody_is_there() else None
        deps = assemble(
            settings,
            observer=observer,
            signals=stop_on_signals,
            version=version,
            behind=behind,
            create=create,
            ask_first=ask,
        )
        stack.callback(deps.close)
        stack.callback(lambda: publish(settings.metrics, deps.store) if ended else None)
        yield deps


def _somebody_is_there() -> bool:
    """Whether a question would be seen and could be answered; a log of JSON lines has no place for one."""
    return sys.stdin.isatty() and sys.stderr.isatty() and not teller.logs_json


def _ask_first(bars: "Bars", watched: "Aside[Event]") -> "AskFirst":
    from dashboard.firstwrite import agreed, show_first
    from dashboard.terminal import console
    from sync.planbook import records

    def ask(deps: "Deps", plan: "Plan", new: Mapping[str, str]) -> bool:
        out = console(stderr=True)
        watched.flush()
        with bars.paused():
            cost = {name: plan.counts[name]["cost"] for name in new}
            show_first(out, deps.store, records(deps.store, plan), new, cost)
            return agreed(out, sys.stdin, deps.stop, f"Write this to {' and '.join(new)}?")

    return ask


@contextmanager
def _traces(workspace: str, version: str) -> "Iterator[Observer]":
    """An observer that sends spans, where OpenTelemetry's variables ask for them; silence elsewhere."""
    from dashboard.logs import log_event
    from sync import tracing
    from sync.errors import UsageError
    from sync.observers import silent, unfailing

    if not tracing.wanted(os.environ):
        yield silent
        return
    try:
        spans = tracing.provider(version, workspace)
    except UsageError as error:
        log_event("traces.not_sent", reason=f"{error.message} {error.hint}")
        yield silent
        return
    try:
        yield unfailing(tracing.Traces(spans.get_tracer("keepwell", version)))
    finally:
        if not tracing.finish(spans):
            log_event("traces.not_sent", reason=f"The collector did not take them within {tracing.LAST_WAIT:g} s.")


def report_answer(report: "RunReport") -> Answer:
    """A run's report as a command's answer."""
    from dashboard.terminal import show_report

    data = report.to_dict()
    return Answer(data, lambda out: show_report(out, data), report.exit_code)
