"""P-14: the daily cap of bulk jobs is reached by tiny windows. What is small is read by REST."""

from __future__ import annotations

from datetime import UTC, datetime

from tests.contract.salesforce_org import live_ids, org, pull
from tests.contract.test_salesforce_bulk import by_bulk

OBJECTS = {"accounts": "Account", "opportunities": "Opportunity", "cases": "Case"}


def test_p14_small_objects_and_increments_start_no_job() -> None:
    with org() as one:
        connector = one.connector()
        for name, target in OBJECTS.items():
            first = pull(connector, name)
            assert live_ids(first) == one.live(target)
            for _ in range(3):
                pull(connector, name, since=first[-1].high_water or datetime.now(UTC))
        assert by_bulk(one) == 0
