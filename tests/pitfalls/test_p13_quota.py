"""P-13: at the quota tools sleep for hours or fail. The run ends as deferred, and the next one goes on."""

from __future__ import annotations

from itertools import cycle
from pathlib import Path

import pytest

from connectors.errors import QuotaExhausted
from connectors.hubspot.connector import HubSpotConnector
from tests.contract.hubspot_kit import portal
from tests.contract.test_hubspot_pull import pull
from tests.flow.one_crm import Vendor
from tests.pitfalls.kit import VENDORS, crm


@pytest.mark.parametrize("vendor", VENDORS)
def test_p13_at_the_daily_limit_the_run_is_deferred_and_the_next_one_goes_on(tmp_path: Path, vendor: Vendor) -> None:
    # A day passes here, and then HubSpot's full read would be due.
    pull = {"pull": {"full_every_hours": 0}} if vendor == "hubspot" else {}
    with crm(tmp_path, vendor, batch_size=5, **pull) as one:
        if vendor == "hubspot":
            one.person("create", object="tickets", properties={"subject": "Many"}, count=450)
        before = one.clock.skipped
        where = {"path": "/crm/v3/objects/tickets", "nth": 4} if vendor == "hubspot" else {"nth": 12}
        one.fault("daily", times=0, **where)
        stopped = one.pull()
        assert (stopped.status, stopped.exit_code) == ("deferred", 75), stopped.reason
        assert (one.clock.skipped - before).total_seconds() < 120, "nobody sleeps for hours"
        one.heal()
        one.a_day_passes()
        report = one.pull()
        one.assert_whole(report)
        for stream, truth in one.truth().items():
            first, then = stopped.pull[one.name][stream], report.pull[one.name][stream]
            if then.mode == "full":
                assert first.read + then.read <= len(truth) + 5, f"{stream}: pages that were kept were read again"
        assert sum(counts.read for counts in stopped.pull[one.name].values()) > 0


def test_p13_a_reserve_is_left_for_people_and_other_apps() -> None:
    with portal(accounts=40, daily=1_000) as box:
        box.state.quota.spend(790)
        connector = box.connect(limits={"daily": 1_000, "reserve": 0.2})
        with pytest.raises(QuotaExhausted, match="used up"):
            _pull_for_ever(connector)
        assert box.state.quota._today <= 805


def _pull_for_ever(connector: HubSpotConnector) -> None:
    for name in cycle(("companies", "deals", "tickets")):
        pull(connector, name)
