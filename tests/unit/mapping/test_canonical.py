"""Canonical values: what a CRM says and what we computed become the same text when they are the same value."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from mapping.canonical import canonical, display
from mapping.records import FieldSpec, ValueType

NUMBER = FieldSpec("health_score", ValueType.NUMBER, "Health score", "x", decimals=1)
DAY = FieldSpec("stage_entered_on", ValueType.DATE, "Since", "x")
MOMENT = FieldSpec("scored_at", ValueType.DATETIME, "At", "x")
TEXT = FieldSpec("health_reasons", ValueType.TEXT, "Reasons", "x")
BAND = FieldSpec("health_band", ValueType.ENUM, "Health", "x", options=(("green", "Green"),))

TWINS = FieldSpec("segment", ValueType.ENUM, "Segment", "x", options=(("A", "A"), ("a", "a")))
MIXED = FieldSpec("segment", ValueType.ENUM, "Segment", "x", options=(("ärger", "Ä"), ("b", "b"), ("B", "B")))


@pytest.mark.parametrize(
    ("spec", "raw", "expected"),
    [
        (NUMBER, "85", "85"),
        (NUMBER, 85.0, "85"),
        (NUMBER, "85.0", "85"),
        (NUMBER, Decimal("85.000"), "85"),
        (NUMBER, 79.3, "79.3"),
        (NUMBER, "1e2", "100"),
        (NUMBER, "-0.0", "0"),
        (NUMBER, "", None),
        (NUMBER, None, None),
        (NUMBER, "79.34", "79.34"),
        (NUMBER, "a lot", "a lot"),
        (NUMBER, "NaN", "NaN"),
        (DAY, "2025-03-28", "2025-03-28"),
        (DAY, date(2025, 3, 28), "2025-03-28"),
        (DAY, "1743120000000", "2025-03-28"),
        (DAY, "2025-03-28T00:00:00.000Z", "2025-03-28"),
        (DAY, "soon", "soon"),
        (MOMENT, datetime(2025, 3, 28, 10, 0, 0, 999, UTC), "2025-03-28T10:00:00Z"),
        (MOMENT, "2025-03-28T11:00:00.000+0100", "2025-03-28T10:00:00Z"),
        (MOMENT, "1743156000000", "2025-03-28T10:00:00Z"),
        (TEXT, "  two words ", "two words"),
        (TEXT, " ", None),
        (TEXT, 5, "5"),
        (BAND, "green ", "green"),
        (BAND, "Green", "green"),
        (BAND, "GREEN", "green"),
        (BAND, "mauve", "mauve"),
        (BAND, "", None),
        (TWINS, "A", "A"),
        (TWINS, "a", "a"),
        (MIXED, "ÄRGER", "ärger"),
        (MIXED, "B", "B"),
        (TEXT, "Green", "Green"),
    ],
)
def test_canonical(spec: FieldSpec, raw: Any, expected: str | None) -> None:
    assert canonical(spec, raw) == expected


def test_display() -> None:
    assert display(BAND, "green") == "Green"
    assert display(BAND, "mauve") == "mauve"
    assert display(NUMBER, None) == "(empty)"
