"""REST queries and their paging."""

from __future__ import annotations

import re
from typing import Any

from starlette.responses import Response

from sandbox.salesforce.context import Call, answer
from sandbox.salesforce.errors import ApiError
from sandbox.salesforce.soql_run import Answer, Prepared, prepare, run
from sandbox.salesforce.state import Cursor

_BATCH_OPTION = re.compile(r"batchSize\s*=\s*(\d+)", re.IGNORECASE)
_SMALLEST, _LARGEST = 200, 2000


async def query(call: Call) -> Response:
    """Answer `query?q=`, live records only."""
    return _first_page(call, "query", include_deleted=False)


async def query_all(call: Call) -> Response:
    """Answer `queryAll?q=`, with deleted and merged records."""
    return _first_page(call, "queryAll", include_deleted=True)


async def more(call: Call) -> Response:
    """Answer a `nextRecordsUrl`."""
    locator, _, offset = call.path("locator").partition("-")
    if not (offset.isascii() and offset.isdigit()):
        raise ApiError(400, "INVALID_QUERY_LOCATOR", "invalid query locator")
    cursor = call.state.cursor(locator)
    return answer(_page(call, cursor, locator, int(offset)))


def _first_page(call: Call, resource: str, *, include_deleted: bool) -> Response:
    text = call.param("q")
    if not text:
        raise ApiError(400, "MALFORMED_QUERY", "A query string has to be specified")
    prepared = prepare(call.state.org, text, call.session.user_id)
    found = run(call.state.org, prepared, call.now, include_deleted=include_deleted)
    batch = min(_requested_batch(call), call.state.options.batch_size, _narrowed(prepared, found))
    if len(found.rows) <= batch:
        records = [found.render(row, call.version) for row in found.rows]
        return answer({"totalSize": found.total, "done": True, "records": records})
    locator = call.state.open_cursor(found, batch, resource)
    return answer(_page(call, call.state.cursor(locator), locator, 0))


def _page(call: Call, cursor: Cursor, locator: str, offset: int) -> dict[str, Any]:
    found = cursor.answer
    if not 0 <= offset < len(found.rows):
        raise ApiError(400, "INVALID_QUERY_LOCATOR", "invalid query locator")
    end = offset + cursor.batch
    page: dict[str, Any] = {"totalSize": found.total, "done": end >= len(found.rows)}
    if not page["done"]:
        page["nextRecordsUrl"] = f"{call.base}/{cursor.resource}/{locator}-{end}"
    page["records"] = [found.render(row, call.version) for row in found.rows[offset:end]]
    return page


def _requested_batch(call: Call) -> int:
    """Read the advisory batch size; values outside 200–2,000 are moved to the nearest bound."""
    option = _BATCH_OPTION.search(call.request.headers.get("sforce-query-options", ""))
    return min(max(int(option[1]), _SMALLEST), _LARGEST) if option else _LARGEST


def _narrowed(prepared: Prepared, found: Answer) -> int:
    """Rows with two or more custom long texts come in pages of at most 200."""
    fields = prepared.columns.table.kind.fields
    wide = [name for name in found.header if name in fields and fields[name].custom and fields[name].is_long_text]
    return _SMALLEST if len(wide) >= 2 else _LARGEST
