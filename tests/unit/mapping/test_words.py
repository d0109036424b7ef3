"""Conditions and values of a framework in plain words."""

from __future__ import annotations

import polars as pl
import pytest

from mapping.framework.tree import tree
from mapping.framework.words import Words

WORDS = Words(
    {"renewal_status": {"churned": "Churned", "due": "Due"}, "tier": {"a": ""}},
    frozenset({"go_live_at", "signed_on", "today"}),
    {"limit": 84, "large": 200000.5},
)


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("TRUE", "everything else"),
        ("days_since_go_live >= 365", "at least 365 days since go live"),
        ("days_since_go_live >= 0", "go live is on or before today"),
        ("days_since_go_live > limit", "more than 84 days since go live"),
        ("days_until_signed <= 7", "at most 7 days until signed"),
        ("days_since_go_live BETWEEN 0 AND 13", "0 to 13 days since go live"),
        ("employees BETWEEN 500 AND 4500", "employees is 500 to 4500"),
        ("renewal_status = 'churned'", "renewal status is Churned"),
        ("renewal_status <> 'due'", "renewal status is not Due"),
        ("renewal_status IN ('churned', 'due')", "renewal status is Churned or Due"),
        ("renewal_status NOT IN ('churned', 'due')", "renewal status is neither Churned nor Due"),
        ("renewal_status IN ('due')", "renewal status is Due"),
        ("tier = 'a'", "tier is a"),
        ("LOWER(edition) = 'enterprise'", "edition is enterprise"),
        ("state = 'in_work'", "state is in work"),
        ("arr >= large", "arr is at least 200000.5"),
        ("100 < arr", "arr is more than 100"),
        ("arr = acv", "arr is exactly acv"),
        ("signed_on <= today", "signed is on or before today"),
        ("go_live_at + INTERVAL '18 months' <= today", "18 months after go live is on or before today"),
        ("go_live_at > signed_on - INTERVAL '1 year'", "go live is after 12 months before signed"),
        ("signed_on + INTERVAL '72 hours' <= as_of", "72 hours after signed is on or before as of"),
        ("signed_on + INTERVAL '1 hour' <= as_of", "1 hour after signed is on or before as of"),
        ("signed_on + INTERVAL '90 minutes' <= as_of", "90 minutes after signed is on or before as of"),
        ("signed_on + INTERVAL '61 seconds' <= as_of", "61 seconds after signed is on or before as of"),
        ("strategic_flag", "strategic flag holds"),
        ("NOT strategic_flag", "strategic flag does not hold"),
        ("arr IS NULL", "arr is not known"),
        ("arr IS NOT NULL", "arr is known"),
        ("a AND (b OR arr > 1)", "a holds and (b holds or arr is more than 1)"),
        ("NOT (arr > 1)", "arr is at most 1"),
        ("go_live_at >= DATE '2026-01-02'", "go live is on or after 2026-01-02"),
        ("name LIKE 'a%'", None),
        ("a AND name LIKE 'a%'", None),
        ("ABS(employees) BETWEEN 500 AND 4500", None),
        ("NOT (a OR b)", None),
    ],
)
def test_conditions(sql: str, said: str | None) -> None:
    assert WORDS.say(tree(pl.sql_expr(sql))) == said


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("COALESCE(signed_on, go_live_at)", "signed, else go live"),
        ("LEAST(signed_on, go_live_at)", "the earlier of signed or go live"),
        ("GREATEST(arr, acv)", "the larger of arr or acv"),
        ("arr + COALESCE(acv, 0)", "arr + (acv, else 0)"),
        ("arr * 0.5", "arr × 0.5"),
        ("COUNT(*)", None),
        ("CASE WHEN a THEN 1 END", None),
    ],
)
def test_values(sql: str, said: str | None) -> None:
    assert WORDS.value(tree(pl.sql_expr(sql))) == said
