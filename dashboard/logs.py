"""Logs go to stderr, one event a line, through one redactor: no library can print a secret past it."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Mapping, MutableMapping
from contextlib import suppress
from typing import Any, TextIO

import structlog

from dashboard.aside import MOST, Aside
from dashboard.text import inert

Redact = Callable[[str], str]
LEVELS = ("debug", "info", "warning", "error")


def configure_logs(environment: Mapping[str, str], *, debug: bool, redact: Redact) -> None:
    """Send structlog's and the standard library's logs to stderr.

    KEEPWELL_LOG_LEVEL (one of LEVELS, default warning) and KEEPWELL_LOG_FORMAT (text or json) choose what and how; an
    unknown level counts as the default, because logging must not stop a run.
    """
    level = environment.get("KEEPWELL_LOG_LEVEL", "").lower()
    if level not in LEVELS:
        level = "debug" if debug else "warning"
    as_json = environment.get("KEEPWELL_LOG_FORMAT", "").lower() == "json"
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    final = structlog.processors.JSONRenderer() if as_json else _plain_line
    handler = Unhurried(sys.stderr)
    handler.setFormatter(
        _Redacting(
            redact,
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                final,
            ],
        )
    )
    root = logging.getLogger()
    for before in root.handlers:
        if isinstance(before, Unhurried):
            before.close()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())


class Unhurried(logging.Handler):
    """Writes lines to a stream in a thread of its own, so that a reader who stops reading holds up nobody.

    When `most` lines wait, further ones are dropped; how many is said as soon as lines are read again.
    """

    def __init__(self, stream: TextIO, most: int = MOST) -> None:
        super().__init__()
        self._stream = stream
        self._lines: Aside[str] = Aside(self._write, most)

    def emit(self, record: logging.LogRecord) -> None:
        """Let the record be written soon."""
        try:
            self._lines.put(self.format(record))
        except Exception:  # noqa: BLE001 - as every handler of the standard library does
            self.handleError(record)

    def flush(self) -> None:
        """Wait a moment for what is not written yet."""
        self._lines.flush()

    def close(self) -> None:
        """Wait a moment for what is not written yet, and write nothing more."""
        self._lines.close()
        super().close()

    def _write(self, line: str) -> None:
        lost = self._lines.dropped()
        told = f"{lost} lines of the log were dropped because nobody read them\n" if lost else ""
        with suppress(OSError, ValueError):  # the reader went away, or the stream was closed
            self._to_stream(f"{told}{line}\n")

    def _to_stream(self, text: str) -> None:
        """Past the stream's buffer where there is a file below: the end of the program would wait for its lock."""
        try:
            number = self._stream.fileno()
        except (OSError, ValueError, AttributeError):
            self._stream.write(text)
            return
        data = text.encode(self._stream.encoding or "utf-8", "backslashreplace")
        while data:
            data = data[os.write(number, data) :]


class _Redacting(structlog.stdlib.ProcessorFormatter):
    """Masks secrets in the finished line, so that tracebacks and messages of libraries are covered too."""

    def __init__(self, redact: Redact, **options: Any) -> None:
        super().__init__(**options)
        self._redact = redact

    def format(self, record: logging.LogRecord) -> str:
        return self._redact(super().format(record))


def _plain_line(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> str:
    moment, level, message = event.pop("timestamp", ""), event.pop("level", ""), event.pop("event", "")
    trace = event.pop("exception", None)
    facts = " ".join(f"{key}={inert(value)}" for key, value in sorted(event.items()))
    line = f"{moment} {level:<7} {inert(message)} {facts}".rstrip()
    return f"{line}\n{trace}" if trace else line
