"""P-23: an SDK's 429 retry does not fire. Our own limiter sends no request too many, and no 429 reaches the caller."""

from __future__ import annotations

from connectors.base import Window
from tests.contract.hubspot_kit import portal
from tests.contract.salesforce_org import live_ids, org
from tests.contract.salesforce_org import pull as pull_org
from tests.contract.test_hubspot_pull import LONG_AGO, NAMES, live, pull


def test_p23_a_pull_stays_within_the_quota() -> None:
    """All waiting is virtual, so only the budget keeps the pull within the limits."""
    with portal(accounts=300, burst=20, searches_per_second=2) as box:
        connector = box.connect(limits={"burst_per_10s": 20, "search_per_second": 2})
        for window in (Window(), Window(since=LONG_AGO)):
            for name in NAMES:
                assert live(pull(connector, name, window)) == set(box.live(name))
        assert box.clock.slept
        assert (box.state.quota.refused, connector.usage().throttled) == (0, 0)


def test_p23_a_429_is_waited_out_by_all_and_never_reaches_the_caller() -> None:
    with portal(accounts=140) as box:
        connector = box.connect()
        box.fault("ten_secondly", "/crm/v3/objects/companies", nth=2, times=3)
        box.fault("secondly", "*/search", times=2)
        for window in (Window(), Window(since=LONG_AGO)):
            assert live(pull(connector, "companies", window)) == set(box.live())
        assert connector.usage().throttled == 5
        assert sum(box.clock.slept) >= 3 * 10 + 2 * 1 - 5


def test_p23_salesforce_a_429_is_waited_out_and_never_reaches_the_caller() -> None:
    with org(batch_size=9) as one:
        connector = one.connector()
        connector.streams()
        one.fault("429", "/services/data/v*/query*", nth=2, times=3)
        assert live_ids(pull_org(connector)) == one.live("Account")
        assert connector.usage().throttled == 3
