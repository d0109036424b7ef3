"""How much an owner or a sponsor carries against the norm of a role: accounts, and what they pay a year."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import polars as pl

from mapping.framework.spec import Bounds, Carrier, Role
from mapping.kpis.revenue import revenue_on
from mapping.kpis.slice import SCALE, Slice

Level = Literal["under", "within", "over", "unknown"]
WHO: Mapping[Carrier, tuple[str, ...]] = {"owner": ("csm_ref", "owner_ref"), "sponsor": ("sponsor_ref",)}
"""The fields of an account that say who carries it, the first that has a value."""

_FIRST: tuple[Level, ...] = ("over", "under", "unknown", "within")


@dataclass(frozen=True, slots=True)
class Load:
    """Active accounts of one segment: how many, their known revenue in the scale of `SCALE`, how many without it."""

    accounts: int = 0
    arr: int = 0
    unknown: int = 0

    def __add__(self, other: Load) -> Load:
        return Load(self.accounts + other.accounts, self.arr + other.arr, self.unknown + other.unknown)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one person carries in a role: `status` is that of the two that comes first of over, under, unknown, within.

    `arr` is unknown where the revenue of accounts that nobody knows could make it something else, and None where the
    role has no norm of it.
    """

    role: Role
    load: Load
    accounts: Level
    arr: Level | None
    status: Level


def loads(part: Slice, by: Carrier = "owner") -> dict[tuple[str | None, str | None], Load]:
    """What each person carries of each segment: (who the accounts name, None for nobody; segment) → load."""
    active = part.table.filter("active").select("account_id", "segment", who=pl.coalesce(WHO[by]))
    rows = active.join(revenue_on(part, part.at.date), on="account_id", how="left", maintain_order="left")
    found = rows.group_by("who", "segment", maintain_order=True).agg(
        accounts=pl.len(), arr=pl.col("arr").sum(), unknown=pl.col("arr").is_null().sum()
    )
    return {(who, segment): Load(*sums) for segment, who, *sums in
            found.select("segment", "who", "accounts", "arr", "unknown").iter_rows()}  # fmt: skip


def counted(role: Role, carried: Mapping[str | None, Load]) -> Load:
    """The part of what somebody carries that a role is about."""
    return sum(carried.values(), Load()) if role.segment is None else carried.get(role.segment, Load())


def role_of(roles: Sequence[Role], known_as: frozenset[str], carried: Mapping[str | None, Load]) -> Role | None:
    """The role that names this person; else, of those that name nobody, that of most accounts.

    `known_as` are the person's ids, names and e-mail addresses in lower case.
    """
    named = [role for role in roles if role.owners is not None and known_as & {one.lower() for one in role.owners}]
    if named:
        return named[0]
    open_to_all = [role for role in roles if role.owners is None and counted(role, carried).accounts]
    weight = {role.id: counted(role, carried) for role in open_to_all}
    return max(open_to_all, key=lambda role: (weight[role.id].accounts, weight[role.id].arr), default=None)


def judge(role: Role, load: Load) -> Verdict:
    """Compare what the role has norms of with their bounds, which are themselves within."""
    accounts = level(Fraction(load.accounts), role.accounts)
    arr = None if role.arr is None else _revenue(role.arr, load)
    return Verdict(role, load, accounts, arr, next(one for one in _FIRST if one in (accounts, arr)))


def _revenue(norm: Bounds, load: Load) -> Level:
    found = level(Fraction(load.arr, SCALE), norm)
    # More can only be added: what is too much already stays that, and what only has a floor stays above it.
    certain = found == "over" or (found == "within" and norm.max is None)
    return "unknown" if load.unknown and not certain else found


def level(value: Fraction, bounds: Bounds) -> Level:
    """Where a value lies; a floor alone is never exceeded."""
    if value < Fraction(str(bounds.min)):
        return "under"
    return "over" if bounds.max is not None and value > Fraction(str(bounds.max)) else "within"
