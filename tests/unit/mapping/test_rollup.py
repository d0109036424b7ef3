"""A parent as its children show it: weighted by revenue, the worst band said, unknown never taken for zero."""

from __future__ import annotations

from decimal import Decimal

import pytest

from mapping.rollup import Child, RollUp, roll_up

BANDS = ("green", "yellow", "red")


def child(name: str, score: float | None, band: str | None, arr: str | None) -> Child:
    return Child(name, None, score, band, None if arr is None else Decimal(arr))


def rolled(*children: Child) -> RollUp:
    return roll_up(children, BANDS, 1)


def test_the_mean_is_weighted_by_revenue_and_the_worst_band_is_said() -> None:
    found = rolled(child("b", 80.0, "green", "300"), child("a", 40.0, "red", "100"), child("c", 65.0, "yellow", "0"))
    assert (found.score, found.weighted, found.worst_band) == (Decimal("70.0"), 2, "red")
    assert [one.account_id for one in found.children] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("one", "other", "mean"), [(79.9, 79.9, "79.9"), (79.9, 80.0, "80.0"), (80.1, 80.2, "80.2"), (80.1, 80.1, "80.1")]
)
def test_a_mean_is_rounded_half_up(one: float, other: float, mean: str) -> None:
    assert rolled(child("a", one, "green", "1"), child("b", other, "green", "1")).score == Decimal(mean)


def test_what_is_unknown_has_no_weight_and_no_band() -> None:
    found = rolled(child("a", None, None, "900"), child("b", 50.0, "red", None), child("c", 90.0, "green", "1"))
    assert (found.score, found.weighted, found.worst_band) == (Decimal("90.0"), 1, "red")
    assert rolled(child("a", None, "unknown", "900")) == RollUp((child("a", None, "unknown", "900"),), 0, None, None)
    assert rolled().score is None
