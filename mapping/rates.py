"""Exchange rates as a company states them: a reporting currency, and what others are worth in it from a day on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import lru_cache

RATE_DECIMALS = 10
"""Most decimals of a rate."""
HIGHEST_RATE = Decimal(1_000_000)
"""Rates are below this, so that the product of an amount and a rate stays exact."""


@dataclass(frozen=True, slots=True)
class Quote:
    """Units of the reporting currency for one unit of `currency`, from the day `on` until the next quote."""

    currency: str
    on: date
    rate: Decimal


@dataclass(frozen=True, slots=True)
class Rates:
    """The reporting currency (an ISO 4217 code) and the quotes of other ones, in any order."""

    currency: str
    quotes: tuple[Quote, ...] = ()

    def __hash__(self) -> int:
        """Quick, because there can be a hundred thousand quotes."""
        return hash((self.currency, len(self.quotes)))

    def of(self, day: date) -> dict[str, Decimal]:
        """Currency → the last rate on or before a day."""
        known = sorted((one for one in self.quotes if one.on <= day), key=lambda one: one.on)
        return {one.currency: one.rate for one in known}


@lru_cache(maxsize=2)
def first_days(rates: Rates) -> dict[str, date]:
    """Currency → the day of its first rate; made once, as every account asks for it."""
    found: dict[str, date] = {}
    for one in rates.quotes:
        found[one.currency] = min(one.on, found.get(one.currency, one.on))
    return found
