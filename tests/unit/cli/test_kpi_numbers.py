"""Numbers of KPIs as people read them."""

from __future__ import annotations

import pytest

from dashboard.kpis import in_unit


@pytest.mark.parametrize(
    ("unit", "value", "text"),
    [
        ("share", 0.9604, "96.0 %"), ("money", 1_800_000, "1,800,000 EUR"), ("days", 12.5, "12.5 days"),
        ("points", 20, "+20"), ("number", 4.6, "4.6"), ("count", 1000, "1,000"), ("hours", None, "–"),
        # what rounds to nothing has no sign
        ("share", -0.0001, "0.0 %"), ("money", -0.2, "0 EUR"), ("points", -0.3, "+0"), ("number", -0.001, "0"),
    ],
)  # fmt: skip
def test_a_number_in_its_unit(unit: str, value: float | None, text: str) -> None:
    assert in_unit(unit, value, "EUR") == text
