"""A shaped portfolio has exactly the numbers that were asked for, in one CRM, and everything hangs together."""

from __future__ import annotations

from collections import Counter
from datetime import date
from pathlib import Path

import pytest
import requests

from sandbox.serve import Portfolio, running
from sandbox.world.shape import Shape, shaped

TODAY = date(2026, 11, 22)


def test_a_shape_is_read_from_its_text() -> None:
    assert Shape.parse("hubspot:20000,40000,40000") == Shape("hubspot", 20_000, 40_000, 40_000)
    assert Shape.parse("salesforce:5,0,1") == Shape("salesforce", 5, 0, 1)
    for text in ("pipedrive:1,1,1", "hubspot", "hubspot:1,2", "hubspot:0,1,1", "salesforce:1,-1,0", "1,2,3"):
        with pytest.raises(ValueError, match="is no shape; write for instance hubspot:"):
            Shape.parse(text)


def test_more_accounts_than_are_generated_are_told_apart() -> None:
    world = shaped(7, Shape("salesforce", 4_500, 9_000), TODAY)
    assert len({account.key for account in world.accounts}) == 4_500
    assert len({account.domain for account in world.accounts}) == 4_500
    deals = [deal.key for account in world.accounts for deal in account.deals]
    assert len(set(deals)) == len(deals) == 9_000
    assert not any(account.in_hubspot or account.archived or account.merged_into for account in world.accounts)


def test_the_same_shape_is_the_same_world() -> None:
    shape = Shape("hubspot", 50, 100, 100)
    assert shaped(7, shape, TODAY) == shaped(7, shape, TODAY)
    assert shaped(8, shape, TODAY) != shaped(7, shape, TODAY)


def test_hubspot_serves_a_shape(tmp_path: Path) -> None:
    shape = Shape("hubspot", 30, 60, 45)
    with running(Portfolio(seed=3, today=TODAY, shape=shape), state_dir=tmp_path) as handle:
        body = requests.get(f"{handle.hubspot_url}/_sandbox/counts", timeout=30).json()
        live = {name: one["live"] for name, one in body.items() if one["live"]}
        assert live == {"companies": 30, "deals": 60, "tickets": 45}
        portal = handle.hubspot.portal
        assert all(portal.links.of("deals", identity, "companies") for identity in portal.stores["deals"].live)
        assert portal.owners
        assert handle.salesforce is not None
        assert not handle.salesforce.org.tables["Account"].rows


def test_salesforce_serves_a_shape(tmp_path: Path) -> None:
    shape = Shape("salesforce", 30, 60, 45)
    with running(Portfolio(seed=3, today=TODAY, shape=shape), state_dir=tmp_path) as handle:
        assert handle.salesforce is not None
        tables = handle.salesforce.org.tables
        assert [len(tables[name].rows) for name in ("Account", "Opportunity", "Case", "Contact")] == [30, 60, 45, 0]
        account_at = tables["Opportunity"].columns["AccountId"]
        held = Counter(row[account_at] for row in tables["Opportunity"].rows.values())
        assert set(held) <= set(tables["Account"].rows)
