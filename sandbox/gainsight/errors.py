"""What goes wrong, and the envelope that every answer has: `ApiError` fails a request, `FieldError` one value of it."""

from __future__ import annotations

from typing import Any

OBJECT_NOT_FOUND = "OBJECT_NOT_FOUND"


class ApiError(Exception):
    """A refused request: HTTP status, vendor error code and description, and what `data` holds."""

    def __init__(self, status: int, code: str, description: str, data: Any = None) -> None:
        super().__init__(f"{code}: {description}")
        self.status, self.code, self.description, self.data = status, code, description, data


class FieldError(Exception):
    """A value that its field cannot take."""

    def __init__(self, code: str, message: str, field: str, value: Any = None) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message, self.field, self.value = code, message, field, value

    def entry(self) -> dict[str, Any]:
        """Return the error as the answers to writes list it: the value is quoted twice."""
        error = {
            "errorMessage": self.message, "errorCode": self.code, "fieldName": self.field, "invalidValue": self.value,
        }  # fmt: skip
        return {"success": False, "parsedValue": self.value, "errors": [error]}


def envelope(request_id: str, data: Any) -> dict[str, Any]:
    """Return the body of a call that worked."""
    return {
        "result": True, "errorCode": None, "errorDesc": None, "requestId": request_id, "data": data, "message": None,
    }  # fmt: skip


def refusal(request_id: str, error: ApiError) -> dict[str, Any]:
    """Return the body of a call that did not; what the gateway refuses repeats its description as the message, and
    an object that does not exist has a body of its own, without a code."""
    if error.code == OBJECT_NOT_FOUND:
        return {
            "requestId": request_id, "result": False, "title": error.code, "detail": error.description,
            "errorDesc": error.description,
        }  # fmt: skip
    gateway = error.code.startswith("GS_APIG")
    return {
        "result": False, "errorCode": error.code, "errorDesc": error.description, "requestId": request_id,
        "data": error.data, "message": error.description if gateway else None,
    }  # fmt: skip


def unauthorized(status: int = 401) -> ApiError:
    """Return the refusal of a missing or wrong key; some tenants answer 400 with a code of their own."""
    if status == 400:
        return ApiError(400, "GSOBJ_1024", "Invalid authorization headers")
    return ApiError(401, "GS_APIG_2401", "Unauthorized")


def invalid(description: str) -> ApiError:
    """Return the refusal of a request whose form is wrong."""
    return ApiError(400, "GSOBJ_1008", description)


def no_such_path() -> ApiError:
    """Return the refusal of an address that leads nowhere."""
    return ApiError(400, "GSOBJ_1023", "Invalid API path")


def no_data(status: int = 400) -> ApiError:
    """Return what a search that matches nothing may be answered with."""
    return ApiError(status, "GSOBJ_1011", "No data found for given criteria")


def no_such_object() -> ApiError:
    """Return the refusal of an object that the tenant does not have."""
    return ApiError(400, OBJECT_NOT_FOUND, "Requested object not found.")
