"""What goes wrong: `ApiError` fails a whole request, `RowError` fails one record of it."""

from __future__ import annotations

from collections.abc import Sequence


class ApiError(Exception):
    """A refused request: HTTP status, vendor error code and message, as the top-level error array shows them."""

    def __init__(self, status: int, code: str, message: str, fields: Sequence[str] | None = None) -> None:
        super().__init__(f"{code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.fields = None if fields is None else list(fields)

    def body(self) -> list[dict[str, object]]:
        """Return the JSON error array; its key is `errorCode`, unlike the results of a collection."""
        entry: dict[str, object] = {"message": self.message, "errorCode": self.code}
        if self.fields is not None:
            entry["fields"] = self.fields
        return [entry]


class RowError(Exception):
    """A refused record: status code, message and the fields at fault."""

    def __init__(self, code: str, message: str, fields: Sequence[str] = ()) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.fields = list(fields)

    def result(self, record_id: str | None = None) -> dict[str, object]:
        """Return the entry of a collection's result list; its key is `statusCode`."""
        error = {"statusCode": self.code, "message": self.message, "fields": self.fields}
        entry: dict[str, object] = {"success": False, "errors": [error]}
        return {"id": record_id, **entry} if record_id else entry

    def as_api_error(self) -> ApiError:
        """Return the error of a request that carried only this record."""
        status = 404 if self.code in {"NOT_FOUND", "ENTITY_IS_DELETED"} else 400
        return ApiError(status, self.code, self.message, self.fields)

    def csv_text(self) -> str:
        """Return the text of an `sf__Error` cell: code, message and fields in one line."""
        return f"{self.code}:{self.message}:{','.join(self.fields)}--"


def not_found() -> ApiError:
    """Return the 404 of an address that leads nowhere."""
    return ApiError(404, "NOT_FOUND", "The requested resource does not exist")
