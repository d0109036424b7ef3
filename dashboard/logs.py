"""Logs go to stderr, one event a line, through one redactor: no library can print a secret past it."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Callable, Mapping, MutableMapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, partial
from typing import Any, TextIO

import structlog

from config.catalogue import CATALOGUE, LEVELS
from config.observing import LOG_FORMATS, LogFormat, Logging
from dashboard.aside import MOST, Aside
from dashboard.text import inert

Redact = Callable[[str], str]

_here: dict[str, str] = {}
"""What every line says besides its own fields; one run at a time is under way in a process."""


@dataclass(frozen=True, slots=True)
class LogStyle:
    """How this process logs: the least level, and what a line looks like."""

    level: str
    format: LogFormat


def log_style(
    environment: Mapping[str, str], settings: Logging | None = None, *, wanted: str | None = None, debug: bool = False
) -> LogStyle:
    """The style by the option `wanted`, else KEEPWELL_LOG_FORMAT and KEEPWELL_LOG_LEVEL, else the settings.

    A word that is none counts as not given, because logging must not stop a run. Without any level it is warning for
    text, where progress and report stand beside it, and info for JSON.
    """
    settings = settings or Logging()
    chosen = (wanted, environment.get("KEEPWELL_LOG_FORMAT", "").lower(), settings.format)
    form: LogFormat = "json" if next(word for word in chosen if word in LOG_FORMATS) == "json" else "text"
    levels = (environment.get("KEEPWELL_LOG_LEVEL", "").lower(), "debug" if debug else None, settings.level)
    level = next((word for word in levels if word in LEVELS), "info" if form == "json" else "warning")
    return LogStyle(level, form)


def bind(**facts: str) -> None:
    """Let every line from here on say these things too, whichever thread or library it comes from."""
    _here.update(facts)


def unbind() -> None:
    """Forget what was bound."""
    _here.clear()


def log_event(name: str, **fields: Any) -> None:
    """Log an event of the catalogue with its fields, at its level."""
    level = logging.getLevelNamesMapping()[CATALOGUE[name].level.upper()]
    structlog.get_logger("keepwell").log(level, name, **fields)


def configure_logs(style: LogStyle, redact: Redact) -> None:
    """Send structlog's and the standard library's logs to stderr."""
    level, as_json = style.level, style.format == "json"
    shared: list[Any] = [
        _with_what_is_bound,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    finals = [_masked(redact), structlog.processors.JSONRenderer()] if as_json else [_plain_line]
    formatter = structlog.stdlib.ProcessorFormatter if as_json else partial(_Redacting, redact)
    handler = Unhurried(sys.stderr, told=_lost_json if as_json else _lost_text)
    handler.setFormatter(
        formatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                *finals,
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

    def __init__(self, stream: TextIO, most: int = MOST, told: Callable[[int], str] | None = None) -> None:
        super().__init__()
        self._stream = stream
        self._told = told or _lost_text
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
        self._write_line(line, self._lines.dropped())

    def _write_line(self, line: str, lost: int) -> None:
        told = f"{self._told(lost)}\n" if lost else ""
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
    """Masks secrets in the finished line of text, so that tracebacks and messages of libraries are covered too."""

    def __init__(self, redact: Redact, **options: Any) -> None:
        super().__init__(**options)
        self._redact = redact

    def format(self, record: logging.LogRecord) -> str:
        return self._redact(super().format(record))


def _masked(redact: Redact) -> Callable[[Any, str, MutableMapping[str, Any]], MutableMapping[str, Any]]:
    """Masks secrets in every value before it is JSON: as JSON a secret looks otherwise, and a mask may break it."""

    def masked(value: Any) -> Any:
        if value is None or isinstance(value, bool | int | float):
            return value
        if isinstance(value, Mapping):
            return {str(key): instead(str(key)) or masked(item) for key, item in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [masked(item) for item in value]
        return redact(value if isinstance(value, str) else repr(value))

    @cache
    def instead(key: str) -> str | None:
        """The mask, where the name of a field alone says that it is a secret."""
        shown = redact(f"{key}=value").removeprefix(f"{key}=")
        return shown if shown != "value" else None

    def mask(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        found: MutableMapping[str, Any] = masked(event)
        return found

    return mask


def _with_what_is_bound(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for key, value in _here.items():
        event.setdefault(key, value)
    return event


def _lost_text(lines: int) -> str:
    return f"{lines} lines of the log were dropped because nobody read them"


def _lost_json(lines: int) -> str:
    name = "log.dropped"
    stamp = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    return json.dumps({"lines": lines, **_here, "level": CATALOGUE[name].level, "timestamp": stamp, "event": name})


def _plain_line(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> str:
    moment, level, message = event.pop("timestamp", ""), event.pop("level", ""), event.pop("event", "")
    trace = event.pop("exception", None)
    facts = " ".join(f"{key}={inert(value)}" for key, value in sorted(event.items()))
    line = f"{moment} {level:<7} {inert(message)} {facts}".rstrip()
    # Indented, so that no text within an error can look like a line of its own.
    return "\n".join([line, *(f"  {inert(part)}" for part in (trace or "").splitlines())])
