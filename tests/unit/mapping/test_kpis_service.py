"""KPIs of what happened in a period: answers, tickets, go-lives, assignments; worked examples 28, 29, 32, 38, 39."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

import polars as pl
import pytest

from mapping.accounts import assign_children, default_precedence
from mapping.kpis.slice import ALERTS
from mapping.kpis.tally import Outcome
from tests.unit.mapping.kpi_kit import kpi
from tests.unit.mapping.portfolio import Portfolio, noon

NPS: dict[str, Any] = {"type": "nps", "scale_min": 0.0, "scale_max": 10.0, "answered_at": "2025-06-01"}
CSAT: dict[str, Any] = {"type": "csat", "scale_min": 1.0, "scale_max": 5.0, "answered_at": "2025-12-01"}


def answered(kind: dict[str, Any], *scores: float, **others: Any) -> Portfolio:
    portfolio = Portfolio().account("A")
    for number, score in enumerate(scores):
        portfolio.survey("A", score=float(score), contact_ref=f"c{number}", **{**kind, **others})
    return portfolio


def test_example_28() -> None:
    found = kpi(answered(NPS, 10, 9, 9, 8, 7, 6, 3, 10, 9, 5), "nps", target="> 20")
    assert (found.value, found.top, found.bottom, found.n) == (20, 2, 10, 10)
    assert found.status == "missed"  # an exact hit on a strict target
    assert kpi(answered(NPS, 10, 9, 9, 8, 7, 6, 3, 10, 9, 5), "nps", target=">= 20").status == "met"


def test_example_29() -> None:
    good = answered(CSAT, 5, 5, 4, 4, 5)
    assert kpi(good, "csat", target=">= 4.6").status == kpi(good, "csat", target="> 4.5").status == "met"
    exactly = kpi(answered(CSAT, 5, 4), "csat", target="> 4.5")
    assert (exactly.value, exactly.status) == (Fraction("4.5"), "missed")


def test_csat_is_rescaled_and_without_a_scale_unknown() -> None:
    portfolio = answered(CSAT, 100, 75, scale_min=0.0, scale_max=100.0).survey(
        "A", **{**CSAT, "scale_max": None}, score=1.0
    )
    found = kpi(portfolio, "csat")
    assert (found.value, found.n, found.excluded) == (Fraction("4.5"), 2, 1)


@pytest.mark.parametrize(("day", "n"), [("2025-09-30", 0), ("2025-10-01", 1), ("2025-12-31", 1), ("2026-01-01", 0)])
def test_csat_is_of_the_quarter(day: str, n: int) -> None:
    assert kpi(answered(CSAT, 5, answered_at=day), "csat").n == n


@pytest.mark.parametrize(("score", "value"), [(9, 100), (8.9, 0), (6.1, 0), (6, -100), (0, -100)])
def test_promoters_and_detractors(score: float, value: int) -> None:
    assert kpi(answered(NPS, score), "nps").value == value


def test_only_the_latest_answer_of_a_person_counts() -> None:
    portfolio = Portfolio().account("A").account("B")
    for account, contact, day, score in (
        ("A", "anna", "2025-06-01", 10.0), ("A", "anna", "2025-03-01", 0.0), ("B", "anna", "2025-01-01", 10.0),
        ("A", None, "2025-01-01", 7.0), ("A", None, "2025-01-02", 8.0),
    ):  # fmt: skip
        portfolio.survey(account, score=score, contact_ref=contact, **{**NPS, "answered_at": day})
    found = kpi(portfolio, "nps")
    assert (found.top, found.n) == (2, 4)


def of_nobody(portfolio: Portfolio) -> pl.DataFrame:
    """The answers of a portfolio as those of people whose company is no account."""
    return portfolio.frames().surveys.with_columns(account_id=pl.lit(None, dtype=pl.String))


def test_the_answer_of_somebody_whose_company_is_no_account_is_left_out_and_counted() -> None:
    strays = of_nobody(answered(NPS, 0, 0).survey("A", score=0.0, contact_ref="c0", **NPS))
    found = kpi(answered(NPS, 10, 9, 8, 8), "nps", strays=strays)
    assert (found.value, found.top, found.n, found.excluded) == (50, 2, 4, 2), "one of two people answered twice"
    late = of_nobody(answered({**NPS, "answered_at": "2024-12-31"}, 0))
    assert kpi(answered(NPS, 10), "nps", strays=late).excluded == 0, "before the period"
    found = kpi(answered(CSAT, 5, 4), "csat", strays=of_nobody(answered(CSAT, 1)))
    assert (found.value, found.n, found.excluded) == (Fraction("4.5"), 2, 1)
    only = kpi(Portfolio().account("A"), "nps", strays=strays)
    assert (only.value, only.n, only.excluded) == (None, 0, 2)
    assert only.reason is not None
    assert only.reason.endswith("(2 left out: not known)")


def test_where_an_entry_is_narrowed_to_some_accounts_nobodys_answers_do_not_belong_there() -> None:
    found = kpi(answered(NPS, 10), "nps", strays=of_nobody(answered(NPS, 0)), where="account_id = 'A'")
    assert (found.value, found.excluded) == (100, 0)


def closed_after(*hours: float, opened: str = "2025-06-01") -> Portfolio:
    portfolio = Portfolio().account("A")
    for one in hours:
        portfolio.ticket("A", created_at=noon(opened), closed_at=noon(opened) + timedelta(hours=one))
    return portfolio


def test_example_38() -> None:
    found = kpi(closed_after(2, 5, 20, 26, 70), "support_resolution_h", target="< 24")
    assert (found.value, found.status, found.n) == (20, "met", 5)
    assert found.also == {"within_24h": Fraction(3, 5), "mean": Fraction("24.6"), "p90": 70}


def test_the_median_of_an_even_number_and_an_exact_hit() -> None:
    assert kpi(closed_after(20, 28), "support_resolution_h", target="< 24").status == "missed"
    assert kpi(closed_after(20, 27), "support_resolution_h").value == Fraction("23.5")
    assert kpi(closed_after(24), "support_resolution_h").also["within_24h"] == 0


def test_p90_is_the_smallest_that_nine_in_ten_do_not_exceed() -> None:
    assert kpi(closed_after(*range(1, 11)), "support_resolution_h").also["p90"] == 9
    assert kpi(closed_after(*range(1, 12)), "support_resolution_h").also["p90"] == 10


def test_tickets_that_are_open_or_closed_earlier_do_not_count_nor_those_closed_before_they_began() -> None:
    portfolio = closed_after(2, opened="2024-12-30").ticket("A", created_at=noon("2025-06-01"))
    assert kpi(portfolio, "support_resolution_h").reason == "no ticket was closed in the period"
    assert kpi(closed_after(-1), "support_resolution_h").excluded == 1


def test_escalations_go_by_level_by_category_or_by_the_crms_mark() -> None:
    portfolio = Portfolio().account("A")
    for fields in (
        {"escalation_level": 2}, {"category": "Architecture"}, {"is_escalated": True}, {}, {"escalation_level": 1},
        {"escalation_level": 1, "category": "architecture"},
    ):  # fmt: skip
        portfolio.ticket("A", created_at=noon("2025-06-01"), **fields)
    found = kpi(portfolio, "escalation_rate")
    assert (found.top, found.bottom) == (3, 6)


@pytest.mark.parametrize(
    ("first", "days", "status"), [("2025-06-30", 29, "met"), ("2025-07-01", 30, "missed"), ("2025-05-27", 0, "met")]
)
def test_example_39(first: str, days: int, status: str) -> None:
    portfolio = Portfolio().account("A", go_live_at="2025-06-01", first_value_at=first)
    found = kpi(portfolio, "ttfv_days", target="< 30")
    assert (found.value, found.status) == (days, status)


def test_time_to_first_value_can_start_elsewhere_and_without_a_start_is_unknown() -> None:
    portfolio = Portfolio().account("A", contract_start_at="2025-06-01", first_value_at="2025-06-11")
    assert kpi(portfolio, "ttfv_days").excluded == 1
    assert kpi(portfolio, "ttfv_days", anchor="contract_start_at").value == 10


@pytest.mark.parametrize(
    ("fields", "top", "bottom"),
    [
        ({"planned_go_live_at": "2025-06-01"}, 1, 1),
        ({"planned_go_live_at": "2025-05-31"}, 0, 1),
        ({"contract_signed_at": "2025-03-09"}, 1, 1),  # 84 days
        ({"contract_signed_at": "2025-03-08"}, 0, 1),
        ({}, 0, 0),
    ],
)
def test_go_lives_are_on_time_by_their_plan_or_twelve_weeks_after_the_signature(
    fields: dict[str, Any], top: int, bottom: int
) -> None:
    found = kpi(Portfolio().account("A", go_live_at="2025-06-01", **fields), "on_time_delivery")
    assert (found.top, found.bottom, found.excluded) == (top, bottom, 1 - bottom)


@pytest.mark.parametrize(("cost", "top", "bottom"), [(100, 1, 1), ("100.01", 0, 1), (None, 0, 0)])
def test_go_lives_within_budget(cost: object, top: int, bottom: int) -> None:
    fields = {"go_live_at": "2025-06-01", "delivery_budget": 100, "delivery_cost": cost}
    found = kpi(Portfolio().account("A", **fields), "on_budget")
    assert (found.top, found.bottom) == (top, bottom)


@pytest.mark.parametrize(
    ("live", "roi", "goals", "value"),
    [
        ("2024-12-31", 1.0, 4.0, 1),
        ("2024-12-31", 0.99, 4.0, 0),
        ("2024-12-31", 1.0, 3.0, 0),
        ("2024-12-31", None, 4.0, 1),
        ("2023-12-31", 1.0, 4.0, None),  # its first year ended before the period
        ("2025-01-01", 1.0, 4.0, None),
    ],
)
def test_value_within_a_year_wants_every_metric_that_is_known(
    live: str, roi: float | None, goals: float, value: int | None
) -> None:
    fields = {"go_live_at": live, "roi_realised": roi, "roi_target": 1.0, "goals_achieved": goals, "goals_agreed": 4.0}
    assert kpi(Portfolio().account("A", **fields), "value_realization_12m").value == value


@pytest.mark.parametrize(
    ("assigned", "top", "bottom"),
    [
        (datetime(2025, 12, 28, 10, tzinfo=UTC), 1, 1),
        (datetime(2025, 12, 28, 10, 0, 1, tzinfo=UTC), 0, 1),
        (None, 0, 1),
    ],
)
def test_somebody_is_assigned_within_72_hours(assigned: datetime | None, top: int, bottom: int) -> None:
    portfolio = Portfolio().account("A", csm_assigned_at=assigned)
    portfolio.deal("A", kind="new", state="won", closed_won_at=datetime(2025, 12, 25, 10, tzinfo=UTC))
    found = kpi(portfolio, "owner_assigned_72h")
    assert (found.top, found.bottom) == (top, bottom)


@pytest.mark.parametrize(
    ("won", "bottom"), [(datetime(2025, 12, 27, tzinfo=UTC), 1), (datetime(2025, 12, 28, tzinfo=UTC), 0)]
)
def test_where_only_the_day_is_known_the_clock_starts_at_its_end(won: datetime, bottom: int) -> None:
    portfolio = Portfolio().account("A").deal("A", kind="new", state="won", closed_won_at=won)
    assert kpi(portfolio, "owner_assigned_72h").bottom == bottom


@pytest.mark.parametrize(
    ("zone", "until"),
    [
        ("UTC", datetime(2025, 12, 27, tzinfo=UTC)),
        ("America/New_York", datetime(2025, 12, 27, 5, tzinfo=UTC)),
        ("Asia/Tokyo", datetime(2025, 12, 26, 15, tzinfo=UTC)),
    ],
)
@pytest.mark.parametrize("close", [{"closed_won_at": datetime(2025, 12, 23, tzinfo=UTC)}, {"close_date": "2025-12-23"}])
def test_that_day_ends_at_midnight_of_the_tenant(zone: str, until: datetime, close: dict[str, Any]) -> None:
    for assigned, top in ((until, 1), (until + timedelta(seconds=1), 0)):
        portfolio = Portfolio().account("A", csm_assigned_at=assigned).deal("A", kind="new", state="won", **close)
        found = kpi(portfolio, "owner_assigned_72h", zone=zone)
        assert (found.top, found.bottom) == (top, 1)


RAISED = datetime(2025, 5, 1, 9, tzinfo=UTC)


def asked(
    on: str, *, answered: timedelta | None = None, resolved: timedelta | None = None, sla: int | None = 48
) -> Outcome:
    """The KPI with one alert, raised at `RAISED`, answered and resolved so long after."""
    then = [None if after is None else RAISED + after for after in (answered, resolved)]
    alerts = pl.DataFrame([("A", RAISED, *then, sla)], schema=ALERTS, orient="row")
    return kpi(Portfolio().account("A"), "alert_response_48h", on, alerts=alerts, target=">= 1")


@pytest.mark.parametrize(
    ("after", "status"),
    [(timedelta(hours=48, seconds=-1), "met"), (timedelta(hours=48), "missed"), (timedelta(seconds=1), "met"),
     (None, "missed")],
)  # fmt: skip
def test_example_32(after: timedelta | None, status: str) -> None:
    found = asked("2025-06-01", answered=after)
    assert (found.top, found.bottom, found.status) == (int(status == "met"), 1, status)


def test_an_alert_counts_once_its_48_hours_are_over_and_somebody_had_to_answer() -> None:
    assert asked("2025-05-02").n == 0
    assert asked("2025-05-03").n == 1
    assert asked("2025-05-03", answered=timedelta(hours=49)).top == 0
    assert asked("2025-06-01", resolved=timedelta(hours=47)).n == 0
    assert asked("2025-06-01", resolved=timedelta(hours=47), answered=timedelta(hours=1)).top == 1
    assert asked("2025-06-01", resolved=timedelta(hours=48)).bottom == 1
    assert asked("2026-05-02").n == 0
    nobody = asked("2025-06-01", sla=None)
    assert nobody.reason == "no alert that has to be answered was raised in the period"


def test_a_person_who_answered_in_both_crms_counts_once() -> None:
    both = [("hubspot", "1", "h", "c1"), ("salesforce", "A", "s", "x9")]
    columns = {"connection": pl.String(), "crm_id": pl.String(), "account_id": pl.String()}
    links = pl.DataFrame([(name, record, "A") for name, record, _, _ in both], schema=columns, orient="row")
    portfolio = Portfolio().account("A")
    for name, record, number, person in both:
        kept = {"connection": name, "id": number, "account_ref": record, "contact_ref": person}
        portfolio.survey("A", score=10.0, **{**NPS, **kept})
    chosen = assign_children(
        portfolio.frames().surveys, links, "survey", default_precedence({name: name for name, *_ in both})
    )
    portfolio.rows["survey"] = [row for row in portfolio.rows["survey"] if row["id"] in chosen.get_column("id")]
    assert kpi(portfolio, "nps").n == 1
