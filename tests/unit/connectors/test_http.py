from __future__ import annotations

import io
import ssl
from datetime import UTC, datetime

import pytest
import requests
import urllib3.exceptions as transport
from urllib3.response import HTTPResponse

from connectors.clock import SystemClock
from connectors.errors import BadAnswer, RetryLater, Unreachable
from connectors.http import (
    Action,
    Answer,
    Deadline,
    ResponseTable,
    Rule,
    classify_failure,
    parse_json,
    parse_json_value,
    read_answer,
    retry_after,
)
from tests.unit.connectors.kit import FakeClock

JSON = {"content-type": "application/json;charset=utf-8"}


def response(body: bytes, headers: dict[str, str] | None = None) -> HTTPResponse:
    return HTTPResponse(io.BytesIO(body), headers=headers or JSON, preload_content=False)


def read(body: bytes, headers: dict[str, str], *, cap: int = 1000) -> Answer:
    return read_answer(200, headers, response(body, headers), deadline=Deadline(FakeClock(), 60), cap=cap)


def test_a_body_with_its_announced_length_is_proven():
    answer = read(b'{"a": 1}', {**JSON, "Content-Length": "8"})
    assert (answer.body, answer.proven, answer.headers["content-length"]) == (b'{"a": 1}', True, "8")


def test_a_body_without_length_is_read_but_not_proven():
    assert read(b'{"a": 1}', JSON).proven is False


def test_a_body_larger_than_the_cap_is_not_read():
    with pytest.raises(BadAnswer, match="larger than"):
        read(b"x" * 1001, JSON)


def test_the_cap_counts_decompressed_bytes():
    import gzip

    packed = gzip.compress(b"0" * 100_000)
    assert len(packed) < 1000
    with pytest.raises(BadAnswer, match="larger than"):
        read(packed, {**JSON, "Content-Encoding": "gzip"})


class Dripping:
    """Gives one byte a second for ever."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock

    def read1(self, amt: int | None = None, decode_content: bool | None = None) -> bytes:  # noqa: ARG002
        self.clock.pass_by(1)
        return b"x"


def test_a_dripping_body_ends_with_the_total_deadline():
    clock = FakeClock()
    with pytest.raises(RetryLater, match="after 60 s") as caught:
        read_answer(200, JSON, Dripping(clock), deadline=Deadline(clock, 60), cap=10_000)
    assert caught.value.sent
    assert clock.monotonic() == 1060


@pytest.mark.parametrize(
    ("headers", "body", "reason"),
    [
        ({"content-type": "text/html"}, b"<html>", "text/html"),
        (JSON, b"", "empty body"),
        (JSON, b'{"results": [{"id"', "truncated"),
        ({}, b"<html>", "truncated or malformed"),
        (JSON, b"[1]", "not an object"),
    ],
)
def test_what_is_not_a_json_object_is_a_bad_answer(headers: dict[str, str], body: bytes, reason: str):
    with pytest.raises(BadAnswer, match=reason):
        parse_json(Answer(200, headers, body, proven=True), "GET /x")


def test_half_an_emoji_does_not_cost_the_page():
    body = b'[{"name": "cut \\ud83d"}, {"name": "whole \\ud83d\\ude00 \\\\ud83d"}]'
    assert parse_json_value(Answer(200, JSON, body, proven=True), "GET /x") == [
        {"name": "cut ?"},
        {"name": "whole 😀 \\ud83d"},
    ]


@pytest.mark.parametrize("body", [b'{"a": NaN, "b": "\\ud83d"}', b'{"a": "\\ud83d', b'"\\ud83d' + b"[" * 100_000])
def test_what_is_no_json_stays_a_bad_answer(body: bytes):
    with pytest.raises(BadAnswer, match="malformed"):
        parse_json_value(Answer(200, JSON, body, proven=True), "GET /x")


def test_lists_are_json_values():
    assert parse_json_value(Answer(200, JSON, b"[1, 2]", proven=True), "GET /x") == [1, 2]


def tls_error(reason: str) -> ssl.SSLError:
    error = ssl.SSLError(1, f"[SSL: {reason}]")
    error.reason = reason
    return error


@pytest.mark.parametrize(
    "error",
    [
        transport.NameResolutionError("h", None, OSError("no such host")),  # type: ignore[arg-type]
        transport.NewConnectionError(None, "refused"),  # type: ignore[arg-type]
        transport.ConnectTimeoutError("slow"),
        transport.SSLError(ssl.SSLCertVerificationError("self-signed")),
        ssl.SSLCertVerificationError("self-signed"),
        transport.SSLError(tls_error("WRONG_VERSION_NUMBER")),
        requests.ConnectionError(transport.MaxRetryError(None, "/", transport.NewConnectionError(None, "x"))),  # type: ignore[arg-type]
        requests.exceptions.SSLError(
            transport.MaxRetryError(None, "/", transport.SSLError(tls_error("UNSUPPORTED_PROTOCOL")))
        ),  # type: ignore[arg-type]
        ConnectionRefusedError("refused"),
    ],
)
def test_failures_before_anything_was_sent_are_unreachable(error: Exception):
    found = classify_failure(error)
    assert isinstance(found, Unreachable)
    assert not found.sent


@pytest.mark.parametrize(
    "error",
    [
        transport.ReadTimeoutError(None, "/", "slow"),  # type: ignore[arg-type]
        transport.ProtocolError("Connection aborted.", ConnectionResetError()),
        transport.SSLError(ssl.SSLEOFError(8, "EOF occurred in violation of protocol")),
        transport.SSLError(tls_error("DECRYPTION_FAILED_OR_BAD_RECORD_MAC")),
        requests.ConnectionError(transport.ProtocolError("Connection aborted.", ConnectionResetError())),
        requests.ReadTimeout("slow"),
        TimeoutError(),
    ],
)
def test_failures_after_sending_are_in_doubt(error: Exception):
    found = classify_failure(error)
    assert isinstance(found, RetryLater)
    assert not isinstance(found, Unreachable)
    assert found.sent


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7.0),
        ("0.5", 0.5),
        ("9999", 60.0),
        ("-3", 0.0),
        ("nan", None),
        ("soon", None),
        ("", None),
        ("Sun, 22 Nov 2026 12:00:20 GMT", 20.0),
        ("Sun, 22 Nov 2026 11:00:00 GMT", 0.0),
    ],
)
def test_retry_after_reads_seconds_and_dates_up_to_its_cap(value: str, seconds: float | None):
    clock = FakeClock(datetime(2026, 11, 22, 12, tzinfo=UTC))
    assert retry_after({"retry-after": value}, clock, cap=60) == seconds


def test_the_first_matching_line_of_a_response_table_decides():
    table = ResponseTable(
        (
            Rule(Action.STOP_UNTIL_RESET, (429,), r"\bdaily\b"),
            Rule(Action.WAIT, (429,), wait=10),
            Rule(Action.RETRY, (408, (500, 599))),
        )
    )
    assert table.judge(429, "policy DAILY").action is Action.STOP_UNTIL_RESET
    assert table.judge(429, "").wait == 10
    assert [table.judge(status).action for status in (408, 500, 599)] == [Action.RETRY] * 3
    assert table.judge(302).action is Action.FAIL


def test_the_system_clock_is_in_utc_and_goes_on():
    clock = SystemClock()
    assert clock.now().tzinfo is UTC
    assert clock.monotonic() <= clock.monotonic()
