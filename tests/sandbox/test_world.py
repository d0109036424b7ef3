"""The generator: deterministic, sized as asked, consistent in time, and with every oddity of real portfolios."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.world.generate import generate
from sandbox.world.model import World
from sandbox.world.names import FREE_MAIL_DOMAINS, HOSTILE_NAMES

TODAY = date(2026, 11, 22)
DAWN = datetime.combine(TODAY, time(0), UTC)


@pytest.fixture(scope="module")
def world() -> World:
    return generate(seed=5, accounts=2000, today=TODAY)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32), size=st.integers(0, 60), today=st.dates(date(2000, 1, 1), date(2090, 1, 1)))
def test_the_same_parameters_give_the_same_world_of_exactly_that_size(seed: int, size: int, today: date) -> None:
    once, again = generate(seed, size, today), generate(seed, size, today)
    assert once == again
    assert len(once.accounts) == size


def test_another_seed_gives_another_world() -> None:
    assert generate(1, 50, TODAY).accounts != generate(2, 50, TODAY).accounts


def test_a_negative_size_is_refused() -> None:
    with pytest.raises(ValueError, match="0 or more"):
        generate(1, -1, TODAY)


def test_accounts_are_in_both_crms_in_one_and_linked_or_not(world: World) -> None:
    homes = Counter((a.in_hubspot, a.in_salesforce) for a in world.accounts)
    assert set(homes) == {(True, True), (True, False), (False, True)}
    assert min(homes.values()) > 150
    both = [a for a in world.accounts if a.in_hubspot and a.in_salesforce]
    assert 0.6 < sum(a.linked for a in both) / len(both) < 0.9


def test_a_company_in_both_crms_keeps_each_kind_of_child_in_exactly_one(world: World) -> None:
    for account in world.accounts:
        for children in (account.deals, account.tickets, account.meetings):
            assert all(child.in_hubspot is not child.in_salesforce for child in children)
            assert len({child.in_hubspot for child in children}) <= 1
            assert all(account.in_hubspot or child.in_salesforce for child in children)
            assert all(account.in_salesforce or child.in_hubspot for child in children)


def test_it_holds_duplicates_merges_archived_orphans_and_groups(world: World) -> None:
    by_key = {account.key: account for account in world.accounts}
    merged = [a for a in world.accounts if a.merged_into is not None]
    duplicates = [a for a in world.accounts if a.duplicate_of is not None]
    assert len(merged) >= 20
    assert len(duplicates) >= 20
    for copy in merged + duplicates:
        original = by_key[copy.merged_into or copy.duplicate_of or 0]
        assert (copy.name, copy.domain, original.archived) == (original.name, original.domain, False)
    assert sum(a.archived for a in world.accounts) >= 15
    assert sum(a.parent is not None for a in world.accounts) >= 15
    assert all(a.parent in by_key and a.parent != a.key for a in world.accounts if a.parent is not None)
    assert world.orphan_deals
    assert world.orphan_tickets
    assert world.orphan_meetings


def test_domains_are_missing_free_mail_or_unique(world: World) -> None:
    originals = [a.domain for a in world.accounts if a.merged_into is None and a.duplicate_of is None]
    own = [domain for domain in originals if domain and domain not in FREE_MAIL_DOMAINS]
    assert len(own) == len(set(own))
    assert originals.count(None) >= 20
    assert sum(domain in FREE_MAIL_DOMAINS for domain in originals if domain) >= 15
    assert any(domain.endswith(".co.uk") for domain in own)


def test_hostile_and_absurd_accounts_are_present_and_few(world: World) -> None:
    odd = [a for a in world.accounts if a.quirks or a.name in HOSTILE_NAMES]
    assert 0.02 <= len(odd) / len(world.accounts) <= 0.04
    assert {a.name for a in odd} >= set(HOSTILE_NAMES)
    assert {"arr", "go_live_at", "contract_end_at"} <= {fact for a in odd for fact in a.quirks}


def test_deals_are_of_every_kind_state_and_currency(world: World) -> None:
    deals = [deal for account in world.accounts for deal in account.deals]
    assert {d.kind for d in deals} == {"new", "renewal", "expansion", "contraction"}
    assert {d.state for d in deals} == {"open", "won", "lost"}
    assert {d.currency for d in deals} == {"EUR", "USD", "GBP", "DKK"}
    assert all((d.closed_won_at is not None) == (d.state == "won") for d in deals)
    assert any(d.amount is None for d in deals)
    assert {m.outcome for a in world.accounts for m in a.meetings} == {
        "scheduled",
        "completed",
        "no_show",
        "cancelled",
        "rescheduled",
    }


def test_nothing_that_happened_lies_in_the_future_or_before_its_cause(world: World) -> None:
    """Served at any hour of today: what is recorded as done was done before today began."""
    for account in world.accounts:
        assert account.created_at <= DAWN
        for deal in account.deals:
            assert account.created_at <= deal.created_at or account.story == "duplicate"
            if deal.state != "open":
                assert deal.created_at.date() <= deal.close_date <= TODAY
            assert deal.created_at <= DAWN
            assert deal.closed_won_at is None or deal.closed_won_at <= DAWN
        for ticket in account.tickets:
            assert ticket.created_at <= DAWN
            if ticket.closed_at and ticket.first_reply_at:
                assert ticket.first_reply_at <= ticket.closed_at <= DAWN
        for meeting in account.meetings:
            assert meeting.starts_at < meeting.ends_at
            if meeting.outcome in ("completed", "no_show"):
                assert meeting.ends_at <= DAWN


def test_terms_follow_each_other_and_the_story(world: World) -> None:
    for account in world.accounts:
        for before, after in zip(account.terms, account.terms[1:], strict=False):
            assert after.start == before.end + timedelta(days=1)
        assert all(term.start < term.end for term in account.terms)
    ends = {
        story: [(t.end - TODAY).days for a in world.accounts if a.story == story for t in [a.term_on(TODAY)] if t]
        for story in ("overdue", "lapsed", "renewal_on_track", "no_contract")
    }
    assert all(-30 <= days < 0 for days in ends["overdue"])
    assert all(days < -30 for days in ends["lapsed"])
    assert all(0 <= days <= 90 for days in ends["renewal_on_track"])
    assert ends["no_contract"] == []


def test_some_owners_have_left(world: World) -> None:
    gone = {person.key for person in world.people if not person.active}
    assert 2 <= len(gone) <= 3
    assert any(account.owner in gone for account in world.accounts)
