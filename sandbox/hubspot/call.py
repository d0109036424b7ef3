"""One authenticated request: who calls, under which version and correlation id, and how its input is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from sandbox.http import JSONAnswer
from sandbox.hubspot.auth import Token
from sandbox.hubspot.clock import instant
from sandbox.hubspot.errors import invalid
from sandbox.hubspot.journal import Actor
from sandbox.hubspot.objects import ObjectType, object_type


@dataclass(frozen=True, slots=True)
class Call:
    """What the gate knows of a request; `version` is v3, v4 or a date."""

    token: Token
    correlation_id: str
    version: str

    @property
    def actor(self) -> Actor:
        """Return who the journal and property history will name."""
        return Actor(f"api:{self.token.name}", self.correlation_id, source_id=str(self.token.app_id))


def call_of(request: Request) -> Call:
    """Return the call that the gate attached to a request."""
    call: Call = request.scope["call"]
    return call


def kind_of(request: Request, parameter: str = "kind") -> ObjectType:
    """Return the object type named in the path, or raise the 400 for an unknown one."""
    segment = request.path_params[parameter]
    kind = object_type(segment)
    if kind is None:
        raise invalid(f"Unable to infer object type from: {segment}")
    return kind


async def json_body(request: Request) -> dict[str, Any]:
    """Return the request's JSON object, or raise the 400."""
    body = await json_value(request)
    if not isinstance(body, dict):
        raise invalid("Invalid input JSON: an object was expected")
    return body


async def json_value(request: Request) -> Any:
    """Return the request's JSON of any shape, an empty object for no body, or raise the 400."""
    try:
        return orjson.loads(await request.body() or b"{}")
    except orjson.JSONDecodeError as error:
        raise invalid(f"Invalid input JSON: {error}") from None


def is_number(text: str) -> bool:
    """Say whether text is a plain decimal number, as ids and offsets are."""
    return text.isascii() and text.isdigit()


def texts_in(body: Mapping[str, Any], key: str) -> list[str]:
    """Return a list of strings of a JSON object, empty when the key is absent, or raise the 400."""
    given = body.get(key)
    if given is None:
        return []
    if not isinstance(given, list) or not all(isinstance(item, str) for item in given):
        raise invalid(f"Invalid input JSON: {key} must be a list of strings")
    return given


def objects_in(body: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    """Return a list of objects of a JSON object, empty when the key is absent, or raise the 400."""
    given = body.get(key)
    if given is None:
        return []
    if not isinstance(given, list) or not all(isinstance(item, dict) for item in given):
        raise invalid(f"Invalid input JSON: {key} must be a list of objects")
    return given


def text_in(body: Mapping[str, Any], key: str, default: str = "") -> str:
    """Return a string of a JSON object, or raise the 400."""
    given = body.get(key, default)
    if not isinstance(given, str):
        raise invalid(f"Invalid input JSON: {key} must be a string")
    return given


def number_in(body: Mapping[str, Any], key: str, default: int) -> int:
    """Return a 32-bit whole number of a JSON object, or raise the 400."""
    given = body.get(key, default)
    if not isinstance(given, int) or isinstance(given, bool) or abs(given) >= 2**31:
        raise invalid(f"Invalid input JSON: {key} must be a whole number")
    return given


def inputs_of(body: dict[str, Any], maximum: int) -> list[dict[str, Any]]:
    """Return a batch's inputs, or raise the 400 for none, too many, or items that are no objects."""
    inputs = objects_in(body, "inputs")
    if not inputs:
        raise invalid("Invalid input: inputs must be a list of at least one object")
    if len(inputs) > maximum:
        raise invalid(f"The maximum number of inputs supported in a batch request is {maximum}; there are "
                      f"{len(inputs)}")  # fmt: skip
    return inputs


def many(request: Request, key: str) -> list[str]:
    """Return a query value given as a comma list, as repeated keys, or both."""
    return [part for item in request.query_params.getlist(key) for part in item.split(",") if part]


def flag(request: Request, key: str) -> bool:
    """Return a boolean query value; absent is false."""
    return request.query_params.get(key, "false").lower() == "true"


def limit_of(request: Request, default: int, maximum: int) -> int:
    """Return the page size, or raise the 400."""
    text = request.query_params.get("limit", str(default))
    if not is_number(text) or not 0 < int(text) <= maximum:
        raise invalid(f"Invalid limit {text}: it must be between 1 and {maximum}")
    return int(text)


def batch_answer(now_ms: int, results: list[Any], errors: list[Any], success: int = 200) -> Response:
    """Return the answer of a batch: 207 when there are errors, and `COMPLETE` even then."""
    now = instant(now_ms)
    body: dict[str, Any] = {"status": "COMPLETE", "results": results, "startedAt": now, "completedAt": now}
    if errors:
        body |= {"numErrors": len(errors), "errors": errors}
    return JSONAnswer(body, 207 if errors else success)
