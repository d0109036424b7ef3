"""A parent company as its children show it: told, never written, because each account is scored on its own data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal


@dataclass(frozen=True, slots=True)
class Child:
    """A child account as it was evaluated; `arr` is its revenue in force, in one currency with its siblings."""

    account_id: str
    name: str | None
    score: float | None
    band: str | None
    arr: Decimal | None


@dataclass(frozen=True, slots=True)
class RollUp:
    """`score` is the mean of the scores weighted by revenue, None without any; `weighted` says over how many children.

    `worst_band` is the worst band that a child with a score has.
    """

    children: tuple[Child, ...]
    weighted: int
    score: Decimal | None
    worst_band: str | None


def roll_up(children: Sequence[Child], bands: Sequence[str], decimals: int) -> RollUp:
    """Roll children up; `bands` are the framework's from best to worst, `decimals` those of its score.

    A child without a score, or without a known revenue above zero, has no weight: unknown is not zero.
    """
    ordered = tuple(sorted(children, key=lambda child: child.account_id))
    counting = [
        (Decimal(repr(one.score)), one.arr)
        for one in ordered
        if one.score is not None and one.arr is not None and one.arr > 0
    ]
    total = sum((arr for _, arr in counting), Decimal(0))
    mean = sum((score * arr for score, arr in counting), Decimal(0)) / total if total else None
    rounded = None if mean is None else mean.quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP)
    places = [bands.index(one.band) for one in ordered if one.band in bands]
    return RollUp(ordered, len(counting), rounded, bands[max(places)] if places else None)
