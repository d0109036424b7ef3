"""P-15: tools force REST, or bulk jobs. The choice is by cost, and can be overruled for each object."""

from __future__ import annotations

import pytest

from tests.contract.salesforce_org import live_ids, org, pull
from tests.contract.test_salesforce_bulk import by_bulk


@pytest.mark.parametrize(
    ("settings", "jobs"),
    [
        ({"always_bulk": ["Account"]}, 1),
        ({"bulk_from": 1, "never_bulk": ["Account"]}, 0),
        ({"bulk_from": 1}, 1),
    ],
)
def test_p15_an_object_is_read_the_way_that_somebody_asked_for(settings: dict[str, object], jobs: int) -> None:
    with org() as one:
        assert live_ids(pull(one.connector(pull=settings))) == one.live("Account")
        assert by_bulk(one) == jobs
