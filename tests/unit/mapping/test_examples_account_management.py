"""The worked examples of the domain specification on account management."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import pytest

from config.frameworks import load_framework_file
from mapping.framework import Framework
from tests.unit.mapping.portfolio import Portfolio

WON = datetime(2025, 3, 3, 10, tzinfo=UTC)


@cache
def f0() -> Framework:
    return load_framework_file("account_management")


def found(portfolio: Portfolio, when: str | datetime) -> dict[str, Any]:
    """Everything that was computed of the account."""
    return portfolio.on(when, f0()).evaluation.row("a")


def live() -> Portfolio:
    return Portfolio().account(go_live_at="2024-01-31")


@pytest.mark.parametrize(
    ("employees", "segment"),
    [(499, "below_majors"), (500, "majors"), (4_500, "majors"), (4_501, "above_majors"), (None, "unknown")],
)
def test_example_10_segments_by_headcount(employees: int | None, segment: str) -> None:
    assert found(Portfolio().account(employees=employees), "2026-01-02")["new_business_segment"] == segment


@pytest.mark.parametrize(
    ("acv", "employees", "expected"),
    [
        ("500000", 2_000, ("elite", "majors", "elite")),
        ("499999.99", 2_000, ("core", "majors", "majors")),
        ("499999.99", None, ("core", "unknown", "other")),
        (None, None, ("unknown", "unknown", "other")),
    ],
)
def test_example_11_elite_comes_before_majors(
    acv: str | None, employees: int | None, expected: tuple[str, ...]
) -> None:
    row = found(Portfolio().account(acv=acv, employees=employees), "2026-01-02")
    assert (row["customer_segment"], row["new_business_segment"], row["segment"]) == expected


@pytest.mark.parametrize(
    ("assigned", "when", "expected"),
    [
        (datetime(2025, 3, 6, 10, 0, 0, tzinfo=UTC), datetime(2025, 3, 10, tzinfo=UTC), "met"),
        (datetime(2025, 3, 6, 10, 0, 1, tzinfo=UTC), datetime(2025, 3, 10, tzinfo=UTC), "breached"),
        (None, datetime(2025, 3, 6, 9, tzinfo=UTC), "pending"),
        (None, datetime(2025, 3, 6, 10, 0, 0, tzinfo=UTC), "pending"),
        (None, datetime(2025, 3, 6, 10, 0, 1, tzinfo=UTC), "breached"),
    ],
)
def test_example_12_assigned_within_72_hours(assigned: datetime | None, when: datetime, expected: str) -> None:
    portfolio = Portfolio().account(csm_assigned_at=assigned)
    portfolio.deal(kind="new", state="won", closed_won_at=WON, close_date="2025-03-03")
    assert found(portfolio, when)["csm_assignment"] == expected


@pytest.mark.parametrize(
    ("zone", "last"),
    [
        ("UTC", datetime(2025, 3, 7, tzinfo=UTC)),
        ("America/New_York", datetime(2025, 3, 7, 5, tzinfo=UTC)),
        ("America/Santiago", datetime(2025, 3, 7, 3, tzinfo=UTC)),
        ("Asia/Tokyo", datetime(2025, 3, 6, 15, tzinfo=UTC)),
    ],
)
def test_the_72_hours_of_a_date_begin_when_the_tenants_day_is_over(zone: str, last: datetime) -> None:
    day = {"closed_won_at": datetime(2025, 3, 3, tzinfo=UTC), "close_date": "2025-03-03"}
    for when, expected in ((last, "pending"), (last + timedelta(seconds=1), "breached")):
        row = Portfolio().account().deal(kind="new", state="won", **day).on(when, f0(), zone).evaluation.row("a")
        assert (row["csm_assignment"], row["only_a_date"]) == (expected, True)


@pytest.mark.parametrize(("zone", "last"), [("Africa/Cairo", 22), ("America/Havana", 5)])
def test_a_day_whose_midnight_a_clock_skips_ends_when_the_clock_goes_on(zone: str, last: int) -> None:
    # In 2023 Cairo began summer time at midnight of 28 April, Havana on 12 March.
    day = "2023-04-27" if zone == "Africa/Cairo" else "2023-03-11"
    row = Portfolio().account().deal(kind="new", state="won", close_date=day).on("2023-06-01", f0(), zone).evaluation
    ended = datetime.fromisoformat(f"{day}T00:00:00+00:00") + timedelta(hours=last if last > 12 else 24 + last)
    assert row.row("a")["closed_won_by"] == ended


@pytest.mark.parametrize(
    ("on", "hypercare", "training", "owner"),
    [
        ("2024-01-30", False, False, "professional_services"),
        ("2024-02-13", True, True, "professional_services"),
        ("2024-02-14", False, True, "customer_care"),
        ("2024-04-29", False, True, "customer_care"),
        ("2024-04-30", False, False, "customer_care"),
    ],
)
def test_example_13_after_go_live(on: str, hypercare: bool, training: bool, owner: str) -> None:
    row = found(live(), on)
    assert (row["hypercare"], row["enablement_active"], row["support_owner"]) == (hypercare, training, owner)


@pytest.mark.parametrize(
    ("on", "aligned", "stage"),
    [
        ("2025-07-31", True, "nurture_growth"),
        ("2025-07-30", True, "value_alignment"),
        ("2025-12-01", False, "value_alignment"),
        ("2026-01-30", False, "value_alignment"),
        ("2026-01-31", False, "nurture_growth"),
    ],
)
def test_example_14_growth_after_18_or_24_months(on: str, aligned: bool, stage: str) -> None:
    portfolio = live()
    if aligned:
        portfolio.reached(value_alignment_exit="2025-06-02")
    assert found(portfolio, on)["lifecycle_stage"] == stage


@pytest.mark.parametrize(
    ("title", "counts"),
    [
        ("EBR", True),
        ("Q1 EBRs", True),
        ("2026_ebr", True),
        ("Strategie: Executive lunch", True),
        ("February status call", False),
        ("Celebration", False),
        ("Zebra, Inc.: introduction", False),
    ],
)
def test_a_title_counts_by_the_beginning_of_a_word(title: str, counts: bool) -> None:
    elite = Portfolio().account(go_live_at="2024-01-31", acv=600_000)
    elite.meeting(starts_at=datetime(2026, 2, 20, 9, tzinfo=UTC), outcome="completed", title=title)
    (review,) = [one for one in elite.on("2026-03-01", f0()).detail()["cadences"] if one["id"] == "executive_review"]
    assert review["last"] == ("2026-02-20" if counts else None)
