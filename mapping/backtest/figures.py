"""How well a score told leaving customers from staying ones. A low score means risk throughout.

Sources: AUC as the Mann-Whitney statistic (Hanley and McNeil 1982, DOI 10.1148/radiology.143.1.7063747), its interval
as a percentile bootstrap over accounts (Efron and Tibshirani 1993, chapter 13; over accounts, because observations of
one account are no independent ones), calibration error as Naeini et al. 2015 (AAAI 29, ECE with equal-count bins).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from math import ceil
from random import Random

import polars as pl

RESAMPLES = 400
BINS = 10
TOP = 0.1


@dataclass(frozen=True, slots=True)
class Auc:
    """Share of pairs (one that left, one that stayed) in which the one that left had the lower score; 0.5 is chance.

    `low` and `high` bound 95 % of resamples; None when resampling gives no pair often enough to say.
    """

    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class TopShare:
    """Of the `share` lowest scores: how many they are, how many left, how often against all, how much of all."""

    share: float
    n: int
    events: float
    lift: float
    capture: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """`bins` from the lowest score: from, to, n, events, observed and expected share; `error`: their mean distance."""

    bins: list[dict[str, float | int]]
    error: float


def rate(frame: pl.DataFrame) -> float | None:
    """Share of observations with an event, None without any."""
    return float(frame["event"].mean() or 0.0) if frame.height else None  # type: ignore[arg-type]


def auc(frame: pl.DataFrame, resamples: int = RESAMPLES, seed: int = 1) -> Auc | None:
    """AUC of `score` for `event` with its interval; None where nobody left or nobody stayed.

    Wants `account_id`, `score`, `event`. The same rows and seed give the same interval.
    """
    if frame["event"].n_unique() < 2:
        return None
    numbered = frame.select("score", "event", account=pl.col("account_id").rank("dense").cast(pl.Int64) - 1)
    # A score that stood for months is one row: resampling walks through the rows hundreds of times.
    ordered = numbered.group_by("score", "account", "event").len("n").sort("score", "account", "event")
    accounts = numbered["account"].n_unique()
    value = _auc(ordered, ordered["n"].cast(pl.Float64))
    dice, found = Random(seed), []
    for _ in range(resamples):
        drawn = Counter(dice.choices(range(accounts), k=accounts))
        weights = pl.Series([float(drawn[account]) for account in range(accounts)])
        one = _auc(ordered, weights.gather(ordered["account"]) * ordered["n"])
        if one is not None:
            found.append(one)
    if value is None:
        return None
    if not found or len(found) < 0.9 * resamples:
        return Auc(value, None, None)
    found.sort()
    return Auc(value, found[int(0.025 * len(found))], found[ceil(0.975 * len(found)) - 1])


def _auc(ordered: pl.DataFrame, weights: pl.Series) -> float | None:
    groups = (
        ordered.with_columns(weight=weights)
        .group_by("score", maintain_order=True)
        .agg(
            left=pl.col("weight").filter(pl.col("event")).sum(), stayed=pl.col("weight").filter(~pl.col("event")).sum()
        )
    )
    above = pl.col("stayed").sum() - pl.col("stayed").cum_sum()
    pairs, left, stayed = groups.select(
        (pl.col("left") * (above + pl.col("stayed") / 2)).sum(), pl.col("left").sum().alias("l"),
        pl.col("stayed").sum().alias("s"),
    ).row(0)  # fmt: skip
    return float(pairs / (left * stayed)) if left and stayed else None


def top_share(frame: pl.DataFrame, share: float = TOP) -> TopShare | None:
    """Lift and capture of the `share` lowest scores; of scores that tie at the edge the fitting part counts."""
    events = int(frame["event"].sum())
    if not events:
        return None
    wanted = ceil(frame.height * share)
    groups = frame.group_by("score").agg(n=pl.len(), events=pl.col("event").sum()).sort("score")
    left, caught = wanted, 0.0
    for _, number, found in groups.iter_rows():
        taken = min(left, number)
        caught += found * taken / number
        left -= taken
        if not left:
            break
    return TopShare(share, wanted, caught, caught / wanted / (events / frame.height), caught / events)


def calibration(frame: pl.DataFrame, bins: int = BINS) -> Calibration:
    """Observed against `expected` shares, in bins of about the same number of observations; equal scores stay together.

    Wants `score`, `event`, `expected` (a probability).
    """
    place = (pl.col("score").rank("min") - 1) * bins // pl.len()
    told = (
        frame.with_columns(bin=place)
        .group_by("bin")
        .agg(
            pl.col("score").min().alias("from"), pl.col("score").max().alias("to"), pl.len().alias("n"),
            pl.col("event").sum().alias("events"), pl.col("event").mean().alias("observed"),
            pl.col("expected").mean().alias("expected"),
        )
        .sort("bin")
        .drop("bin")
    )  # fmt: skip
    distance = (pl.col("observed") - pl.col("expected")).abs() * pl.col("n")
    return Calibration(told.to_dicts(), float(told.select(distance.sum() / pl.col("n").sum()).item()))
