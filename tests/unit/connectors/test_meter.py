"""The meter counts requests, and tells who watches what came of each without saying whose record it was."""

from __future__ import annotations

import pytest

from connectors.meter import Call, Meter, operation


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/crm/v3/objects/companies/batch/update", "/crm/v3/objects/companies/batch/update"),
        ("/crm/v3/objects/companies/8675309", "/crm/v3/objects/companies/{id}"),
        ("/crm/v3/objects/2-1234567/search", "/crm/v3/objects/{id}/search"),
        ("/crm/objects/2026-03/companies", "/crm/objects/2026-03/companies"),
        ("/services/data/v62.0/sobjects/Account/001A000001LRrZT/", "/services/data/v62.0/sobjects/Account/{id}/"),
        ("/services/data/v62.0/query/01gD0000002HU6KIAW-2000", "/services/data/v62.0/query/{id}"),
        ("/v1/data/objects/query/anna@example.com", "/v1/data/objects/query/{id}"),
        ("/v1/users/services/list?email=anna", "/v1/users/services/list"),
        ("/crm/v3/objects/contacts/J%C3%B8rgen", "/crm/v3/objects/contacts/{id}"),
    ],
)
def test_an_operation_has_no_ids(path: str, expected: str) -> None:
    assert operation(path) == expected


def test_each_call_is_told_with_what_came_of_it() -> None:
    told: list[Call] = []
    ticks = iter((1.0, 1.5, 2.0, 4.0))
    meter = Meter(told.append, clock=lambda: next(ticks))
    with meter.request("GET", "/a") as answered:
        answered(429)
    with pytest.raises(TimeoutError), meter.request("POST", "/b"):
        raise TimeoutError
    assert told == [Call("GET", "/a", 429, 0.5), Call("POST", "/b", None, 2.0, "TimeoutError")]
    assert meter.usage().requests == 2


def test_without_a_watcher_requests_are_counted_all_the_same() -> None:
    meter = Meter()
    with meter.request("GET", "/a") as answered:
        answered(200)
    meter.throttle()
    meter.retry()
    used = meter.usage()
    assert (used.requests, used.throttled, used.retried) == (1, 1, 1)
