"""`/v1.0/admin/connector/job/bulkimport`: CSV files in, and what became of them."""

from __future__ import annotations

from starlette.responses import Response

from sandbox.gainsight.call import Call


async def accept(call: Call) -> Response:
    """Take one file."""
    content_type = call.request.headers.get("content-type", "")
    status_id = call.state.bulk.accept(content_type, await call.request.body(), call.actor)
    return call.answer({"statusId": status_id})


async def status(call: Call) -> Response:
    """Answer how far a file has come; every poll moves it on."""
    return call.answer(call.state.bulk.poll(str(call.request.path_params["status"]), call.tenant, call.options))
