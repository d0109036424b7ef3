"""HubSpot's error envelope in its many variants."""

from __future__ import annotations

from typing import Any

import orjson

CONFLICT = "CONFLICT"  # the code of a problem that is an existing contact, told by a 409


class ApiError(Exception):
    """An answer that is not a success: the status and the JSON body, to which the app adds the correlation id."""

    def __init__(self, status: int, body: dict[str, Any], headers: dict[str, str] | None = None) -> None:
        super().__init__(f"{status} {body.get('message')}")
        self.status, self.body, self.headers = status, body, headers or {}


def invalid(message: str, **more: Any) -> ApiError:
    """Return a 400 VALIDATION_ERROR."""
    return ApiError(400, {"status": "error", "message": message, "category": "VALIDATION_ERROR", **more})


def bad_values(problems: list[dict[str, str]]) -> ApiError:
    """Return the 400 that refuses a write because of its values, or the 409 for a contact that exists already."""
    for problem in problems:
        if problem["code"] == CONFLICT:
            return ApiError(409, {"status": "error", "message": problem["message"], "category": CONFLICT})
    return invalid(bad_values_message(problems), errors=value_errors(problems))


def bad_values_message(problems: list[dict[str, str]]) -> str:
    """Return the message that embeds every problem of a request as a JSON array."""
    items = [{"isValid": False, "message": p["message"], "error": p["code"], "name": p["name"]} for p in problems]
    return "Property values were not valid: " + orjson.dumps(items).decode()


def value_errors(problems: list[dict[str, str]]) -> list[dict[str, Any]]:
    """Return the `errors` list of a validation error, each different problem once."""
    seen = {(p["code"], p["name"], p["message"]): p for p in problems}
    return [
        {"message": p["message"], "code": p["code"], "context": {"propertyName": [p["name"]]}} for p in seen.values()
    ]


def unknown_id() -> ApiError:
    """Return the 404 for a numeric id that no live record has; it has no category."""
    return ApiError(404, {"status": "error", "message": "resource not found"})


def not_numeric(identity: str) -> ApiError:
    """Return the 404 for an id that is no number."""
    body = {"status": "error", "message": "Object not found.  objectId are usually numeric.",
            "context": {"id": [identity]}, "category": "OBJECT_NOT_FOUND"}  # fmt: skip
    return ApiError(404, body)


def not_found(message: str, **more: Any) -> ApiError:
    """Return a 404 with the category OBJECT_NOT_FOUND."""
    return ApiError(404, {"status": "error", "message": message, "category": "OBJECT_NOT_FOUND", **more})


def partial(category: str, message: str, context: dict[str, list[str]], **more: Any) -> dict[str, Any]:
    """Return one entry of a 207's `errors`."""
    # The official clients refuse an entry without `errors` and `links`.
    return {"status": "error", "category": category, "message": message, "context": context,
            "errors": [], "links": {}, **more}  # fmt: skip
