"""Leases fence writers out by token, and by the database's clock alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from store import Store, leases
from store.errors import LeaseHeld, LeaseLost
from store.leases import Lease
from store.tables import lease as lease_table

LONG_AGO = datetime(2001, 1, 1, tzinfo=UTC)


def expire(store: Store, lease: Lease) -> None:
    with store.write() as c:
        mine = (lease_table.c.workspace == lease.workspace) & (lease_table.c.key == lease.key)
        c.execute(update(lease_table).where(mine).values(expires_at=LONG_AGO))


def check(store: Store, lease: Lease) -> None:
    with store.write() as c:
        leases.check(c, lease)


def test_one_holder_at_a_time(store: Store, ws: str) -> None:
    mine = leases.acquire(store, ws, "hubspot/companies", "run 1", 60)
    with pytest.raises(LeaseHeld, match="run 1 works on hubspot/companies") as caught:
        leases.acquire(store, ws, "hubspot/companies", "run 2", 60)
    assert 0 < caught.value.expires_in <= 60
    assert leases.acquire(store, ws, "salesforce/Account", "run 2", 60).token == 1
    check(store, mine)
    with store.read() as c:
        holder = leases.holder(c, ws, "hubspot/companies")
        assert holder is not None
        assert (holder.owner, holder.token) == ("run 1", 1)
        assert leases.holder(c, ws, "never taken") is None


def test_a_released_lease_is_free_and_its_token_is_spent(store: Store, ws: str) -> None:
    mine = leases.acquire(store, ws, "key", "run 1", 60)
    leases.release(store, mine)
    for step in (check, leases.renew):
        with pytest.raises(LeaseLost):
            step(store, mine)
    assert leases.acquire(store, ws, "key", "run 2", 60).token == mine.token + 1
    leases.release(store, mine)  # a late release by the old holder takes nothing from the new one
    with pytest.raises(LeaseHeld):
        leases.acquire(store, ws, "key", "run 3", 60)


def test_a_holder_that_slept_too_long_is_fenced(store: Store, ws: str) -> None:
    slept = leases.acquire(store, ws, "key", "slept", 60)
    expire(store, slept)
    with pytest.raises(LeaseLost, match="expired"):
        check(store, slept)
    other = leases.acquire(store, ws, "key", "awake", 60)
    assert other.token > slept.token
    for step in (check, leases.renew):
        with pytest.raises(LeaseLost):
            step(store, slept)
    check(store, other)


def test_a_heartbeat_extends_the_lease(store: Store, ws: str) -> None:
    mine = leases.acquire(store, ws, "key", "run", 60)
    expire(store, mine)
    leases.renew(store, mine)  # nobody took it meanwhile, so nothing happened that it could not see
    check(store, mine)


def test_a_lost_lease_rolls_its_transaction_back(store: Store, ws: str) -> None:
    lost = leases.acquire(store, ws, "key", "run", 60)
    expire(store, lost)

    def write_and_check() -> None:
        with store.write() as c:
            c.execute(update(lease_table).where(lease_table.c.workspace == ws).values(owner="written while fenced"))
            leases.check(c, lost)

    with pytest.raises(LeaseLost):
        write_and_check()
    with store.read() as c:
        assert leases.holder(c, ws, "key") is None
    assert leases.acquire(store, ws, "key", "next", 60).token == 2


def test_all_that_a_store_is_asked_goes_by_the_clock_that_it_was_given(store: Store, ws: str) -> None:
    moment = [datetime(2040, 2, 29, 12, tzinfo=UTC)]
    other = Store(store._engine, ws, now=lambda: moment[0])
    lease = leases.acquire(other, ws, "hubspot/companies", "run 1", 60)
    assert other.now() == moment[0]
    with pytest.raises(LeaseHeld):
        leases.acquire(other, ws, "hubspot/companies", "run 2", 60)
    check(other, lease)
    moment[0] += timedelta(seconds=61)
    with pytest.raises(LeaseLost):
        check(other, lease)
    assert leases.acquire(other, ws, "hubspot/companies", "run 2", 60).token == lease.token + 1
    assert store.now() < datetime(2040, 1, 1, tzinfo=UTC), "the store itself still asks the database"
