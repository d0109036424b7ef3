"""Suggestions for a person to decide: which accounts to treat as strategic."""

from __future__ import annotations

import math
from fractions import Fraction

import polars as pl

STRATEGIC_SHARE = Fraction(1, 5)


def strategic_candidates(accounts: pl.DataFrame, share: Fraction = STRATEGIC_SHARE) -> list[str]:
    """Ids of the top ⌈share · N⌉ of N active accounts by ARR, largest first, ties by id; accounts without ARR last.

    `accounts` has one row an active account, with `account_id` and `arr`. The segment itself stays a manual mark:
    a rule by rank would make one account's segment depend on the others.
    """
    count = math.ceil(share * accounts.height)
    ranked = accounts.sort("arr", "account_id", descending=[True, False], nulls_last=True)
    return ranked.head(count)["account_id"].to_list()
