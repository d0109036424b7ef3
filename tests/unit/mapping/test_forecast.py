"""How likely a renewal is: a default that the company's own past moves."""

from __future__ import annotations

from fractions import Fraction

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from mapping.renewal.forecast import DEFAULTS, Odds, decided_since, learned, with_expected

TERMS = {"account_id": pl.String(), "connection": pl.String(), "term_id": pl.String(), "end": pl.Int64(),
         "days": pl.Int64(), "status": pl.String(), "current": pl.Boolean(), "gone": pl.Boolean()}  # fmt: skip


def test_without_a_past_the_default_counts() -> None:
    odds = learned(pl.DataFrame(schema={"status": pl.String(), "renewed": pl.Boolean()}))
    assert {name: one.probability for name, one in odds.items()} == dict(DEFAULTS)


def test_twenty_decided_terms_count_as_much_as_the_default() -> None:
    assert Odds("at_risk", Fraction(1, 2), 20, 20).probability == Fraction(3, 4)
    assert Odds("at_risk", Fraction(1, 2), 20, 0).probability == Fraction(1, 4)


@given(st.fractions(0, 1), st.integers(0, 10_000), st.data())
def test_a_probability_lies_between_the_default_and_what_happened(
    default: Fraction, n: int, data: st.DataObject
) -> None:
    kept = data.draw(st.integers(0, n))
    found = Odds("x", default, n, kept).probability
    share = Fraction(kept, n) if n else default
    assert min(default, share) <= found <= max(default, share)


def test_a_downsell_keeps_only_what_is_offered() -> None:
    rows = pl.DataFrame(
        {"status": ["projected_downsell", "projected_downsell", "on_track"], "ratio": [0.8, None, 0.5],
         "value": [1_000, 1_000, 1_000]}
    )  # fmt: skip
    odds = {name: Odds(name, default) for name, default in DEFAULTS.items()}
    assert with_expected(rows, odds).get_column("expected").to_list() == [720, 900, 900]


def terms(*rows: tuple[str, int, str]) -> pl.DataFrame:
    """Account, days left, status."""
    made = [(account, "c", "1", 100, days, status, True, False) for account, days, status in rows]
    return pl.DataFrame(made, schema=TERMS, orient="row")


def test_what_counts_is_the_status_at_the_time_and_what_came_of_it() -> None:
    then = terms(("a", 10, "due"), ("b", 88, "due"), ("c", 89, "due"), ("d", 10, "due"), ("e", 10, "renewed"))
    now = terms(("a", 0, "renewed"), ("b", 0, "churned"), ("c", 0, "renewed"), ("d", 0, "overdue"), ("e", 0, "renewed"))
    found = decided_since(then, now, 88)
    assert sorted(found.iter_rows()) == [("due", False), ("due", True)]
    assert (learned(found)["due"].n, learned(found)["due"].kept) == (2, 1)
