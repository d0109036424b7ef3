"""Logs: to stderr, one line an event, secrets masked wherever they come from."""

import io
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr

import pytest
import structlog

from config.catalogue import CATALOGUE
from config.observing import Logging
from connectors.redact import Redactor
from dashboard.logs import LogStyle, Unhurried, bind, configure_logs, log_event, log_style, unbind

SECRET = "pat-na1-99999999-8888-7777"


def logged(*, as_json: bool) -> str:
    with logging_to_a_string(as_json=as_json, secret=SECRET) as stream:
        bind(workspace="acme")
        structlog.get_logger("x").info("page stored", token=SECRET, rows=3, name="a\x1b[2Jb")
        logging.getLogger("urllib3").warning("GET /?t=%s", SECRET)
        structlog.get_logger("x").debug("not shown")
        structlog.get_logger("x").error("failed", exc_info=ValueError(SECRET))
    return stream.getvalue()


@contextmanager
def logging_to_a_string(*, as_json: bool, secret: str) -> Iterator[io.StringIO]:
    stream = io.StringIO()
    before = logging.getLogger().handlers[:], logging.getLogger().level
    try:
        with redirect_stderr(stream):
            configure_logs(LogStyle("info", "json" if as_json else "text"), Redactor([secret]))
            yield stream
            logging.getLogger().handlers[0].flush()
    finally:
        logging.getLogger().handlers[:], level = before
        logging.getLogger().setLevel(level)
        structlog.reset_defaults()
        unbind()


@pytest.mark.parametrize(
    "secret", ['pass"word-of-ours', "pass\\word-of-ours", "pässword-of-ours", "pass\tword-of-ours"]
)
def test_a_secret_that_json_writes_otherwise_is_masked_too(secret: str) -> None:
    with logging_to_a_string(as_json=True, secret=secret) as stream:
        log_event("run.noted", message=f"the server says {secret} is wrong", connection=None)
        structlog.get_logger("x").error("failed", exc_info=ValueError(secret), list=[secret], of={"a": secret})
        structlog.get_logger("x").error("failed", object=ValueError(secret), password="short")
    events = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert len(events) == 3
    assert "word-of-ours" not in repr(events)
    assert events[0]["message"] == "the server says *** is wrong"
    assert events[2]["password"] == "***"


@pytest.mark.parametrize("said", ['password: "hunter2hunter" and so on', "password:", '{"password": "hunter2hunter"}'])
def test_a_mask_leaves_a_line_json(said: str) -> None:
    with logging_to_a_string(as_json=True, secret=SECRET) as stream:
        log_event("run.noted", message=said, connection=None)
    (line,) = stream.getvalue().splitlines()
    assert "hunter2" not in json.loads(line)["message"]
    assert json.loads(line)["event"] == "run.noted"


def test_no_text_of_a_crm_in_an_error_acts_or_looks_like_a_line_of_the_log() -> None:
    with logging_to_a_string(as_json=False, secret=SECRET) as stream:
        structlog.get_logger("x").error("failed", exc_info=ValueError("a\x1b[2Jb\n2026-01-01T00:00:00Z error forged"))
    first, *trace = stream.getvalue().splitlines()
    assert "failed" in first
    assert "\x1b" not in "".join(trace)
    assert trace[-1].startswith("  2026")
    assert all(line.startswith("  ") for line in trace)


def test_text_logs() -> None:
    text = logged(as_json=False)
    assert SECRET not in text
    assert "page stored" in text
    assert "rows=3" in text
    assert "not shown" not in text
    assert "ValueError" in text
    assert "\x1b" not in text


def test_json_logs() -> None:
    text = logged(as_json=True)
    events = [json.loads(line) for line in text.splitlines()]
    assert SECRET not in text
    assert events[0]["event"] == "page stored"
    assert events[1]["level"] == "warning"
    assert "exception" in events[2]
    assert {event["workspace"] for event in events} == {"acme"}, "lines of libraries too"


@pytest.mark.parametrize(
    ("environment", "settings", "wanted", "expected"),
    [
        ({}, Logging(), None, LogStyle("warning", "text")),
        ({}, Logging(format="json"), None, LogStyle("info", "json")),
        ({}, Logging(format="json", level="error"), None, LogStyle("error", "json")),
        ({"KEEPWELL_LOG_FORMAT": "text"}, Logging(format="json"), None, LogStyle("warning", "text")),
        ({"KEEPWELL_LOG_FORMAT": "text"}, Logging(), "json", LogStyle("info", "json")),
        ({"KEEPWELL_LOG_LEVEL": "DEBUG", "KEEPWELL_LOG_FORMAT": "?"}, Logging(level="error"), None,
         LogStyle("debug", "text")),
    ],
)  # fmt: skip
def test_the_option_wins_over_the_variable_and_that_over_the_settings(
    environment: dict[str, str], settings: Logging, wanted: str | None, expected: LogStyle
) -> None:
    assert log_style(environment, settings, wanted=wanted) == expected


def test_that_lines_were_lost_is_json_too() -> None:
    stream = io.StringIO()
    before = logging.getLogger().handlers[:], logging.getLogger().level
    try:
        with redirect_stderr(stream):
            configure_logs(LogStyle("info", "json"), Redactor())
            (handler,) = logging.getLogger().handlers
            assert isinstance(handler, Unhurried)
            handler._write_line(json.dumps({"event": "x"}), lost=7)
    finally:
        logging.getLogger().handlers[:], level = before
        logging.getLogger().setLevel(level)
        structlog.reset_defaults()
    told, line = (json.loads(text) for text in stream.getvalue().splitlines())
    assert (told["event"], told["lines"]) == ("log.dropped", 7)
    assert set(CATALOGUE["log.dropped"].fields) < set(told)
    assert line == {"event": "x"}
