"""A portfolio of exact numbers in one CRM, made quickly by multiplying a small one: for measuring, not for showing."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from itertools import cycle, islice
from random import Random
from typing import TypeVar

from sandbox.world.generate import generate
from sandbox.world.model import Account, Deal, Ticket, World

_DISTINCT = 2_000
"""Accounts that are really generated; the others repeat them under keys, domains and names of their own."""

Child = TypeVar("Child", Deal, Ticket)


@dataclass(frozen=True, slots=True)
class Shape:
    """How many live records one CRM holds; apart from them it has its owners and whatever it makes by itself."""

    crm: str
    accounts: int
    deals: int
    tickets: int = 0

    @classmethod
    def parse(cls, text: str) -> Shape:
        """Read `CRM:ACCOUNTS,DEALS,TICKETS`, as in `hubspot:20000,40000,40000`; raises ValueError."""
        found = re.fullmatch(r"(hubspot|salesforce):([1-9]\d*),(\d+),(\d+)", text)
        if found is None:
            raise ValueError(f"{text} is no shape; write for instance hubspot:20000,40000,40000")
        crm, *numbers = found.groups()
        return cls(crm, *map(int, numbers))


def shaped(seed: int, shape: Shape, today: date) -> World:
    """Return a world of exactly this shape: every account is live and has a domain of its own, every child an account.

    Nobody is merged, archived or somebody's parent, and there are no contacts, meetings, surveys or contracts, so
    that the numbers are those that a reader of the CRM finds.
    """
    chance = Random(seed)
    pattern = generate(seed, min(max(shape.accounts, 40), _DISTINCT), today)
    sound = [one for one in pattern.accounts if not (one.archived or one.merged_into or one.duplicate_of)]
    world = World(seed, today, pattern.people, [])
    for key, account in enumerate(islice(cycle(sound), shape.accounts), start=1):
        world.accounts.append(_again(account, key, shape.crm))
    deals = [deal for account in sound for deal in account.deals]
    for deal in _children(deals, shape.deals, shape.crm):
        chance.choice(world.accounts).deals.append(deal)
    tickets = [ticket for account in sound for ticket in account.tickets]
    for ticket in _children(tickets, shape.tickets, shape.crm):
        chance.choice(world.accounts).tickets.append(ticket)
    return world


def _again(account: Account, key: int, crm: str) -> Account:
    stem, dot, suffix = (account.domain or "without.example").partition(".")
    return replace(
        account, key=key, name=f"{account.name} {key}", domain=f"{stem}-{key}{dot}{suffix}", parent=None, linked=False,
        in_hubspot=crm == "hubspot", in_salesforce=crm == "salesforce",
        terms=[], contacts=[], deals=[], tickets=[], meetings=[], surveys=[],
    )  # fmt: skip


def _children(patterns: list[Child], count: int, crm: str) -> Iterable[Child]:
    for key, child in enumerate(islice(cycle(patterns), count), start=1):
        yield replace(child, key=key, in_hubspot=crm == "hubspot", in_salesforce=crm == "salesforce")
