"""A portfolio that lived some days before it is served: the same days in both CRMs, stamped when they happened."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from sandbox.serve import Portfolio, Running, running
from sandbox.world.ids import hubspot_company_id, hubspot_company_key, salesforce_account_id, salesforce_number
from sandbox.world.life import account_day, next_term

TODAY = datetime.now(UTC).date()
DAYS = 45
USAGE = {"logins_per_user_week_30d", "Logins_Per_User_Week__c"}


@pytest.fixture(scope="module")
def handle() -> Iterator[Running]:
    with running(Portfolio(120, seed=5, today=TODAY, days=DAYS)) as handle:
        yield handle


def journals(handle: Running) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    assert handle.salesforce is not None
    return handle.hubspot.portal.journal.as_json(), handle.salesforce.journal.as_json()


def usage_moves(effects: list[dict[str, Any]], key_of: Any) -> dict[tuple[int, str], float]:
    return {(key_of(e["id"]), e["time"][:19]): float(e["new"]) for e in effects if e["property"] in USAGE and e["new"]}


def test_an_account_in_both_crms_has_the_same_days(handle: Running) -> None:
    hubspot, salesforce = journals(handle)
    ours = usage_moves(hubspot, lambda text: hubspot_company_key(int(text)))
    theirs = usage_moves(salesforce, salesforce_number)
    common = ours.keys() & theirs.keys()
    assert len(common) > 50
    assert all(ours[move] == pytest.approx(theirs[move], abs=0.02) for move in common)


def test_everything_happened_in_its_own_time_and_before_now(handle: Running) -> None:
    first = (TODAY - timedelta(days=DAYS)).isoformat()
    for effects in journals(handle):
        times = [effect["time"][:10] for effect in effects]
        assert times == sorted(times)
        assert (min(times), max(times)) == (first, (TODAY - timedelta(days=1)).isoformat())
    assert abs(handle.hubspot.options.clock() - time.time()) < 5


def test_deals_close_tickets_come_and_go_and_people_edit(handle: Running) -> None:
    hubspot, salesforce = journals(handle)
    seen = {(e["object"], e["action"], e["property"]) for e in (*hubspot, *salesforce)}
    assert {("deals", "set", "dealstage"), ("tickets", "set", "closed_date"), ("companies", "set", "phone"),
            ("companies", "set", "contract_end_date"), ("Opportunity", "set", "StageName"),
            ("Case", "set", "ClosedDate"), ("Contract", "create", "StartDate")} <= seen  # fmt: skip
    assert any(e["action"] == "create" and e["object"] == "tickets" for e in hubspot)
    assert {e["actor"] for e in (*hubspot, *salesforce)} == {"user"}
    deals = handle.hubspot.portal.stores["deals"].live.values()
    overdue = [d for d in deals if d.values.get("closedate", "9") < (TODAY - timedelta(days=2)).isoformat()]
    portal = handle.hubspot.portal
    assert all(portal.value("deals", deal, "hs_is_closed") == "true" for deal in overdue)


def test_search_and_history_know_what_happened(handle: Running) -> None:
    portal = handle.hubspot.portal
    record = next(r for r in portal.stores["companies"].live.values() if len(r.history.get("phone", ())) > 0)
    assert record.history["phone"][-1][0] < handle.hubspot.options.clock() * 1000
    portal.index.catch_up(portal.clock())
    assert portal.index.table("companies").rows[record.id].values["phone"] == record.values["phone"]


def test_the_same_seed_lives_the_same_life(handle: Running) -> None:
    with running(Portfolio(120, seed=5, today=TODAY, days=DAYS)) as again:
        for one, other in zip(journals(handle), journals(again), strict=True):
            assert one == other


def test_a_day_depends_on_nothing_but_seed_day_and_account() -> None:
    day = date(2026, 11, 20)
    assert account_day(1, day, 7) == account_day(1, day, 7)
    assert len({account_day(1, day, key).at for key in range(50)}) > 40
    assert next_term(date(2027, 2, 28)) == (date(2027, 3, 1), date(2028, 2, 29))
    assert next_term(date(2028, 2, 28)) == (date(2028, 2, 29), date(2029, 2, 28))


@pytest.mark.parametrize("key", [1, 61, 62, 3_843, 3_844, 50_000])
def test_ids_lead_back_to_their_account(key: int) -> None:
    assert hubspot_company_key(int(hubspot_company_id(key))) == key
    assert salesforce_number(salesforce_account_id(key)) == key
