"""`/v1/data/objects`: rows of any object by query, and writes to companies, relationships and custom objects."""

from __future__ import annotations

from starlette.responses import Response

from sandbox.gainsight.call import Call
from sandbox.gainsight.errors import no_data
from sandbox.gainsight.query import Dialect, order_of, page_of, read_selection, shown, sorted_rows
from sandbox.gainsight.writes import Writes


async def query(call: Call) -> Response:
    """Answer a page of rows."""
    tenant, table, options, body = call.tenant, call.table(), call.options, await call.body()
    dialect = Dialect("name", "GSOBJ_1002", options.invalid_select_status, iso=False)
    selection = read_selection(tenant, table, body, dialect, call.state.zone)
    order, (limit, offset) = order_of(tenant, table, body), page_of(body)
    rows = sorted_rows(tenant, [row for row in tenant.rows(table) if selection.test(row)], order, offset)
    if call.request.scope.get("repeat_rows"):
        offset = max(0, offset - 1)
    page = rows[offset : offset + limit]
    if not page and options.empty != "records":
        raise no_data(200 if options.empty == "result_false" else 400)
    found = [shown(tenant, row, selection, iso=False, omit_nulls=options.omit_nulls) for row in page]
    return call.answer(found if options.bare_list else {"records": found})


async def insert(call: Call) -> Response:
    """Store up to fifty new records."""
    return call.answer(_writes(call).insert(await call.body()))


async def update(call: Call) -> Response:
    """Change up to fifty records that `?keys=` finds."""
    keys = [key.strip() for key in call.request.query_params.get("keys", "").split(",") if key.strip()]
    return call.answer(_writes(call).update(await call.body(), keys))


async def delete(call: Call) -> Response:
    """Delete one record."""
    table, identity = call.table(writable=True), str(call.request.path_params["gsid"])
    row = table.rows.get(identity)
    if row is None:
        raise no_data(200)
    call.tenant.delete(table, row, call.actor)
    return call.answer(f"Record with GSID: {identity} is deleted.")


def _writes(call: Call) -> Writes:
    return Writes(call.tenant, call.table(writable=True), call.options, call.actor)
