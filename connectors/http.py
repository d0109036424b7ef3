"""What every HTTP call of a connector obeys: deadlines, size caps, proof of length, and what an answer means.

The functions work on urllib3 responses, which is what hubspot-api-client gives and what `requests` keeps in
`response.raw`. Nothing here follows a redirect, retries by itself or turns TLS verification off.
"""

from __future__ import annotations

import json
import math
import re
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from enum import StrEnum
from http.client import IncompleteRead
from typing import Protocol

import orjson
import urllib3.exceptions as transport
from urllib3.util.ssl_match_hostname import CertificateError

from connectors.clock import Clock
from connectors.errors import BadAnswer, ConnectorError, RetryLater, Unreachable

_CHUNK = 64 * 1024


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds to connect, between two reads, and for the whole exchange."""

    connect: float = 5.0
    read: float = 30.0
    total: float = 60.0


@dataclass(frozen=True, slots=True)
class Answer:
    """A response read to its end; header names are lower case.

    `proven` says that the length was announced (Content-Length or chunked) and kept; without it only a body that
    parses as a whole can be trusted.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    proven: bool


class Readable(Protocol):
    """The part of `urllib3.HTTPResponse` that reading needs."""

    def read1(self, amt: int | None = None, decode_content: bool | None = None) -> bytes: ...


class Deadline:
    """A point in monotonic time after which an exchange is given up."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock = clock
        self.seconds = seconds
        self._ends = clock.monotonic() + seconds

    def left(self) -> float:
        """Seconds left, never negative."""
        return max(0.0, self._ends - self._clock.monotonic())

    def check(self) -> None:
        """Raise `RetryLater` (sent) when the time is over."""
        if self.left() <= 0:
            raise RetryLater(f"The answer was not complete after {self.seconds:g} s.", sent=True)


def lower_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Headers with lower-case names, as `Answer` wants them."""
    return {name.lower(): value for name, value in headers.items()}


def has_announced_length(headers: Mapping[str, str]) -> bool:
    """Whether a truncated body would be noticed by the transport; header names in lower case."""
    return "content-length" in headers or "chunked" in headers.get("transfer-encoding", "").lower()


def read_answer(
    status: int,
    headers: Mapping[str, str],
    stream: Readable,
    *,
    deadline: Deadline,
    cap: int,
) -> Answer:
    """Read a body in small steps, under `deadline` and never more than `cap` bytes (after decompression).

    Raises `BadAnswer` for a body that is too large or truncated, `RetryLater(sent=True)` when time runs out.
    """
    names = lower_headers(headers)
    chunks: list[bytes] = []
    size = 0
    while True:
        deadline.check()
        try:
            # read1 returns what one receive brought: a dripping server cannot hold a large read open for ever.
            chunk = stream.read1(_CHUNK, decode_content=True)
        except (transport.HTTPError, OSError) as error:
            raise _broken_body(error) from error
        if not chunk:
            break
        size += len(chunk)
        if size > cap:
            raise BadAnswer(f"The answer is larger than {cap // 2**20} MiB and was not read.", sent=True)
        chunks.append(chunk)
    return Answer(status, names, b"".join(chunks), has_announced_length(names))


def _broken_body(error: BaseException) -> ConnectorError:
    broken = (transport.IncompleteRead, transport.InvalidChunkLength, transport.DecodeError, IncompleteRead)
    if any(isinstance(cause, broken) for cause in _causes(error)):
        return BadAnswer("The answer ended too early or is damaged.", sent=True)
    return classify_failure(error)


def parse_json(answer: Answer, what: str) -> dict[str, object]:
    """The JSON object in an answer; raises `BadAnswer` for HTML, truncated JSON, an empty body or another shape."""
    value = parse_json_value(answer, what)
    if not isinstance(value, dict):
        raise BadAnswer(f"{what} was answered with JSON that is not an object.", hint=_PROXY_HINT, sent=True)
    return value


_PROXY_HINT = "Check the address and any proxy in between."


def parse_json_value(answer: Answer, what: str) -> object:
    """Any JSON value in an answer; raises `BadAnswer` as `parse_json` does."""
    kind = answer.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind and "json" not in kind:
        raise BadAnswer(f"{what} was answered with {kind}, not with JSON.", hint=_PROXY_HINT, sent=True)
    if not answer.body.strip():
        raise BadAnswer(f"{what} was answered with an empty body.", hint=_PROXY_HINT, sent=True)
    try:
        value: object = _loads(answer.body)
    except (ValueError, RecursionError) as error:
        raise BadAnswer(f"{what} was answered with JSON that is truncated or malformed.", sent=True) from error
    return value


