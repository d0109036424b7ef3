"""Fields that follow from others: whether a call to action or plan is over, and since when."""

from __future__ import annotations

from collections.abc import MutableMapping

from sandbox.gainsight.moments import DAY_MS
from sandbox.gainsight.tenant import Row, Table, Tenant
from sandbox.journal import Value


def derive(tenant: Tenant, table: Table, values: MutableMapping[str, Value], before: Row | None) -> None:
    """Add to checked values what Gainsight computes from them."""
    status = table.kind.fields.get("StatusId")
    if status is None or (before is not None and "StatusId" not in values):
        return
    item = tenant.categories[str(status.category)].by_gsid(values.get("StatusId"))
    closed = item is not None and item.closed
    today = tenant.now_ms() // DAY_MS * DAY_MS
    held = None if before is None else before.get("ClosedDate")
    values["ClosedDate"] = (held or today) if closed else None
    if "IsClosed" in table.kind.fields:
        values["IsClosed"] = closed
    if "ActiveDate" in table.kind.fields and item is not None and item.label == "Active":
        values["ActiveDate"] = (None if before is None else before.get("ActiveDate")) or today
