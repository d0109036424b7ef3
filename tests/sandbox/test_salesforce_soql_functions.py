"""SOQL functions, aliases and HAVING, without HTTP."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest

from sandbox.salesforce.errors import ApiError
from sandbox.salesforce.org import Org
from sandbox.salesforce.seed import seed_org
from sandbox.salesforce.soql_run import prepare, run
from sandbox.world.generate import generate
from tests.sandbox.salesforce_org import TODAY

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
USER = "005kW0000000001QAA"


@pytest.fixture(scope="module")
def org() -> Org:
    built = Org()
    seed_org(built, generate(7, 120, TODAY), NOW, ("integration@sandbox.example",))
    return built


def rows(org: Org, text: str) -> list[dict[str, Any]]:
    found = run(org, prepare(org, text, USER), NOW)
    return [found.render(row, "62.0") for row in found.rows]


def refused(org: Org, text: str) -> str:
    with pytest.raises(ApiError) as caught:
        rows(org, text)
    return caught.value.code


def test_an_object_may_have_another_name(org: Org) -> None:
    assert rows(org, "SELECT a.Id, a.Owner.Name FROM Account a WHERE a.Name != null ORDER BY a.Id") == rows(
        org, "SELECT Id, Owner.Name FROM Account WHERE Name != null ORDER BY Id"
    )
    (row,) = rows(org, "SELECT Id, (SELECT c.Id FROM Contacts c LIMIT 1) FROM Account a ORDER BY a.Id LIMIT 1")
    assert row["Contacts"]["totalSize"] == 1
    assert refused(org, "SELECT b.Id FROM Account a") == "INVALID_FIELD"


def test_having_filters_groups(org: Org) -> None:
    sizes = Counter(row["StageName"] for row in rows(org, "SELECT StageName FROM Opportunity"))
    text = "SELECT StageName s, COUNT(Id) n FROM Opportunity GROUP BY StageName HAVING COUNT(Id) > {}"
    middle = sorted(sizes.values())[len(sizes) // 2]
    found = {row["s"]: row["n"] for row in rows(org, text.format(middle))}
    assert found == {stage: size for stage, size in sizes.items() if size > middle}
    named = rows(org, text.format("0 AND StageName LIKE 'Closed%' AND MAX(CloseDate) < NEXT_YEAR"))
    assert {row["s"] for row in named} == {"Closed Won", "Closed Lost"}
    assert rows(org, "SELECT COUNT(Id) n FROM Opportunity GROUP BY StageName HAVING SUM(Amount) < 0") == []


@pytest.mark.parametrize(
    "text",
    [
        "SELECT Id FROM Account HAVING COUNT(Id) > 1",
        "SELECT COUNT(Id) FROM Account WHERE COUNT(Id) > 1",
        "SELECT Type FROM Account GROUP BY Type HAVING Name = 'x'",
        "SELECT Id, Name n FROM Account",
        "SELECT CALENDAR_YEAR(CreatedDate) FROM Account",
        "SELECT Id, toLabel(AnnualRevenue) FROM Account",
        "SELECT Id FROM Account WHERE CALENDAR_YEAR(Name) = 2026",
        "SELECT Id, UPPER(Name) FROM Account",
    ],
)
def test_what_the_vendor_refuses(org: Org, text: str) -> None:
    assert refused(org, text) == "MALFORMED_QUERY"


def test_dates_are_grouped_by_their_parts(org: Org) -> None:
    days = [row["CloseDate"] for row in rows(org, "SELECT CloseDate FROM Opportunity")]
    text = "SELECT CALENDAR_YEAR(CloseDate) y, CALENDAR_QUARTER(CloseDate), COUNT(Id) n FROM Opportunity "
    text += "GROUP BY CALENDAR_YEAR(CloseDate), CALENDAR_QUARTER(CloseDate) ORDER BY CALENDAR_YEAR(CloseDate)"
    found = rows(org, text)
    assert [row["y"] for row in found] == sorted(row["y"] for row in found)
    counted = Counter((int(day[:4]), (int(day[5:7]) + 2) // 3) for day in days)
    assert {(row["y"], row["expr0"]): row["n"] for row in found} == counted
    opened = [row["CreatedDate"] for row in rows(org, "SELECT CreatedDate FROM Case")]
    by_day = rows(org, "SELECT DAY_ONLY(CreatedDate) d, COUNT(Id) n FROM Case GROUP BY DAY_ONLY(CreatedDate)")
    assert {row["d"]: row["n"] for row in by_day} == Counter(moment[:10] for moment in opened)


def test_dates_are_filtered_by_their_parts(org: Org) -> None:
    found = rows(org, "SELECT CloseDate FROM Opportunity WHERE CALENDAR_YEAR(CloseDate) = 2026")
    assert found
    assert all(row["CloseDate"].startswith("2026") for row in found)
    sundays = rows(org, "SELECT CloseDate FROM Opportunity WHERE DAY_IN_WEEK(CloseDate) = 1")
    assert all(datetime.fromisoformat(row["CloseDate"]).isoweekday() == 7 for row in sundays)


def test_labels_formats_and_conversions(org: Org) -> None:
    (row,) = rows(org, "SELECT Id, toLabel(Status), toLabel(Priority) p FROM Case WHERE Status = 'Closed' LIMIT 1")
    assert row["Status"] == "Closed"
    assert row["p"]
    text = "SELECT Amount, convertCurrency(Amount) c, FORMAT(Amount) f FROM Opportunity "
    (deal,) = rows(org, text + "WHERE CurrencyIsoCode = 'EUR' AND Amount > 1000 LIMIT 1")
    assert deal["c"] == pytest.approx(deal["Amount"] / 0.9)
    assert deal["f"] == f"{deal['Amount']:,.2f}"
    assert refused(org, "SELECT Amount, convertCurrency(Amount) FROM Opportunity") == "INVALID_FIELD"


def test_clauses_that_change_nothing_are_accepted(org: Org) -> None:
    assert rows(org, "SELECT Id FROM Account USING SCOPE everything LIMIT 1 FOR VIEW")
    assert refused(org, "SELECT Id FROM Account ALL ROWS") == "MALFORMED_QUERY"
    assert rows(org, "SELECT Id FROM Account WHERE CreatedDate < N_WEEKS_AGO:1 LIMIT 1")
