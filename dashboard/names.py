"""What accounts are called, for pages that show records."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection

from store import frames

Names = dict[tuple[str, str], str]
"""(connection, record id) → name of the account."""


def account_names(c: Connection, ws: str, account_ids: Iterable[str]) -> Names:
    """Return the names of the records of some accounts, as each CRM has them; one without a name is left out."""
    wanted = sorted(set(account_ids))
    if not wanted:
        return {}
    frame = frames.frame(c, ws, "account", account_ids=wanted).select("connection", "id", "name")
    return {(connection, record_id): name for connection, record_id, name in frame.iter_rows() if name}
