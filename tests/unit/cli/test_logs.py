"""Logs: to stderr, one line an event, secrets masked wherever they come from."""

import io
import json
import logging
from contextlib import redirect_stderr

import structlog

from connectors.redact import Redactor
from dashboard.logs import configure_logs

SECRET = "pat-na1-99999999-8888-7777"


def logged(*, as_json: bool) -> str:
    stream = io.StringIO()
    before = logging.getLogger().handlers[:], logging.getLogger().level
    try:
        with redirect_stderr(stream):
            environment = {"KEEPWELL_LOG_LEVEL": "info", "KEEPWELL_LOG_FORMAT": "json" if as_json else "text"}
            configure_logs(environment, debug=False, redact=Redactor([SECRET]))
            structlog.get_logger("x").info("page stored", token=SECRET, rows=3, name="a\x1b[2Jb")
            logging.getLogger("urllib3").warning("GET /?t=%s", SECRET)
            structlog.get_logger("x").debug("not shown")
            structlog.get_logger("x").error("failed", exc_info=ValueError(SECRET))
            logging.getLogger().handlers[0].flush()
    finally:
        logging.getLogger().handlers[:], level = before
        logging.getLogger().setLevel(level)
        structlog.reset_defaults()
    return stream.getvalue()


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
