"""Streams of one connection pulled at the same time, while its session ends again and again."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest

from connectors.base import Page, Window
from tests.contract.salesforce_org import live_ids, org, pull, records

STREAMS = ("accounts", "opportunities", "cases", "contracts", "events")
MANY = 8


@pytest.mark.parametrize("settings", [{}, {"bulk_from": 1, "bulk_page": 13, "rows_a_page": 5}])
def test_streams_pulled_at_the_same_time_bring_what_they_bring_one_by_one(settings: dict[str, Any]) -> None:
    with org(batch_size=9) as one:
        alone = {name: set(records(pull(one.connector(), name))) for name in STREAMS}
        connector = one.connector(pull=settings)
        by_name = {stream.name: stream for stream in connector.streams()}

        def read(name: str) -> set[str]:
            return set(records(list(connector.pages(by_name[name], Window()))))

        with ThreadPoolExecutor(max_workers=10) as pool:
            # Each stream twice at once: nothing of one reading may show in another.
            twice = [*STREAMS, *STREAMS]
            for name, found in zip(twice, pool.map(read, twice), strict=True):
                assert found == alone[name], name
        assert (connector.usage().throttled, connector.usage().retried) == (0, 0)


def test_a_session_that_ends_under_many_threads_costs_one_login_each_time() -> None:
    with org(batch_size=9) as one:
        connector = one.connector()
        accounts = next(stream for stream in connector.streams() if stream.name == "accounts")
        ended = [0]

        def end_sessions() -> None:
            one.post("sessions", {"action": "expire"})
            ended[0] += 1

        # After each page all threads meet, the session ends, and all of them are refused at once.
        together = Barrier(MANY, action=end_sessions)

        def read(_number: int) -> list[Page]:
            pages: list[Page] = []
            for page in connector.pages(accounts, Window()):
                pages.append(page)
                together.wait(timeout=30)
            return pages

        with ThreadPoolExecutor(max_workers=MANY) as pool:
            for pages in pool.map(read, range(MANY)):
                assert live_ids(pages) == one.live("Account")
        assert ended[0] > 5
        assert one.state.stats.by_route["POST /services/oauth2/token"] <= ended[0] + 1
