"""Touches: which meetings and calls are those of the account's own people."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import polars as pl
import pytest

from mapping import schema
from mapping.frames import AsOf
from mapping.touches import OWNERS, PEOPLE, touches
from tests.unit.mapping.portfolio import noon

NOW = noon("2025-11-10")
HOUR = timedelta(hours=1)


def frame(entity: str, *rows: dict[str, Any]) -> pl.DataFrame:
    given = {"account_id": "a", "connection": "hubspot", "stream": "s", "starts_at": NOW - HOUR, "owner_ref": "7"}
    filled = [{**given, "id": f"{entity}{number}", **row} for number, row in enumerate(rows)]
    return pl.DataFrame(filled, schema=schema.child_schema(entity), orient="row")


def people(*rows: tuple[str, str | None, str | None]) -> pl.DataFrame:
    return pl.DataFrame([("a", *row) for row in rows], schema=PEOPLE, orient="row")


def owners(*rows: tuple[str, str, str | None]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=OWNERS, orient="row")


def found(
    meetings: tuple[dict[str, Any], ...] = (),
    calls: tuple[dict[str, Any], ...] = (),
    who: pl.DataFrame | None = None,
    listed: pl.DataFrame | None = None,
) -> list[tuple[str, str]]:
    """(person, touch) in order."""
    rows = touches(
        frame("meeting", *meetings),
        frame("call", *calls),
        people(("hubspot", "7", "8")) if who is None else who,
        owners() if listed is None else listed,
        AsOf(NOW),
    )
    return rows.select("person", "touch").rows()


@pytest.mark.parametrize(
    ("outcome", "counts"),
    [("completed", True), (None, True), ("scheduled", False), ("no_show", False), ("cancelled", False)],
)
def test_only_meetings_that_took_place_count(outcome: str | None, counts: bool) -> None:
    assert bool(found(({"outcome": outcome},))) is counts


@pytest.mark.parametrize(("outcome", "counts"), [("completed", True), (None, True), ("no_answer", False)])
def test_only_calls_that_reached_somebody_count(outcome: str | None, counts: bool) -> None:
    assert bool(found(calls=({"outcome": outcome},))) is counts


@pytest.mark.parametrize(("later", "counts"), [(0, True), (1, False)])
def test_what_has_not_begun_does_not_count(later: int, counts: bool) -> None:
    assert bool(found(({"starts_at": NOW + timedelta(seconds=later)},))) is counts


def test_whose_it_was() -> None:
    rows = found(({"owner_ref": "7"}, {"owner_ref": "8"}, {"owner_ref": "9"}, {"owner_ref": None}))
    assert rows == [("csm", "meeting hubspot:meeting0"), ("owner", "meeting hubspot:meeting1")]


def test_without_a_manager_it_is_the_owners() -> None:
    rows = found(({"owner_ref": "8"},), who=people(("hubspot", None, "8"), ("salesforce", None, None)))
    assert rows == [("csm", "meeting hubspot:meeting0"), ("owner", "meeting hubspot:meeting0")]
    named_elsewhere = people(("hubspot", None, "8"), ("salesforce", "005", None))
    assert found(({"owner_ref": "8"},), who=named_elsewhere) == [("owner", "meeting hubspot:meeting0")]


def test_an_id_of_one_crm_says_nothing_in_another() -> None:
    assert found(({"connection": "salesforce"},)) == []


def test_somebody_is_the_same_person_in_both_crms_by_his_address() -> None:
    listed = owners(("hubspot", "7", "Anna@Example.com "), ("salesforce", "005", "anna@example.com"))
    who = people(("salesforce", "005", None), ("hubspot", None, None))
    assert found(({"owner_ref": "7"},), who=who, listed=listed) == [("csm", "meeting hubspot:meeting0")]
    nameless = owners(("hubspot", "7", ""), ("salesforce", "005", ""))
    assert found(({"owner_ref": "7"},), who=who, listed=nameless) == []


def test_in_order_of_time() -> None:
    rows = found(({"starts_at": NOW - HOUR},), ({"starts_at": NOW - 2 * HOUR},))
    assert [touch for _, touch in rows] == ["call hubspot:call0", "meeting hubspot:meeting0"]
