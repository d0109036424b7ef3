"""What HubSpot's answers mean: the response table, and the error envelope behind it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import orjson

from connectors.errors import RecordRejected
from connectors.http import Action, Answer, ResponseTable, Rule

TABLE = ResponseTable(
    (
        Rule(Action.ACCEPT, ((200, 299),)),
        Rule(Action.STOP_UNTIL_RESET, (429,), r"\bdaily\b"),
        Rule(Action.WAIT, (429,), r"(?<!ten_)secondly(?!_rolling)", wait=1.0),
        Rule(Action.WAIT, (429,), wait=10.0),
        Rule(Action.REFRESH_TOKEN, (401,)),
        Rule(Action.FAIL_SCOPE, (403,)),
        Rule(Action.NOT_FOUND, (404,)),
        Rule(Action.NOT_FOUND, (400,), r"unable to infer object type"),
        Rule(Action.SKIP_RECORD, (400, 409, 413, 422)),
        Rule(Action.FAIL_CONFIG, (414, 431), hint="Fewer mapped properties make the address shorter."),
        Rule(Action.RETRY, (423,), wait=2.0),  # a bulk write holds the records for two seconds
        Rule(Action.RETRY, (477,), wait=3600.0, hint="HubSpot is moving this portal to another data centre."),
        Rule(Action.RETRY, (408, (500, 599))),
    )
)
"""Status and vendor text → what to do; 477 brings its own Retry-After of up to a day."""

NEEDS_ENVELOPE = frozenset({Action.FAIL_SCOPE, Action.NOT_FOUND, Action.SKIP_RECORD})
"""Verdicts that are only believed when an API gave them, not a proxy with an HTML page."""


class NotFound(RecordRejected):
    """The record, property or object type that was asked for does not exist (any more)."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One reason why HubSpot refused something, with the rows and the property that it is about."""

    code: str
    message: str
    property: str | None = None
    ids: tuple[str, ...] = ()
    traces: tuple[str, ...] = ()
    category: str = ""

    def not_found(self) -> bool:
        """Whether HubSpot does not have the records (any more)."""
        return self.category.endswith("NOT_FOUND") or self.code.endswith("NOT_FOUND")


@dataclass(frozen=True, slots=True)
class Envelope:
    """HubSpot's error body; every part of it may be absent."""

    message: str = ""
    category: str = ""
    detail: str = ""
    correlation_id: str = ""
    scopes: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()

    @property
    def text(self) -> str:
        """Everything that the response table searches."""
        return f"{self.category} {self.detail} {self.message}"


def read_envelope(answer: Answer) -> Envelope | None:
    """The error envelope of an answer, or None when the body is no JSON object; each of its parts may be absent."""
    try:
        body = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(body, dict):
        return None
    entries = list(_dicts(body.get("errors")))
    detail = " ".join(_text(body.get(name)) for name in ("subCategory", "errorType", "policyName", "error"))
    return Envelope(
        message=_text(body.get("message")) or _text(body.get("error_description")),
        category=_text(body.get("category")) or _text(body.get("errorType")) or _text(body.get("status")),
        detail=detail,
        correlation_id=_text(body.get("correlationId")) or answer.headers.get("x-hubspot-correlation-id", ""),
        scopes=tuple(dict.fromkeys(scope for entry in entries for scope in _scopes(entry))),
        problems=tuple(problems(body)),
    )


def problems(error: Mapping[str, object]) -> Iterator[Problem]:
    """The single problems of an error envelope or of one entry of a batch answer's `errors`.

    HubSpot names every bad property in a JSON list inside the message; `errors` may repeat them incompletely.
    """
    context = _mapping(error.get("context"))
    ids = _texts(context.get("ids")) or _texts(context.get("id"))
    traces = _texts(context.get("objectWriteTraceId"))
    message, category = _text(error.get("message")), _text(error.get("category"))
    listed = list(_listed_in(message))
    for entry in listed:
        text = _text(entry.get("message")) or message
        yield Problem(_text(entry.get("error")), text, _text(entry.get("name")) or None, ids, traces, category)
    nested = list(_dicts(error.get("errors")))
    if not listed:
        for entry in nested:
            about = _mapping(entry.get("context"))
            name = next(iter(_texts(about.get("propertyName"))), None) or _text(entry.get("name")) or None
            code = _text(entry.get("code")) or _text(entry.get("error")) or category
            yield Problem(code, _text(entry.get("message")), name, ids, traces, category)
    if not listed and not nested:
        name = next(iter(_texts(context.get("propertyName"))), None)
        code = _text(error.get("subCategory")) or category or _text(error.get("code"))
        yield Problem(code, message, name, ids, traces, category)


def _listed_in(message: str) -> Iterator[Mapping[str, object]]:
    start = message.find("[{")
    if start < 0:
        return
    try:
        found = orjson.loads(message[start : message.rfind("]") + 1])
    except orjson.JSONDecodeError:
        return  # cut off or not a list: the message itself is then the only thing to show
    yield from _dicts(found)


def _scopes(entry: Mapping[str, object]) -> tuple[str, ...]:
    context = _mapping(entry.get("context"))
    return _texts(context.get("requiredGranularScopes")) or _texts(context.get("requiredScopes"))


def _dicts(value: object) -> Iterator[dict[str, object]]:
    if isinstance(value, list):
        yield from (item for item in value if isinstance(item, dict))


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str:
    return "" if value is None or isinstance(value, (dict, list)) else str(value)


def _texts(value: object) -> tuple[str, ...]:
    if isinstance(value, list):
        return tuple(_text(item) for item in value)
    return (_text(value),) if value is not None else ()
