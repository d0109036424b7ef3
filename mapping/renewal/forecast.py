"""What the terms that come up for renewal are likely to bring: revenue times a probability, by renewal status.

The defaults are a bootstrap; each decided term of the company's own past moves them (`learned`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from types import MappingProxyType

import polars as pl

from mapping.money import micro

DEFAULTS: Mapping[str, Fraction] = MappingProxyType(
    {
        "on_track": Fraction(90, 100),
        "not_due": Fraction(90, 100),
        "due": Fraction(85, 100),
        "projected_downsell": Fraction(90, 100),
        "at_risk": Fraction(50, 100),
        "overdue": Fraction(50, 100),
        "projected_churn": Fraction(10, 100),
    }
)
"""Probability that a term of this status is renewed; of a projected downsell only what is offered is expected."""
PRIOR = 20
"""A default counts as much as so many decided terms: the mean of a beta distribution with that many observations."""
_PARTS = 1_000_000
"""Probabilities are multiplied in millionths, so that sums are exact."""


@dataclass(frozen=True, slots=True)
class Odds:
    """How likely terms of a status are renewed: `kept` of `n` decided ones of the past were."""

    status: str
    default: Fraction
    n: int = 0
    kept: int = 0

    @property
    def probability(self) -> Fraction:
        """(kept + 20 · default) ÷ (n + 20): the default without a past, what happened with a long one."""
        return (self.kept + PRIOR * self.default) / (self.n + PRIOR)


def open_terms(terms: pl.DataFrame) -> pl.DataFrame:
    """The judged terms that are still to be decided: an account's own, not replaced, and not left."""
    undecided = pl.col("status").is_in(list(DEFAULTS)) & pl.col("current") & ~pl.col("gone")
    return terms.filter(undecided)


def learned(decided: pl.DataFrame) -> dict[str, Odds]:
    """Odds by status, out of `status` (as it was at the time) and `renewed` of terms that are decided by now."""
    counts = decided.group_by("status").agg(n=pl.len(), kept=pl.col("renewed").sum())
    found = {status: (n, kept) for status, n, kept in counts.select("status", "n", "kept").iter_rows()}
    return {status: Odds(status, default, *found.get(status, (0, 0))) for status, default in DEFAULTS.items()}


def with_expected(terms: pl.DataFrame, odds: Mapping[str, Odds]) -> pl.DataFrame:
    """`terms` with `chance` in millionths and `expected`, in the unit of `value`: the part that is likely to stay.

    A renewal that is smaller than its term keeps at most `ratio` of it.
    """
    chances = {status: int(one.probability * _PARTS) for status, one in odds.items()}
    kept = pl.when(pl.col("status") == "projected_downsell").then(pl.col("ratio").fill_null(1.0)).otherwise(1.0)
    rows = terms.with_columns(
        chance=pl.col("status").replace_strict(list(chances), list(chances.values()), return_dtype=pl.Int64),
        stays=(kept.clip(0, 1) * _PARTS).round().cast(pl.Int64),
    )
    worth = pl.col("value").cast(pl.Int128) * pl.col("chance") // _PARTS * pl.col("stays") // _PARTS
    return rows.with_columns(expected=worth).drop("stays")


def decided_since(then: pl.DataFrame, now: pl.DataFrame, within: int) -> pl.DataFrame:
    """Terms that had at most `within` days left `then` and are renewed or churned `now`: status then, and `renewed`."""
    key = ["account_id", "connection", "term_id"]
    near = open_terms(then).filter(pl.col("days").is_between(0, within)).select(*key, "status", "end")
    outcome = now.select(*key, "end", outcome="status").filter(pl.col("outcome").is_in(["renewed", "churned"]))
    found = near.join(outcome, on=[*key, "end"], how="inner", nulls_equal=True, maintain_order="left")
    return found.select("status", renewed=pl.col("outcome") == "renewed")


def in_millionths(terms: pl.DataFrame) -> pl.DataFrame:
    """`terms` with `value`: what a year of it pays, in millionths."""
    return terms.with_columns(value=micro(pl.col("arr")))
