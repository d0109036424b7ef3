"""REST or bulk: the numbers of the model, and what the settings make of them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from connectors.salesforce.costs import Ways, by_bulk, by_rest
from connectors.salesforce.jobs import polls
from connectors.salesforce.settings import PullSettings


def pull(**changes: Any) -> PullSettings:
    return PullSettings.model_validate(changes)


@pytest.mark.parametrize(("rows", "page", "calls"), [(0, 2000, 1), (2000, 2000, 1), (2001, 2000, 2), (1600, 200, 8)])
def test_rest_costs_a_call_for_each_page(rows: int, page: int, calls: int) -> None:
    assert by_rest(rows, page).calls == calls


@pytest.mark.parametrize(
    ("rows", "calls"),
    [
        (10, 1 + 4 + 1 + 1),  # create, look four times, one page, delete
        (50_000, 1 + 5 + 1 + 1),
        (50_001, 1 + 5 + 2 + 1 + 1),  # two pages, and a list of them
        (600_000, 1 + 8 + 12 + 3 + 1),
    ],
)
def test_a_job_costs_its_frame_and_a_call_for_each_page_of_results(rows: int, calls: int) -> None:
    assert by_bulk(rows, pull()).calls == calls


def test_a_job_is_asked_less_often_the_longer_it_takes() -> None:
    assert [polls(seconds) for seconds in (0, 1, 2, 10, 60, 600)] == [1, 1, 2, 4, 8, 26]


def test_the_ways_break_even_behind_eight_pages() -> None:
    ways = Ways(pull())
    assert not ways.bulk_pays("Account", 14_000)
    assert ways.bulk_pays("Account", 16_001)
    assert not ways.bulk_pays("Account", 1_400, rest_page=200)
    assert ways.bulk_pays("Account", 1_601, rest_page=200)


def test_a_server_that_gives_a_row_a_page_is_no_reason_for_a_job() -> None:
    assert not Ways(pull()).bulk_pays("Account", 60, rest_page=1)


@given(st.integers(1, 3_000_000), st.sampled_from([200, 2000]))
def test_the_way_that_is_taken_never_costs_more_calls_than_what_its_speed_is_worth(rows: int, page: int) -> None:
    rest, bulk = by_rest(rows, page), by_bulk(rows, pull())
    taken, left = (bulk, rest) if Ways(pull()).bulk_pays("Account", rows, page) else (rest, bulk)
    assert taken.price <= left.price
    if taken is bulk:
        assert bulk.calls < rest.calls, "a job is made to save calls, never to save time"


@pytest.mark.parametrize(
    ("settings", "settled", "few", "many"),
    [
        ({}, None, False, True),
        ({"bulk_from": 0}, True, True, True),
        ({"bulk_from": 3}, None, True, True),
        ({"bulk_from": 10**9}, None, False, False),
        ({"never_bulk": ["Account"]}, False, False, False),
        ({"always_bulk": ["Account"]}, True, True, True),
        ({"always_bulk": ["Account"], "bulk_from": 10**9}, True, True, True),
        ({"never_bulk": ["Account"], "bulk_from": 0}, False, False, False),
        ({"always_bulk": ["Case"]}, None, False, True),
    ],
)
def test_settings_come_before_the_model(settings: dict[str, Any], settled: bool | None, few: bool, many: bool) -> None:
    ways = Ways(pull(**settings))
    assert ways.settled("Account") is settled
    assert (ways.bulk_pays("Account", 5), ways.bulk_pays("Account", 500_000)) == (few, many)
    assert not ways.bulk_pays("Account", 0), "nothing is left to read"


def test_an_object_cannot_be_in_both_lists() -> None:
    with pytest.raises(ValidationError, match="Account cannot be in always_bulk and in never_bulk"):
        pull(always_bulk=["Account"], never_bulk=["Account", "Case"])


@pytest.mark.parametrize("name", ["Region__c", "Account.", "Account.Region__c.Name"])
def test_a_volatile_field_is_named_with_its_object(name: str) -> None:
    with pytest.raises(ValidationError):
        pull(volatile_fields=[name])
