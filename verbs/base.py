"""What every command stands on: the program, its settings, what a run is given, the report as an answer.

Annotations of commands are evaluated (no `from __future__ import annotations`) because Typer reads them.
"""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from dashboard.answers import Answer, Failure, Teller, group, program_version

if TYPE_CHECKING:
    from config.settings import Settings
    from sync.deps import Deps
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
    from dashboard.logs import configure_logs

    teller.redact = redactor = Redactor()
    configure_logs(os.environ, debug=teller.debug, redact=redactor)
    settings = load_settings(config, os.environ)
    for secret in secret_values(settings):
        redactor.add(secret)
    return settings


@contextmanager
def run_deps(config: Path, *, behind: bool = False) -> "Iterator[Deps]":
    """Everything that a run needs, with progress on stderr; closed at the end."""
    from dashboard.aside import Aside
    from dashboard.progress import Bars
    from dashboard.terminal import console
    from sync.assemble import assemble
    from sync.stop import stop_on_signals

    settings, version = read_settings(config), program_version()
    with ExitStack() as stack:
        bars = stack.enter_context(Bars(console(stderr=True)))
        watched = Aside(bars.observe)
        stack.callback(watched.close)
        deps = assemble(settings, observer=watched.put, signals=stop_on_signals, version=version, behind=behind)
        stack.callback(deps.close)
        yield deps


def report_answer(report: "RunReport") -> Answer:
    """A run's report as a command's answer."""
    from dashboard.terminal import show_report

    data = report.to_dict()
    return Answer(data, lambda out: show_report(out, data), report.exit_code)
