"""The SOQL parser and executor of the Salesforce sandbox, without HTTP."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from sandbox.salesforce.errors import ApiError
from sandbox.salesforce.org import Org
from sandbox.salesforce.seed import seed_org
from sandbox.salesforce.soql_ast import Call, Comparison, Literal, Logical, Not, OrderKey, Path, Query, query_text
from sandbox.salesforce.soql_parser import RESERVED, parse
from sandbox.salesforce.soql_run import prepare, run
from sandbox.world.generate import generate
from tests.sandbox.salesforce_org import TODAY

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
USER = "005kW0000000001QAA"

names = st.from_regex(r"[A-Z][a-z]{1,8}(__c)?", fullmatch=True).filter(lambda name: name.upper() not in RESERVED)
paths = st.lists(names, min_size=1, max_size=3).map(lambda parts: Path(tuple(parts)))
literals = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20).map(lambda text: Literal("string", text)),
    st.integers(-(10**9), 10**9).map(lambda number: Literal("number", float(number))),
    st.booleans().map(lambda flag: Literal("boolean", flag)),
    st.just(Literal("null", None)),
    st.dates().map(lambda day: Literal("date", day.isoformat())),
    st.sampled_from(["TODAY", "LAST_N_DAYS:30", "THIS_MONTH"]).map(lambda text: Literal("relative", text)),
)
calls = st.builds(Call, st.sampled_from(["MIN", "COUNT", "TOLABEL", "CALENDAR_YEAR"]), paths, st.none() | names)
plain_calls = calls.map(lambda call: replace(call, alias=None))
comparisons = st.one_of(
    st.builds(Comparison, paths | plain_calls, st.sampled_from(["=", "!=", "<", "<=", ">", ">=", "LIKE"]), literals),
    st.builds(
        Comparison,
        paths,
        st.sampled_from(["IN", "NOT IN", "INCLUDES"]),
        st.lists(literals, min_size=1, max_size=4).map(tuple),
    ),
)
conditions = st.recursive(
    comparisons,
    lambda inner: st.one_of(
        st.builds(Not, inner),
        st.builds(Logical, st.sampled_from(["AND", "OR"]), st.lists(inner, min_size=2, max_size=3).map(tuple)),
    ),
    max_leaves=8,
)
queries = st.builds(
    Query,
    st.lists(st.one_of(paths, calls), min_size=1).map(tuple),
    names,
    st.none() | conditions,
    st.just(()) | st.lists(paths | plain_calls, min_size=1, max_size=2).map(tuple),
    st.lists(st.builds(OrderKey, paths, st.booleans(), st.booleans()), max_size=3).map(tuple),
    st.none() | st.integers(0, 5000),
    st.none() | st.integers(0, 2000),
    having=st.none() | comparisons,
    alias=st.none() | names,
).map(lambda query: query if query.group_by else replace(query, having=None))


real_paths = st.sampled_from(
    ["Id", "Name", "ARR__c", "NumberOfEmployees", "IsDeleted", "Go_Live_Date__c", "SystemModstamp", "OwnerId",
     "Owner.Name", "Parent.CreatedDate", "Description", "BillingAddress", "CurrencyIsoCode", "Parent.Owner.IsActive"]
).map(lambda text: Path(tuple(text.split("."))))  # fmt: skip
real_tests = st.one_of(
    st.builds(Comparison, real_paths, st.sampled_from(["=", "!=", "<", "<=", ">", ">=", "LIKE"]), literals),
    st.builds(
        Comparison, real_paths, st.sampled_from(["IN", "NOT IN", "EXCLUDES"]), st.lists(literals, min_size=1).map(tuple)
    ),
)


@pytest.fixture(scope="module")
def org() -> Org:
    built = Org()
    seed_org(built, generate(7, 200, TODAY), NOW, ("integration@sandbox.example",))
    return built


def rows(org: Org, text: str, *, everything: bool = False) -> list[dict[str, Any]]:
    found = run(org, prepare(org, text, USER), NOW, include_deleted=everything)
    return [found.render(row, "62.0") for row in found.rows]


def refused(org: Org, text: str) -> ApiError:
    with pytest.raises(ApiError) as caught:
        rows(org, text)
    return caught.value


def verdict(text: str) -> str:
    try:
        parse(text)
    except ApiError as error:
        return error.code
    return "parsed"


@given(queries)
def test_a_query_survives_being_written_and_parsed(query: Query) -> None:
    assert parse(query_text(query)) == query


@given(st.text(max_size=60) | st.text("SELECT FROMWHEREaBc()'\\,.=<>!%1234-:TZ\n", max_size=80))
def test_any_text_parses_or_is_refused_as_the_vendor_does(text: str) -> None:
    assert verdict(text) in {"parsed", "MALFORMED_QUERY", "NUMBER_OUTSIDE_VALID_RANGE"}


def ids_or_refusal(org: Org, text: str) -> set[str] | None:
    """Return the ids that a query finds, or None when the org refuses it."""
    try:
        return {row["Id"] for row in rows(org, text)}
    except ApiError as error:
        event(error.code)
        return None


@given(real_tests, st.lists(st.builds(OrderKey, real_paths, st.booleans(), st.booleans()), max_size=2).map(tuple))
def test_a_filter_and_its_negation_split_the_table_or_are_refused(
    org: Org, condition: Comparison, order: tuple[OrderKey, ...]
) -> None:
    select = (Path(("Id",)),)
    found = ids_or_refusal(org, query_text(Query(select, "Account", condition, (), order)))
    rest = ids_or_refusal(org, query_text(Query(select, "Account", Not(condition))))
    if found is not None and rest is not None:
        assert not found & rest
        assert len(found | rest) == len(rows(org, "SELECT Id FROM Account"))


def test_strings_keep_quotes_backslashes_and_newlines() -> None:
    query = parse(r"SELECT Id FROM Account WHERE Name = 'O\'Neil \\ \n\t\"x\"'")
    assert isinstance(query.where, Comparison)
    assert query.where.operand == Literal("string", 'O\'Neil \\ \n\t"x"')


@pytest.mark.parametrize(
    "text",
    [
        "SELECT Id FROM Account WHERE Name = 'open",
        "SELECT Id FROM Account WHERE Name = 'bad \\q escape'",
        "SELECT Id FROM Account WHERE",
        "SELECT Id FROM Account WHERE Name = 'a' AND Name = 'b' OR Name = 'c'",
        "SELECT Id, FROM Account",
        "SELECT FROM Account",
        "SELECT Id FROM Account LIMIT -1",
        "SELECT Id FROM Account; DROP",
        "SELECT Id FROM Account WHERE Name = null null",
        "SELECT Id FROM Account WHERE " + "(" * 100 + "Name = 'x'" + ")" * 100,
        "",
    ],
)
def test_malformed_queries_are_refused(text: str) -> None:
    with pytest.raises(ApiError, match="MALFORMED_QUERY"):
        parse(text)


def test_an_unknown_field_is_pointed_at(org: Org) -> None:
    error = refused(org, "SELECT Id, Bacon__c FROM Account")
    assert error.code == "INVALID_FIELD"
    assert error.message.startswith(
        "\nSELECT Id, Bacon__c FROM Account\n           ^\nERROR at Row:1:Column:12\nNo such"
    )


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("SELECT Id FROM Nonsense", "INVALID_TYPE"),
        ("SELECT Owner.Bacon FROM Account", "INVALID_FIELD"),
        ("SELECT Cook.Name FROM Account", "INVALID_FIELD"),
        ("SELECT Id, Id FROM Account", "INVALID_FIELD"),
        ("SELECT Id FROM Account WHERE CreatedDate > '2026-01-01'", "INVALID_FIELD"),
        ("SELECT Id FROM Account WHERE CreatedDate > 2026-01-01", "INVALID_FIELD"),
        ("SELECT Id FROM Opportunity WHERE CloseDate > 2026-01-01T00:00:00Z", "INVALID_FIELD"),
        ("SELECT Id FROM Account WHERE ARR__c = '5'", "INVALID_FIELD"),
        ("SELECT Id FROM Account WHERE Name = 5", "INVALID_FIELD"),
        ("SELECT Id FROM Account WHERE IsDeleted = 'true'", "INVALID_FIELD"),
        ("SELECT Id FROM Account WHERE IsDeleted > true", "INVALID_QUERY_FILTER_OPERATOR"),
        ("SELECT Id FROM Account WHERE Id = 'short'", "INVALID_QUERY_FILTER_OPERATOR"),
        ("SELECT Id FROM Account WHERE Description = 'x'", "INVALID_FIELD"),
        ("SELECT Id FROM Account ORDER BY Description", "INVALID_FIELD"),
        ("SELECT Name, COUNT(Id) FROM Account", "MALFORMED_QUERY"),
        ("SELECT Id FROM Account LIMIT 1 OFFSET 2001", "NUMBER_OUTSIDE_VALID_RANGE"),
        ("SELECT FIELDS(ALL) FROM Account", "MALFORMED_QUERY"),
    ],
)
def test_wrong_names_and_types_have_their_codes(org: Org, text: str, code: str) -> None:
    assert refused(org, text).code == code


def test_names_are_found_in_any_case_and_shown_in_their_own(org: Org) -> None:
    (row,) = rows(org, "select iD, oWNER.nAME from aCCOUNT limit 1")
    assert set(row) == {"attributes", "Id", "Owner"}
    assert row["Owner"]["attributes"]["type"] == "User"


def test_text_compares_without_regard_to_case(org: Org) -> None:
    name = next(
        r["Name"] for r in rows(org, "SELECT Name FROM Account") if r["Name"].isascii() and "'" not in r["Name"]
    )
    assert rows(org, f"SELECT Id FROM Account WHERE Name = '{name.swapcase()}'")  # noqa: S608
    assert rows(org, f"SELECT Id FROM Account WHERE Name LIKE '{name[0].swapcase()}%{name[-1]}'")  # noqa: S608


def test_like_takes_wildcards_and_escaped_wildcards(org: Org) -> None:
    sites = {row["Website"] for row in rows(org, "SELECT Website FROM Account WHERE Website LIKE 'https://%/'")}
    assert sites
    assert all(site.startswith("https://") and site.endswith("/") for site in sites)
    assert rows(org, r"SELECT Id FROM Account WHERE Website LIKE 'https\%'") == []


def test_null_semantics(org: Org) -> None:
    total = len(rows(org, "SELECT Id FROM Account"))
    none = len(rows(org, "SELECT Id FROM Account WHERE ARR__c = null"))
    some = len(rows(org, "SELECT Id FROM Account WHERE ARR__c != null"))
    assert none
    assert some
    assert none + some == total
    assert len(rows(org, "SELECT Id FROM Account WHERE ARR__c != 1")) == total
    assert len(rows(org, "SELECT Id FROM Account WHERE ARR__c > 0 OR ARR__c <= 0")) == some


def test_without_an_order_rows_are_in_no_useful_order(org: Org) -> None:
    ids = [row["Id"] for row in rows(org, "SELECT Id FROM Account")]
    assert ids != sorted(ids)
    assert ids == [row["Id"] for row in rows(org, "SELECT Id FROM Account")]


@pytest.mark.parametrize(
    ("order", "nulls_first"), [("", True), (" DESC", True), (" NULLS LAST", False), (" DESC NULLS LAST", False)]
)
def test_order_and_nulls(org: Org, order: str, nulls_first: bool) -> None:
    values = [row["ARR__c"] for row in rows(org, f"SELECT ARR__c FROM Account ORDER BY ARR__c{order}")]  # noqa: S608
    known = [value for value in values if value is not None]
    assert known == sorted(known, reverse="DESC" in order)
    assert (values[0] is None) == nulls_first
    assert (values[-1] is None) != nulls_first


def test_keyset_paging_sees_every_row_once(org: Org) -> None:
    seen: list[str] = []
    stamps: list[str] = []
    where = ""
    while True:
        page = rows(org, f"SELECT Id, SystemModstamp FROM Account {where} ORDER BY SystemModstamp, Id LIMIT 7")  # noqa: S608
        if not page:
            break
        seen += [row["Id"] for row in page]
        stamps += [row["SystemModstamp"] for row in page]
        last = page[-1]["SystemModstamp"].replace(".000+0000", "Z")
        where = f"WHERE SystemModstamp > {last} OR (SystemModstamp = {last} AND Id > '{page[-1]['Id']}')"
    assert len(seen) == len(set(seen)) == len(rows(org, "SELECT Id FROM Account"))
    assert stamps == sorted(stamps)
    assert len(set(stamps)) < len(stamps), "many rows share one second"


def test_a_window_on_the_stamp_agrees_with_a_plain_filter(org: Org) -> None:
    every = rows(org, "SELECT Id, SystemModstamp FROM Case")
    low, high = "2026-09-01T00:00:00.000+0000", "2026-11-01T00:00:00.000+0000"
    wanted = {row["Id"] for row in every if low <= row["SystemModstamp"] < high}
    text = (
        "SELECT Id FROM Case "
        "WHERE SystemModstamp >= 2026-09-01T02:00:00+02:00 AND SystemModstamp < 2026-11-01T00:00:00Z"
    )
    assert wanted
    assert {row["Id"] for row in rows(org, text)} == wanted


def test_relative_dates(org: Org) -> None:
    text = "SELECT CloseDate FROM Opportunity WHERE CloseDate = LAST_N_DAYS:90"
    days = [row["CloseDate"] for row in rows(org, text)]
    assert days
    assert all("2026-08-24" <= day <= "2026-11-22" for day in days)
    assert all(
        row["CreatedDate"] < "2026-11-22" for row in rows(org, "SELECT CreatedDate FROM Case WHERE CreatedDate < TODAY")
    )


def test_aggregates_and_groups(org: Org) -> None:
    (total,) = rows(org, "SELECT COUNT(Id), MIN(CreatedDate) first, MAX(SystemModstamp) FROM Case")
    assert total["attributes"] == {"type": "AggregateResult"}
    assert set(total) == {"attributes", "expr0", "first", "expr1"}
    grouped = rows(org, "SELECT Status, COUNT(Id) n FROM Case GROUP BY Status ORDER BY COUNT(Id) DESC")
    assert sum(row["n"] for row in grouped) == total["expr0"]
    assert [row["n"] for row in grouped] == sorted((row["n"] for row in grouped), reverse=True)


def test_money_is_summed_in_the_corporate_currency(org: Org) -> None:
    deals = rows(
        org, "SELECT Amount, CurrencyIsoCode FROM Opportunity WHERE Amount != null AND CurrencyIsoCode = 'EUR'"
    )
    (total,) = rows(org, "SELECT SUM(Amount) s FROM Opportunity WHERE CurrencyIsoCode = 'EUR'")
    assert total["s"] == pytest.approx(sum(deal["Amount"] for deal in deals) / 0.9)


def test_semi_joins(org: Org) -> None:
    owners = {row["AccountId"] for row in rows(org, "SELECT AccountId FROM Opportunity WHERE IsWon = true")}
    text = "SELECT Id FROM Account WHERE Id IN (SELECT AccountId FROM Opportunity WHERE IsWon = true)"
    assert {row["Id"] for row in rows(org, text)} == owners - {None}


def test_deleted_rows_need_query_all(org: Org) -> None:
    text = "SELECT Id, MasterRecordId FROM Account WHERE IsDeleted = true"
    assert rows(org, text) == []
    gone = rows(org, text, everything=True)
    assert any(row["MasterRecordId"] for row in gone)
    assert any(row["MasterRecordId"] is None for row in gone)


def test_addresses_are_objects(org: Org) -> None:
    (row,) = rows(org, "SELECT BillingAddress FROM Account WHERE BillingCountry != null LIMIT 1")
    assert row["BillingAddress"]["country"]
    assert row["BillingAddress"]["geocodeAccuracy"] is None


def test_polymorphic_parents(org: Org) -> None:
    (row,) = rows(org, "SELECT Owner.Name, What.Name FROM Event WHERE WhatId != null LIMIT 1") or [{}]
    assert row["What"]["attributes"]["type"] == "Account"
    assert rows(org, "SELECT Owner.Name FROM Case LIMIT 1")[0]["Owner"]["attributes"]["type"] == "User"


def test_children_nest_below_their_parents(org: Org) -> None:
    text = (
        "SELECT Id, (SELECT Id, Name FROM Contacts WHERE Email != null ORDER BY LastName, Id LIMIT 2), "
        "(SELECT Id FROM Opportunities) FROM Account"
    )
    parents = {row["Id"]: row for row in rows(org, text)}
    contacts: dict[str, list[str]] = {}
    for row in rows(org, "SELECT Id, AccountId FROM Contact WHERE Email != null ORDER BY LastName, Id"):
        contacts.setdefault(row["AccountId"], []).append(row["Id"])
    assert any(row["Opportunities"] is None for row in parents.values())
    for record_id, row in parents.items():
        nested = row["Contacts"] or {"records": [], "totalSize": 0}
        assert [child["Id"] for child in nested["records"]] == contacts.get(record_id, [])[:2]
        assert nested["totalSize"] == len(nested["records"])
    assert refused(org, "SELECT Id, (SELECT Id FROM Contact) FROM Account").code == "INVALID_TYPE"
