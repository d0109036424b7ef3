"""Failures: values that a CRM refused and that stand refused still."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from dashboard.web.page import Asked, Look, Page, View
from dashboard.web.pages.held import RefusedRecord, refused_records
from store import failures

LIMIT = 100
"""Values of a page."""


class Filter(Asked):
    """`after` is the last value of the page before, as connection, object, record id and property."""

    after: Annotated[tuple[str, ...], Field(max_length=4)] = ()


class Failures(View):
    """The page: `total` counts all values."""

    total: int
    records: tuple[RefusedRecord, ...]
    next: tuple[str, str, str, str] | None


def listed(look: Look, asked: Filter) -> Failures:
    """By CRM, object, record and property."""
    connection, object_name, record_id, name = asked.after if len(asked.after) == 4 else ("", "", "", "")
    found = failures.listed(look.c, look.ws, after=(connection, object_name, record_id, name), limit=LIMIT + 1)
    return Failures(
        total=failures.count(look.c, look.ws),
        records=refused_records(look, found[:LIMIT]),
        next=found[LIMIT - 1].key() if len(found) > LIMIT else None,
    )


PAGE = Page("/failures", "Failures", "failures.html", listed, Filter)
