"""What real portfolios also hold: duplicates, merges, the recycle bin, groups, hostile and absurd values."""

from __future__ import annotations

from dataclasses import replace

from sandbox.world import names
from sandbox.world.dice import Dice
from sandbox.world.model import Account, Person

HOSTILE_SHARE = 0.022
QUIRK_SHARE = 0.015
_QUIRKS = (
    ("arr", "1,5"),
    ("arr", "abc"),
    ("arr", "-50000"),
    ("features_used", "12;13"),
    ("logins_per_user_week", "NaN"),
    ("data_volume", "1e400"),
    ("employees", "-3"),
    ("go_live_at", "0001-01-01"),
    ("contract_end_at", "9999-12-31"),
    ("usage_as_of", "2999-02-28"),
    ("goals_achieved", "99999999999999999999"),
    ("roi_realised", " 3.5 "),
)


def name_sponsors(dice: Dice, people: list[Person], accounts: list[Account]) -> None:
    """Give strategic accounts an executive sponsor: two or three accounts each, the first sponsor one too many."""
    sponsored = [one for one in accounts if one.strategic and not one.archived and one.churned_at is None]
    places = [person.key for turn, person in enumerate(people) for _ in range(4 if turn == 0 else dice.within(2, 3))]
    for account, sponsor in zip(sponsored, places, strict=False):
        account.sponsor = sponsor


def disfigure(dice: Dice, accounts: list[Account]) -> None:
    """Give a few accounts hostile names and absurd values, each kind in turn."""
    total = len(accounts)
    for number in range(round(total * HOSTILE_SHARE)):
        dice.rng.choice(accounts).name = names.HOSTILE_NAMES[number % len(names.HOSTILE_NAMES)]
    for number in range(round(total * QUIRK_SHARE)):
        field, text = _QUIRKS[number % len(_QUIRKS)]
        dice.rng.choice(accounts).quirks[field] = text


def spoil_domains(dice: Dice, accounts: list[Account]) -> None:
    """Leave some accounts without a domain, or with one that a free mail provider owns."""
    for account in _some(dice, accounts, 0.015):
        account.domain = dice.rng.choice(names.FREE_MAIL_DOMAINS)
    for account in _some(dice, accounts, 0.02):
        account.domain = None


def relate(dice: Dice, accounts: list[Account]) -> None:
    """Give about one account in 25 a parent that is in the same CRMs."""
    heads = [account for account in accounts[: max(1, len(accounts) // 20)] if not account.archived]
    for account in accounts[len(heads) :]:
        if not heads or not dice.chance(0.04):
            continue
        head = dice.rng.choice(heads)
        if (head.in_hubspot, head.in_salesforce) == (account.in_hubspot, account.in_salesforce):
            account.parent = head.key


def archive_some(dice: Dice, accounts: list[Account]) -> None:
    """Put about 1.5 % of the accounts into the recycle bin."""
    for account in _some(dice, accounts, 0.015):
        account.archived = True


def _some(dice: Dice, accounts: list[Account], share: float) -> list[Account]:
    """Pick this share of the accounts, and at least one of them once there are forty."""
    number = round(len(accounts) * share)
    return dice.rng.sample(accounts, max(number, 1) if len(accounts) >= 40 else number)


def copies_of(dice: Dice, accounts: list[Account], number: int) -> list[Account]:
    """Return second records of `number` accounts, half of them merged away, half still there as duplicates."""
    sound = [account for account in accounts if not account.archived and not account.quirks]
    originals = dice.rng.sample(sound, min(number, len(sound)))
    return [_copy(dice, original, merged=position % 2 == 0) for position, original in enumerate(originals)]


def _copy(dice: Dice, original: Account, merged: bool) -> Account:
    return replace(
        _bare(original),
        key=dice.key("account"),
        created_at=dice.moment(dice.within(30, 600)),
        merged_into=original.key if merged else None,
        duplicate_of=None if merged else original.key,
        linked=False,
    )


def _bare(original: Account) -> Account:
    """Return what a colleague types in by hand when the company already exists: name, domain, owner."""
    return Account(
        key=original.key, name=original.name, domain=original.domain, industry=None, country=original.country,
        employees=None, currency=original.currency, in_hubspot=original.in_hubspot,
        in_salesforce=original.in_salesforce, created_at=original.created_at, story="duplicate", owner=original.owner,
    )  # fmt: skip
