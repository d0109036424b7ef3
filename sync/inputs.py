"""Which CRM said what about an account: its own fields, and the records that count for it."""

from __future__ import annotations

from typing import Any

from mapping.details import json_value
from mapping.frames import Frames
from mapping.origins import Origin, origins
from store import frames
from sync.portfolio import Portfolio

_RECORDS = ("deals", "tickets", "meetings", "calls", "surveys", "contracts", "milestones")


def inputs_of(portfolio: Portfolio, read: Frames, account_id: str) -> dict[str, Any]:
    """JSON-able inputs of one account: `fields` with their connection, `records` with theirs, for `explain`."""
    session = portfolio.session
    with session.deps.store.read() as c:
        found = frames.frame(c, session.ws, "account", account_ids=[account_id])
    rows: dict[str, dict[str, Any]] = {}
    for row in found.iter_rows(named=True):
        rows.setdefault(row["connection"], row)  # in order of ids: of several records of a CRM the first one counts
    return {
        "fields": [_told(one) for one in origins(rows, portfolio.precedence)],
        "records": {
            name: frame.get_column("connection").unique().sort().to_list()
            for name in _RECORDS
            if (frame := getattr(read, name)).height
        },
    }


def _told(one: Origin) -> dict[str, Any]:
    """An origin as JSON; what differs by less than is shown does not differ."""
    value, others = json_value(one.value), {name: json_value(other) for name, other in one.others.items()}
    differ = {name: other for name, other in others.items() if other != value}
    return {"field": one.field, "value": value, "connection": one.connection, "others": differ}
