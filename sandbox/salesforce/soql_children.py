"""Parent-to-child subqueries: `SELECT Id, (SELECT Id FROM Contacts) FROM Account`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sandbox.salesforce.table import Row

Render = Callable[[Row, str], dict[str, Any]]


class Child:
    """The rows of one child relationship, by parent; `limit` and `offset` hold within each parent."""

    def __init__(
        self, name: str, rows: list[Row], link_at: int, window: tuple[int, int | None], render: Render
    ) -> None:
        self.name = name
        self._first, self._limit = window
        self._render = render
        self._rows: dict[str, list[Row]] = {}
        for row in rows:
            self._rows.setdefault(str(row[link_at]), []).append(row)

    def render(self, parent_id: object, version: str) -> dict[str, Any] | None:
        """Return the children of one parent as a nested query answer; None when there are none."""
        rows = self._rows.get(str(parent_id), [])
        last = None if self._limit is None else self._first + self._limit
        shown = [self._render(row, version) for row in rows[self._first : last]]
        return {"totalSize": len(shown), "done": True, "records": shown} if shown else None


def with_children(render: Render, children: list[Child], id_at: int) -> Render:
    """Extend the rendering of a parent by its children."""
    if not children:
        return render

    def full(row: Row, version: str) -> dict[str, Any]:
        record = render(row, version)
        for child in children:
            record[child.name] = child.render(row[id_at], version)
        return record

    return full
