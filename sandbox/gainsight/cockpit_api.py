"""`/v2/cockpit` and `/v2/successPlan`: lists, saves and configuration of calls to action, tasks and success plans."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.responses import Response

from sandbox.gainsight.call import Call
from sandbox.gainsight.cockpit import CTA, PLAN, Family, Saves
from sandbox.gainsight.errors import ApiError, invalid
from sandbox.gainsight.query import Dialect, read_selection, shown, sorted_rows

Handler = Callable[[Call], Awaitable[Response]]
MOST_ROWS = 1_000
_DIALECT = Dialect("fieldName", "COCKPIT_5101", 400, iso=True)


def listing(object_name: str, *, deleted: bool = False) -> Handler:
    """Return the handler that lists an object's rows, or those deleted within fifteen days, in no particular order."""

    async def answer(call: Call) -> Response:
        tenant, table, body = call.tenant, call.tenant.tables[object_name], await call.body()
        selection = read_selection(tenant, table, body, _DIALECT, call.state.zone)
        size, number = _page(body)
        gone = deleted or body.get("includeonlyDeletedRecords") is True
        rows = tenant.retained(table) if gone else list(tenant.rows(table))
        chosen = sorted_rows(tenant, [row for row in rows if selection.test(row)], [], 0)
        page = chosen[(number - 1) * size : number * size]
        found = [shown(tenant, row, selection, iso=True) for row in page]
        return call.answer(found, pageSize=size, currentPageNum=number)

    return answer


def saving(family: Family, *, new: bool) -> Handler:
    """Return the handler that stores new records of a family or changes them."""

    async def answer(call: Call) -> Response:
        keeps = call.options.cockpit_fields
        saves, body = Saves(call.tenant, family, call.actor, keeps_fields=keeps), await call.body()
        return call.answer(saves.create(body) if new else saves.update(body))

    return answer


async def configuration(call: Call) -> Response:
    """Answer the items of the categories in `?category=A,B`."""
    found: dict[str, list[dict[str, Any]]] = {}
    for name in call.request.query_params.get("category", "").split(","):
        category = call.tenant.categories.get(name.strip())
        if category is None:
            raise ApiError(400, "GSOBJ_VDTPKLST1001", "Category not found")
        found[category.name] = [
            {
                "name": item.label, "gsid": item.gsid, "active": item.active, "entityType": "COMPANY",
                "picklistCategory": category.name,
            }
            for item in category.items
        ]  # fmt: skip
    return call.answer(found)


def _page(body: dict[str, Any]) -> tuple[int, int]:
    size, number = body.get("pageSize", MOST_ROWS), body.get("pageNumber", 1)
    if any(isinstance(one, bool) or not isinstance(one, int) or one < 1 for one in (size, number)) or size > MOST_ROWS:
        raise invalid(f"pageSize must be between 1 and {MOST_ROWS}, pageNumber 1 or more")
    return size, number


ROUTES: tuple[tuple[str, str, Handler], ...] = (
    ("POST", "/v2/cockpit/cta", saving(CTA, new=True)),
    ("PUT", "/v2/cockpit/cta", saving(CTA, new=False)),
    ("POST", "/v2/cockpit/cta/list", listing("call_to_action")),
    ("POST", "/v2/cockpit/cta/deleted/list", listing("call_to_action", deleted=True)),
    ("POST", "/v2/cockpit/task/list", listing("cs_task")),
    ("GET", "/v2/cockpit/admin/picklist/lite", configuration),
    ("POST", "/v2/successPlan", saving(PLAN, new=True)),
    ("PUT", "/v2/successPlan", saving(PLAN, new=False)),
    ("POST", "/v2/successPlan/list", listing("cta_group")),
    ("POST", "/v2/successPlan/deleted/list", listing("cta_group", deleted=True)),
    ("GET", "/v2/successPlan/admin/picklist/lite", configuration),
)
