"""One account out of two CRMs: which value wins, which children count, which feeds are there."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from mapping.accounts import assign_children, default_precedence, merge_accounts
from mapping.schema import child_schema, conform

TYPES = {"hubspot": "hubspot", "salesforce": "salesforce"}
ORDER = default_precedence(TYPES)
LINKS = pl.DataFrame(
    [("a", "hubspot", "1"), ("a", "salesforce", "A"), ("b", "hubspot", "2")],
    schema=["account_id", "connection", "crm_id"],
    orient="row",
)


DAY = date(2026, 1, 2)


def merged(
    feeds: dict[str, frozenset[str]] | None = None, lacking: dict[str, frozenset[str]] | None = None, **of: Any
) -> dict[str, Any]:
    rows = [{"connection": name.split("_")[0], "id": name.split("_")[1], **fields} for name, fields in of.items()]
    records = conform(pl.DataFrame(rows, infer_schema_length=None), child_schema("account"))
    frame = merge_accounts(records, LINKS, ORDER, feeds=feeds or {}, not_connected=lacking or {})
    return {row["account_id"]: row for row in frame.iter_rows(named=True)}


def test_salesforce_gives_the_money_and_hubspot_the_rest() -> None:
    row = merged(
        hubspot_1={"name": "Acme (hub)", "arr": Decimal(1), "currency": "USD", "go_live_at": None},
        salesforce_A={"name": "Acme (force)", "arr": Decimal(2), "currency": "EUR", "go_live_at": date(2025, 1, 1)},
    )["a"]
    assert (row["name"], row["arr"], row["currency"], row["go_live_at"]) == (
        "Acme (hub)",
        Decimal(2),
        "EUR",
        date(2025, 1, 1),
    )


def test_amount_and_currency_come_from_one_record() -> None:
    row = merged(hubspot_1={"arr": Decimal(1), "currency": "USD"}, salesforce_A={"arr": None, "currency": "EUR"})["a"]
    assert (row["arr"], row["currency"]) == (Decimal(1), "USD")


def test_account_of_one_crm() -> None:
    rows = merged(hubspot_2={"name": "Solo"})
    assert list(rows) == ["b"]
    assert rows["b"]["name"] == "Solo"


def test_feeds_are_those_of_the_accounts_own_crms() -> None:
    feeds = {"hubspot": frozenset({"ticket"}), "salesforce": frozenset({"deal"})}
    rows = merged(feeds, hubspot_1={"features_used": 1.0}, salesforce_A={"name": "x"}, hubspot_2={"name": "y"})
    flags = ("has_deals", "has_tickets", "has_meetings", "has_usage")
    assert [rows["a"][name] for name in flags] == [True, True, False, True]
    assert [rows["b"][name] for name in flags] == [False, True, False, False]


@pytest.mark.parametrize("agreed", ["features_licensed", "data_volume_contracted", "users_licensed"])
def test_what_was_agreed_on_is_no_report_of_use(agreed: str) -> None:
    assert merged(hubspot_1={agreed: 100.0})["a"]["has_usage"] is False
    assert merged(hubspot_1={agreed: 100.0, "users_active": 0.0})["a"]["has_usage"] is True


def test_field_is_not_connected_when_no_crm_of_the_account_has_it() -> None:
    lacking = {"hubspot": frozenset({"roi_target", "arr"}), "salesforce": frozenset({"roi_target"})}
    rows = merged(None, lacking, hubspot_1={"name": "x"}, salesforce_A={"name": "x"}, hubspot_2={"name": "y"})
    assert rows["a"]["not_connected"] == ["roi_target"]
    assert rows["b"]["not_connected"] == ["arr", "roi_target"]


def children(*rows: tuple[str, str, str]) -> pl.DataFrame:
    named = [
        {"connection": connection, "id": crm_id, "stream": "s", "account_ref": ref} for connection, crm_id, ref in rows
    ]
    return conform(pl.DataFrame(named), child_schema("deal"))


def test_children_of_one_crm_count_so_that_copies_do_not_double() -> None:
    rows = children(
        ("hubspot", "d1", "1"),
        ("salesforce", "o1", "A"),
        ("salesforce", "o2", "A"),
        ("hubspot", "d2", "2"),
        ("hubspot", "d3", "?"),
    )
    found = assign_children(rows, LINKS, "deal", ORDER)
    assert found.select("account_id", "id").rows() == [("a", "o1"), ("a", "o2"), ("b", "d2")]
    tickets = assign_children(rows, LINKS, "ticket", ORDER)
    assert tickets.select("account_id", "id").rows() == [("a", "d1"), ("b", "d2")]


@pytest.mark.parametrize("first", ["hubspot", "salesforce"])
def test_readings_are_of_the_crm_that_gives_the_figures_of_now(first: str) -> None:
    """What is usual by one CRM and what is used by another would look like a fall."""
    order = replace(ORDER, default=(first, *sorted(TYPES.keys() - {first})))
    used = {"hubspot": ("1", 2.0), "salesforce": ("A", 10.0)}
    rows = [
        {"connection": name, "id": ref, "usage_as_of": DAY, "logins_per_user_week": logins}
        for name, (ref, logins) in used.items()
    ]
    now = merge_accounts(conform(pl.DataFrame(rows), child_schema("account")), LINKS, order, feeds={}, not_connected={})
    before = [
        {"connection": name, "id": f"{ref}:2025-11", "stream": "s", "account_ref": ref, "logins_per_user_week": logins}
        for name, (ref, logins) in used.items()
    ]
    found = assign_children(conform(pl.DataFrame(before), child_schema("reading")), LINKS, "reading", order)
    assert found.get_column("logins_per_user_week").to_list() == now.get_column("logins_per_user_week").to_list()
    assert found.get_column("logins_per_user_week").to_list() == [used[first][1]]


def test_a_milestone_from_a_file_stands_where_the_crm_knows_no_day() -> None:
    rows = [
        {
            "connection": "hubspot",
            "id": "1:a",
            "stream": "companies",
            "account_ref": "1",
            "key": "a",
            "completed_on": DAY,
        },
        {"connection": "hubspot", "id": "1:b", "stream": "companies", "account_ref": "1", "key": "b"},
        *(
            {"connection": "salesforce", "id": f"A:{key}", "stream": "imported", "account_ref": "A", "key": key}
            | {"completed_on": DAY}
            for key in "abc"
        ),
        {
            "connection": "hubspot",
            "id": "2:a",
            "stream": "imported",
            "account_ref": "2",
            "key": "a",
            "completed_on": DAY,
        },
    ]
    found = assign_children(conform(pl.DataFrame(rows), child_schema("milestone")), LINKS, "milestone", ORDER)
    told = found.select("account_id", "stream", "key").rows()
    assert told == [
        ("a", "companies", "a"),
        ("a", "companies", "b"),
        ("a", "imported", "b"),
        ("a", "imported", "c"),
        ("b", "imported", "a"),
    ]
