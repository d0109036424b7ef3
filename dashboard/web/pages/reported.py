"""What the pages that show a report share: how it is asked for, and the model with its state."""

from __future__ import annotations

from dataclasses import replace

from dashboard.web.page import Look, View
from dashboard.web.reckoned import Answer, State
from mapping.reports.document import Document
from store import browsing

ROWS = 100
"""So many rows of a table are on a page; `keepwell report --format csv` has them all."""
NOBODY = "This server was started without the engine: type `keepwell serve`, or `keepwell report` on the command line."


class Reported(View):
    """A report, and whether it is that of the last run; `message` and `hint` say why there is none."""

    state: State
    document: Document | None = None
    message: str = ""
    hint: str = ""


def report(look: Look, name: str, rows: int = ROWS) -> Reported:
    """A report with the first `rows` of each table."""
    found = whole(look, name)
    if found.document is None:
        return found
    return found.model_copy(update={"document": _cut(found.document, rows)})


def whole(look: Look, name: str) -> Reported:
    """A report of `Engine.reports` by name, worked out anew once a run has ended or a day has passed."""
    if look.engine.reports is None:
        return Reported(state="absent", message="Reports are not worked out here.", hint=NOBODY)
    stamp = (browsing.last_ended(look.c, look.ws), look.now.astimezone(look.zone).date())
    found: Answer = look.engine.reports.get(name, stamp)
    return Reported(state=found.state, document=found.document, message=found.message, hint=found.hint)


def _cut(document: Document, rows: int) -> Document:
    sections = tuple(
        replace(one, tables=tuple(replace(table, rows=table.rows[:rows]) for table in one.tables))
        for one in document.sections
    )
    return replace(document, sections=sections)
