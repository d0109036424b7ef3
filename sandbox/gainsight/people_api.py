"""Persons, found by their e-mail address, and the users of Gainsight."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from sandbox.gainsight.call import Call
from sandbox.gainsight.errors import ApiError, FieldError, invalid
from sandbox.gainsight.query import Dialect, order_of, read_selection, shown, sorted_rows
from sandbox.gainsight.tenant import Row, Table, Tenant

Record = dict[str, Any]
_MOST_USERS = 5_000
_USERS = Dialect("name", "GSOBJ_1002", 400, iso=True)
_CODES = {"EMAIL": "GSOBJ_VDTEMAIL1001", "LOOKUP": "GSOBJ_VDTGSID1001", "URL": "GSOBJ_VDTURL1001",
          "BOOLEAN": "GSOBJ_VDTBOOL1001"}  # fmt: skip


async def upsert(call: Call) -> Response:
    """Store one person and the companies that it belongs to, or change those that there are."""
    body, tenant = await call.body(), call.tenant
    people, links = tenant.tables["person"], tenant.tables["company_person"]
    companies = body.pop("companies", [])
    if not isinstance(companies, list) or not all(isinstance(one, dict) for one in companies):
        raise invalid("companies must be a list of objects")
    person = _values(tenant, people, body)
    if person.get("Email") is None:
        raise ApiError(400, "GSOBJ_VDTEMAIL1001", "Email is mandatory")
    checked = [_values(tenant, links, one) for one in companies]
    if any(link.get("Company_ID") is None for link in checked):
        raise ApiError(400, "GSOBJ_VDTGSID1001", "Company_ID is mandatory")
    row = _stored(call, people, {"Email": person["Email"]}, person)
    belongs = []
    for link in checked:
        key: Row = {"Person_ID": row["Gsid"], "Company_ID": link["Company_ID"]}
        belongs.append(_stored(call, links, key, {**link, **key})["Gsid"])
    return call.answer({"Person_ID": row["Gsid"], "companyPersonIds": belongs})


async def users(call: Call) -> Response:
    """Answer a page of users; the first page is number 0."""
    body, tenant = await call.body(), call.tenant
    table = tenant.tables["gsuser"]
    selection = read_selection(tenant, table, body, _USERS, call.state.zone)
    limit, page = body.get("limit", 25), body.get("page", 0)
    if any(isinstance(one, bool) or not isinstance(one, int) for one in (limit, page)) or page < 0:
        raise invalid("limit and page must be whole numbers")
    if not 1 <= limit <= _MOST_USERS:
        raise invalid(f"limit must be between 1 and {_MOST_USERS}")
    chosen = [row for row in tenant.rows(table) if selection.test(row)]
    rows = sorted_rows(tenant, chosen, order_of(tenant, table, body), page)
    found = [shown(tenant, row, selection, iso=True) for row in rows[page * limit : (page + 1) * limit]]
    total = {"total": len(rows)} if body.get("includeTotal") is True else {}
    return call.answer({"records": found, **total})


def _values(tenant: Tenant, table: Table, record: Record) -> Row:
    try:
        return tenant.values(table, record)
    except FieldError as error:
        target = table.kind.fields.get(error.field)
        code = "GSOBJ_VCRUDR1002" if target is None or target.read_only else _CODES.get(target.type, error.code)
        raise ApiError(400, code, error.message) from None


def _stored(call: Call, table: Table, key: Row, values: Row) -> Row:
    found = table.matching(key)
    if not found:
        return call.tenant.insert(table, values, call.actor)
    call.tenant.update(table, found[0], values, call.actor)
    return found[0]
