"""Makes the seeded portfolio: the same seed, size and `today` always give the same world."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import accumulate

from sandbox.world import names, oddities
from sandbox.world.adoption import fill_adoption
from sandbox.world.deals import add_deals, orphan_deal
from sandbox.world.dice import Dice
from sandbox.world.metrics import draw_band, fill_metrics
from sandbox.world.milestones import record_milestones
from sandbox.world.model import Account, Deal, Meeting, Person, Ticket, World
from sandbox.world.stories import STORIES, Story
from sandbox.world.timeline import lay_out
from sandbox.world.touches import add_contacts, add_meetings, add_surveys, add_tickets, make_meeting, make_ticket

_STORY_WEIGHTS = list(accumulate(story.weight for story in STORIES))
_COPY_SHARE = 0.025
_DEALS_IN_SALESFORCE, _TICKETS_IN_SALESFORCE, _MEETINGS_IN_SALESFORCE = 0.7, 0.4, 0.15


def generate(seed: int, accounts: int, today: date) -> World:
    """Return a world of exactly `accounts` accounts, copies included, seen on the day `today`."""
    if accounts < 0:
        raise ValueError(f"a portfolio cannot have {accounts} accounts; ask for 0 or more")
    dice = Dice(seed, today)
    people = _people(dice, accounts)
    copies = round(accounts * _COPY_SHARE)
    made = [_account(dice, people) for _ in range(accounts - copies)]
    oddities.archive_some(dice, made)
    oddities.spoil_domains(dice, made)
    oddities.relate(dice, made)
    oddities.disfigure(dice, made)
    made += oddities.copies_of(dice, made, accounts - len(made))
    oddities.name_sponsors(dice.beside("sponsors"), people, made)
    world = World(seed, today, people, made)
    _add_orphans(dice, world, accounts)
    return world


def _people(dice: Dice, accounts: int) -> list[Person]:
    people = []
    for number in range(min(60, max(9, accounts // 60))):
        first, last = names.person_name(dice.rng)
        key = dice.key("person")
        email = f"{first}.{last}.{key}@vendor.example".lower()
        people.append(Person(key, first, last, email, active=number % 7 != 5 or number > 20))
    return people


def _account(dice: Dice, people: list[Person]) -> Account:
    story = dice.rng.choices(STORIES, cum_weights=_STORY_WEIGHTS)[0]
    account = _blank(dice, people, story)
    timeline = lay_out(dice, account, story)
    band = draw_band(dice, story.mood)
    fill_metrics(dice, account, band)
    add_contacts(dice, account)
    add_deals(dice, account, story, timeline, band)
    add_tickets(dice, account, band)
    add_meetings(dice, account, band)
    add_surveys(dice, account, band)
    _choose_homes(dice, account)
    _predate(dice, account)
    fill_adoption(dice.beside(f"adoption {account.key}"), account, band)
    record_milestones(dice.beside(f"milestones {account.key}"), account)
    return account


def _blank(dice: Dice, people: list[Person], story: Story) -> Account:
    key = dice.key("account")
    currency = dice.rng.choice(("EUR", "EUR", "EUR", "USD", "USD", "GBP", "DKK"))
    name, domain = names.company_name(dice.rng, key, currency)
    toss = dice.rng.random()
    return Account(
        key=key, name=name, domain=domain, industry=dice.rng.choice(names.INDUSTRIES),
        country=dice.rng.choice(names.COUNTRIES[currency]),
        employees=None if dice.chance(0.08) else dice.within(5, 900) * (10 if dice.chance(0.1) else 1),
        currency=currency, in_hubspot=toss < 0.85, in_salesforce=toss < 0.6 or toss >= 0.85,
        created_at=dice.moment(0), story=story.name, linked=dice.chance(0.8),
        owner=None if dice.chance(0.02) else dice.rng.choice(people).key,
        csm=dice.rng.choice(people).key if story.name != "prospect" and dice.chance(0.95) else None,
    )  # fmt: skip


def _choose_homes(dice: Dice, account: Account) -> None:
    """Keep each kind of child of a company that is in both CRMs in one of them: sales here, service there."""
    kinds: tuple[tuple[list[Deal] | list[Ticket] | list[Meeting], float], ...] = (
        (account.deals, _DEALS_IN_SALESFORCE),
        (account.tickets, _TICKETS_IN_SALESFORCE),
        (account.meetings, _MEETINGS_IN_SALESFORCE),
    )
    both = account.in_hubspot and account.in_salesforce
    for children, share in kinds:
        salesforce = dice.chance(share) if both else account.in_salesforce
        for child in children:
            child.in_hubspot, child.in_salesforce = not salesforce, salesforce


def _predate(dice: Dice, account: Account) -> None:
    """Set the creation instant before everything else that is known of the account."""
    instants = [deal.created_at for deal in account.deals] + [ticket.created_at for ticket in account.tickets]
    instants += [meeting.starts_at for meeting in account.meetings]
    days = [instant.date() for instant in instants] + [dice.today]
    if account.contract_signed_at:
        days.append(account.contract_signed_at)
    account.created_at = dice.moment_on(min(days) - timedelta(days=dice.within(2, 60)))


def _add_orphans(dice: Dice, world: World, accounts: int) -> None:
    for _ in range(min(accounts, 2 + accounts // 200)):
        owner = dice.rng.choice(world.people).key
        world.orphan_deals.append(orphan_deal(dice, owner))
        world.orphan_tickets.append(make_ticket(dice, None, "unknown", owner))
        world.orphan_meetings.append(make_meeting(dice, dice.within(1, 200), "completed", [], owner))