def _loads(body: bytes) -> object:
    """JSON by the fast parser; where half an emoji of a cut-off text stops it, the half is read as `?`."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        if b"\\u" not in body:
            raise
        return orjson.loads(json.dumps(json.loads(body), ensure_ascii=False).encode("utf-8", "replace"))


def classify_failure(error: BaseException) -> ConnectorError:
    """The connector error behind an exception of urllib3, of `requests` (which wraps urllib3) or of a socket.

    `Unreachable` only when surely nothing was sent; a failure after that point has `sent=True`.
    """
    chain = _causes(error)
    if any(_is_handshake(cause) for cause in chain):
        return Unreachable("The TLS connection could not be verified.", hint="Check the certificate and its chain.")
    for kind, message, hint in _UNREACHABLE:
        if any(isinstance(cause, kind) for cause in chain):
            return Unreachable(message, hint=hint)
    if any(isinstance(cause, (transport.ReadTimeoutError, TimeoutError)) for cause in chain):
        return RetryLater("The server did not answer in time.", sent=True)
    return RetryLater(f"The connection broke ({type(chain[-1]).__name__}).", sent=True)


_UNREACHABLE: tuple[tuple[type[BaseException], str, str], ...] = (
    (transport.NameResolutionError, "The server's name does not resolve.", "Check the address and DNS."),
    (ConnectionRefusedError, "The server refuses connections.", "Check the address, and that the server runs."),
    (transport.NewConnectionError, "No connection to the server can be made.", "Check the address and the network."),
    (transport.ConnectTimeoutError, "The server did not accept a connection in time.", "Check the network."),
)
"""Failures before anything was sent, the narrower before the wider: in urllib3 the last one is the others' base."""

_HANDSHAKE = frozenset(
    {
        "CERTIFICATE_VERIFY_FAILED",
        "HTTP_REQUEST",
        "NO_PROTOCOLS_AVAILABLE",
        "SSLV3_ALERT_HANDSHAKE_FAILURE",
        "TLSV1_ALERT_PROTOCOL_VERSION",
        "TLSV1_UNRECOGNIZED_NAME",
        "UNKNOWN_PROTOCOL",
        "UNSUPPORTED_PROTOCOL",
        "WRONG_VERSION_NUMBER",
    }
)


def _is_handshake(cause: BaseException) -> bool:
    """Whether TLS failed before the request; other TLS errors also come when a connection breaks after it was sent."""
    if isinstance(cause, (ssl.SSLCertVerificationError, CertificateError)):
        return True
    return isinstance(cause, ssl.SSLError) and getattr(cause, "reason", None) in _HANDSHAKE


def _causes(error: BaseException) -> list[BaseException]:
    """`error` with everything that it wraps, outermost first."""
    chain: list[BaseException] = []
    todo: list[object] = [error]
    while todo and len(chain) < 20:
        current = todo.pop(0)
        if isinstance(current, BaseException) and not any(current is seen for seen in chain):
            chain.append(current)
            todo += [getattr(current, "reason", None), current.__cause__, *current.args]
    return chain


class Action(StrEnum):
    """What the caller does about an answer."""

    ACCEPT = "accept"
    RETRY = "retry"  # transient: the server could not do it now
    WAIT = "wait"  # throttled: surely not done, the whole holder pauses
    SKIP_RECORD = "skip_record"  # this record is at fault
    NOT_FOUND = "not_found"
    STOP_UNTIL_RESET = "stop_until_reset"  # daily quota
    REFRESH_TOKEN = "refresh_token"  # noqa: S105  (a name, not a token)
    FAIL_CONFIG = "fail_config"
    FAIL_CREDENTIALS = "fail_credentials"
    FAIL_SCOPE = "fail_scope"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of a vendor's response table.

    `statuses` are inclusive ranges or single codes, `code` a case-insensitive expression searched in the vendor's
    own code, policy and message (None matches all). `wait` is in seconds, for answers that do not say it themselves.
    """

    action: Action
    statuses: tuple[int | tuple[int, int], ...]
    code: str | None = None
    wait: float | None = None
    hint: str = ""

    def matches(self, status: int, text: str) -> bool:
        """Whether this line is about an answer with this status and vendor text."""
        hit = any(low <= status <= high for low, high in (s if isinstance(s, tuple) else (s, s) for s in self.statuses))
        return hit and (self.code is None or re.search(self.code, text, re.IGNORECASE) is not None)


class ResponseTable:
    """(status, vendor text) → rule; the first matching line decides, what matches none is `FAIL`."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = tuple(rules)

    def judge(self, status: int, text: str = "") -> Rule:
        """The rule for an answer."""
        for rule in self._rules:
            if rule.matches(status, text):
                return rule
        return Rule(Action.FAIL, (status,))


def retry_after(headers: Mapping[str, str], clock: Clock, *, cap: float) -> float | None:
    """Seconds that a `Retry-After` header asks for (number or HTTP date), at most `cap`; None without one."""
    value = headers.get("retry-after", "").strip()
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(value) - clock.now()).total_seconds()
        except (ValueError, TypeError):
            return None  # neither form of the header: as good as absent
    return min(max(0.0, seconds), cap) if math.isfinite(seconds) else None
