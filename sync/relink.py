"""Records whose links changed although they did not: kept in the store until they were normalised again."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from store import marks

MOST_KEPT = 20_000
"""Beyond this many, normalising the whole stream again is the simpler way."""
ALL = "*"


def _mark(connection: str, stream: str) -> str:
    return f"relinked:{connection}:{stream}"


def remember_relinked(c: Connection, ws: str, connection: str, stream: str, ids: Sequence[str]) -> None:
    """Add records to the list, in the transaction that stored their links."""
    if not ids:
        return
    kept = relinked(c, ws, connection, stream)
    if kept == ALL:
        return
    together = sorted({*kept, *ids})
    marks.set_mark(c, ws, _mark(connection, stream), ALL if len(together) > MOST_KEPT else together)


def relinked(c: Connection, ws: str, connection: str, stream: str) -> list[str] | str:
    """The list, or `ALL`."""
    value = marks.mark(c, ws, _mark(connection, stream))
    if isinstance(value, str):
        return value
    return [str(one) for one in value] if isinstance(value, list) else []


def forget_relinked(c: Connection, ws: str, connection: str, stream: str) -> None:
    """Empty the list, in the transaction that stored the normalised rows."""
    if marks.mark(c, ws, _mark(connection, stream)):
        marks.set_mark(c, ws, _mark(connection, stream), [])
