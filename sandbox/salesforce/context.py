"""What a handler knows of the request it answers, and how answers are written."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from sandbox.http import JSONAnswer
from sandbox.salesforce.errors import ApiError, not_found
from sandbox.salesforce.sessions import Session
from sandbox.salesforce.state import SalesforceState
from sandbox.salesforce.table import Table
from sandbox.salesforce.writes import Writer


@dataclass(slots=True)
class Call:
    """One authenticated request to the data API; `version` is like `62.0`.

    A request inside an all-or-none composite writes with the `shared` writer of that.
    """

    state: SalesforceState
    request: Request
    session: Session
    version: str
    request_id: str
    shared: Writer | None = None

    @property
    def base(self) -> str:
        """The versioned root that absolute paths in answers begin with."""
        return f"/services/data/v{self.version}"

    @property
    def now(self) -> datetime:
        """The org's present instant."""
        return self.state.now()

    def path(self, name: str) -> str:
        """Return a part of the address."""
        return str(self.request.path_params[name])

    def param(self, name: str) -> str | None:
        """Return a query parameter, or None."""
        return self.request.query_params.get(name)

    def table(self, name: str) -> Table:
        """Return an object's table; raises ApiError 404 for an object that does not exist."""
        table = self.state.org.find_table(name)
        if table is None:
            raise not_found()
        return table

    def writer(self) -> Writer:
        """Return a writer for this client."""
        return self.shared or self.state.writer(self.session.user_id, self.request_id)

    async def json(self) -> Any:
        """Read the JSON body; raises ApiError 415 for another content type and JSON_PARSER_ERROR for bad JSON."""
        declared = self.request.headers.get("content-type", "application/json")
        if "json" not in declared:
            raise ApiError(415, "UNSUPPORTED_MEDIA_TYPE", f"Content-Type not supported: {declared}")
        return parse_json(await self.request.body())

    async def json_object(self) -> dict[str, Any]:
        """Read a JSON body that must be an object."""
        body = await self.json()
        if not isinstance(body, dict):
            raise ApiError(400, "JSON_PARSER_ERROR", "Unexpected JSON: an object was expected")
        return body


def parse_json(raw: bytes) -> Any:
    """Parse a request body; NaN and Infinity are not JSON. Raises ApiError JSON_PARSER_ERROR."""
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise ApiError(400, "JSON_PARSER_ERROR", f"{error} at [line:{error.lineno}, column:{error.colno}]") from None


def answer(content: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Return a JSON answer."""
    return JSONAnswer(content, status_code=status, headers=headers)


def no_content() -> Response:
    """Return the empty 204 of a successful change."""
    return Response(status_code=204)


def http_date(moment: datetime) -> str:
    """Write an instant as an HTTP date."""
    return format_datetime(moment.astimezone(UTC).replace(microsecond=0), usegmt=True)


def read_http_date(text: str | None) -> datetime | None:
    """Read an HTTP date; raises ApiError 400 when the header is there but is not one."""
    if text is None:
        return None
    try:
        moment = parsedate_to_datetime(text)
    except (TypeError, ValueError):
        raise ApiError(400, "INVALID_HEADER", f"Invalid date in conditional header: {text}") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
