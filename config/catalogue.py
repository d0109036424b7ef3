"""Every event that a line of the log can be: its level, its fields and what it means.

`docs/events.md` has the same table; a test holds the two, and every line that is logged, against each other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

Level = Literal["debug", "info", "warning", "error"]
LEVELS: tuple[Level, ...] = ("debug", "info", "warning", "error")


@dataclass(frozen=True, slots=True)
class LogEvent:
    """One event: `fields` come on top of `timestamp`, `level`, `event`, `workspace` and `run_id`."""

    level: Level
    fields: tuple[str, ...]
    meaning: str


CATALOGUE: Mapping[str, LogEvent] = MappingProxyType(
    {
        "run.started": LogEvent("info", ("command",), "A run began."),
        "run.finished": LogEvent(
            "info",
            ("status", "reason", "reason_code", "exit_code", "seconds", "hint"),
            "A run ended; all but `seconds` is that of its report.",
        ),
        "room.entered": LogEvent("info", ("room", "total"), "The run went on to its next part of `total` steps."),
        "room.left": LogEvent("info", ("room", "seconds"), "The part is done, or the run ended in it."),
        "page.stored": LogEvent(
            "debug",
            ("connection", "stream", "rows", "total", "expected"),
            "A page is in the store, the stream's `total` rows so far, of about `expected` as an earlier read tells.",
        ),
        "stream.sealed": LogEvent(
            "info", ("connection", "stream", "mode", "total"), "A stream was read to its proven end."
        ),
        "backfill.moved": LogEvent(
            "debug",
            ("connection", "stream", "rows", "expected", "done", "seconds_left", "basis"),
            "A page of a backfill is in the store; `done` is a share from 0 to 1.",
        ),
        "chunk.done": LogEvent("debug", ("room", "done", "total"), "A part of the run is so far with its units."),
        "batch.settled": LogEvent(
            "info", ("connection", "done", "total"), "A batch of writes has its outcomes; counts are changes so far."
        ),
        "run.noted": LogEvent("info", ("message", "connection"), "Something worth a line, as in the report's notes."),
        "news.told": LogEvent(
            "info",
            ("noted", "sent", "given_up", "waiting"),
            "People were told of alerts and runs, as far as their channels took it.",
        ),
        "call.made": LogEvent(
            "debug",
            ("connection", "method", "operation", "status", "seconds", "error"),
            "A request to a CRM was answered (`status`) or failed (`error`); `operation` is its path without ids.",
        ),
        "command.failed": LogEvent(
            "error",
            ("message", "hint", "reason_code", "exit_code"),
            "A command ended without an answer; only with JSON, on a terminal the sentence stands by itself.",
        ),
        "page.failed": LogEvent(
            "error", ("path", "exception"), "A page of the dashboard failed in a way that nobody expected."
        ),
        "report.failed": LogEvent(
            "error", ("report", "exception"), "A report of the dashboard failed in a way that nobody expected."
        ),
        "portfolio.missing": LogEvent("info", ("reason",), "The dashboard has no evaluated accounts to show yet."),
        "portfolio.not_renewed": LogEvent(
            "warning", ("reason",), "The dashboard shows the accounts of before; the next page asks again."
        ),
        "log.dropped": LogEvent("warning", ("lines",), "So many lines were dropped because nobody read them."),
        "metrics.not_written": LogEvent("warning", ("reason",), "The metrics file could not be written."),
        "metrics.not_pushed": LogEvent("warning", ("reason",), "The push gateway did not take the metrics."),
        "traces.not_sent": LogEvent("warning", ("reason",), "Spans could not be sent, or the extra `otel` is missing."),
    }
)
