"""Logistic regression whose weights may be held at zero or above.

Penalised maximum likelihood by Newton steps (iteratively reweighted least squares, Hastie, Tibshirani and Friedman
2009, section 4.4.1); each step's quadratic is minimised by coordinate descent with the bound, as in Friedman, Hastie
and Tibshirani 2010 (DOI 10.18637/jss.v033.i01). Sums over observations are Polars', the rest is a dozen numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

import polars as pl

ONE, EVENT = "·one", "·event"
_STEPS, _SWEEPS, _HALVINGS = 100, 10_000, 40
_CLOSE = 1e-9


@dataclass(frozen=True, slots=True)
class Fit:
    """`log(p / (1 - p)) = intercept + Σ weight · feature`; `weights` by feature."""

    intercept: float
    weights: dict[str, float]

    def probability(self) -> pl.Expr:
        """The fitted probability, over a frame with the features."""
        return 1 / (1 + (-_linear([ONE, *self.weights], [self.intercept, *self.weights.values()])).exp())


def logistic(
    frame: pl.DataFrame, features: Sequence[str], *, nonnegative: bool = False, ridge: float = 1.0
) -> Fit:  # fmt: skip
    """Fit `event` (boolean) on numeric `features` without nulls; `ridge` shrinks the weights, never the intercept.

    With `nonnegative` every weight is at least zero. Raises `ValueError` when all events are the same.
    """
    if frame["event"].n_unique() < 2:
        raise ValueError("a fit needs observations with and without the event")
    names = [ONE, *features]
    data = frame.select(*features, **{EVENT: pl.col("event").cast(pl.Float64)})
    floors = [-inf, *([0.0 if nonnegative else -inf] * len(features))]
    shrink = [0.0, *([ridge] * len(features))]
    weights = [0.0] * len(names)
    loss = _loss(data, names, weights, shrink)
    for _ in range(_STEPS):
        gradient, curvature = _derivatives(data, names, weights, shrink)
        aim = _minimum(weights, gradient, curvature, floors)
        step = [new - old for new, old in zip(aim, weights, strict=True)]
        for halving in range(_HALVINGS):
            tried = [old + move * 0.5**halving for old, move in zip(weights, step, strict=True)]
            reached = _loss(data, names, tried, shrink)
            if reached <= loss:
                break
        else:
            break
        weights, loss = tried, reached
        if max(abs(move) for move in step) < _CLOSE:
            break
    return Fit(weights[0], dict(zip(features, weights[1:], strict=True)))


def _value(name: str) -> pl.Expr:
    return pl.lit(1.0) if name == ONE else pl.col(name)


def _linear(names: Sequence[str], weights: Sequence[float]) -> pl.Expr:
    total = pl.lit(0.0)
    for name, weight in zip(names, weights, strict=True):
        total = total + _value(name) * weight
    return total


def _loss(data: pl.DataFrame, names: Sequence[str], weights: Sequence[float], shrink: Sequence[float]) -> float:
    eta = pl.col("·eta")
    one = eta.clip(lower_bound=0.0) + (-eta.abs()).exp().log1p() - pl.col(EVENT) * eta
    misfit = data.with_columns(_linear(names, weights).alias("·eta")).select(one.sum()).item()
    return float(misfit) + sum(pull * weight * weight / 2 for pull, weight in zip(shrink, weights, strict=True))


def _derivatives(
    data: pl.DataFrame, names: Sequence[str], weights: Sequence[float], shrink: Sequence[float]
) -> tuple[list[float], list[list[float]]]:
    """Gradient and curvature of the loss."""
    size = range(len(names))
    p, spread = pl.col("·p"), pl.col("·p") * (1 - pl.col("·p"))
    sums = [(_value(names[i]) * (p - pl.col(EVENT))).sum().alias(f"g{i}") for i in size]
    sums += [
        (_value(names[i]) * _value(names[j]) * spread).sum().alias(f"h{i},{j}") for i in size for j in range(i + 1)
    ]
    probable = 1 / (1 + (-_linear(names, weights)).exp())
    found = data.with_columns(probable.alias("·p")).select(sums).row(0, named=True)
    gradient = [found[f"g{i}"] + shrink[i] * weights[i] for i in size]
    curvature = [[found[f"h{max(i, j)},{min(i, j)}"] + (shrink[i] if i == j else 0.0) for j in size] for i in size]
    return gradient, curvature


def _minimum(
    weights: Sequence[float], gradient: Sequence[float], curvature: Sequence[Sequence[float]], floors: Sequence[float]
) -> list[float]:
    """The lowest point of the quadratic around `weights` that is not below `floors`."""
    aim, slope = list(weights), list(gradient)
    for _ in range(_SWEEPS):
        largest = 0.0
        for i, row in enumerate(curvature):
            if row[i] <= 0:
                continue
            new = max(floors[i], aim[i] - slope[i] / row[i])
            move = new - aim[i]
            if move:
                aim[i] = new
                slope = [value + row[j] * move for j, value in enumerate(slope)]
                largest = max(largest, abs(move))
        if largest < _CLOSE / 10:
            break
    return aim
