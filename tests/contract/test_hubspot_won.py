"""When a deal was won, in portals that say it in different places."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from connectors.base import Window
from connectors.hubspot.won import HISTORY_BATCH, WON_AT, entered
from mapping.fieldmap import FieldMap
from mapping.normalise import normalise
from mapping.records import RawRecord
from sandbox.hubspot.journal import Actor
from tests.contract.hubspot_kit import Box, portal

PERSON = Actor("user", "", source_id="900001")
HISTORY = "POST /crm/v3/objects/deals/batch/read"
FIELDS = FieldMap.parse(yaml.safe_load(Path("config/fields/hubspot.yaml").read_text(encoding="utf-8")))


@pytest.fixture
def box() -> Iterator[Box]:
    with portal(accounts=6) as served:
        yield served


def without(box: Box, *names: str) -> None:
    """Take properties out of the portal, as other editions lack them."""
    for name in names:
        del box.state.portal.schemas["deals"].properties[name]


def win(box: Box, count: int = 1, **values: str) -> list[str]:
    """Deals that came into their won stage an hour ago, left it and came back half an hour later."""
    hubspot = box.state.portal
    box.clock.pass_by(3600)
    made = [hubspot.create("deals", {"dealname": "x", "dealstage": "contractsent"}, PERSON) for _ in range(count)]
    for seconds, stage in ((60, "closedwon"), (60, "contractsent"), (1800, "1180004"), (60, "1180004")):
        box.clock.pass_by(seconds)
        for deal in made:
            hubspot.write("deals", deal, {"dealstage": stage, "pipeline": "renewals", **values}, PERSON)
    return [str(deal.id) for deal in made]


def deals(box: Box, **window: Any) -> dict[str, RawRecord]:
    connector = box.connect()
    stream = next(one for one in connector.streams() if one.name == "deals")
    assert WON_AT in stream.properties
    return {record.id: record for page in connector.pages(stream, Window(**window)) for record in page.records}


def won_at(record: RawRecord) -> object:
    return normalise(record, FIELDS.streams["deals"], "hubspot").row["closed_won_at"]


CAME_IN = datetime(2026, 11, 22, 13, 32, tzinfo=UTC)
TOLD = datetime(2026, 11, 22, 13, 1, tzinfo=UTC)


def test_a_portal_that_tells_the_day_is_believed_and_asked_nothing_else(box: Box):
    (deal,) = win(box)
    box.state.portal.stores["deals"].live[int(deal)].values["hs_closed_won_date"] = "2026-11-22T13:01:00Z"
    assert won_at(deals(box)[deal]) == TOLD
    assert box.state.stats.by_route[HISTORY] == 0


@pytest.mark.parametrize("since", [None, datetime(2026, 11, 22, 13, tzinfo=UTC)])
def test_the_stages_own_property_comes_second_and_costs_no_call(box: Box, since: datetime | None):
    without(box, "hs_closed_won_date")
    (deal,) = win(box)
    found = deals(box, since=since)
    assert won_at(found[deal]) == CAME_IN
    assert found[deal].properties[WON_AT] == "2026-11-22T13:32:00Z"
    assert box.state.stats.by_route[HISTORY] == 0
    assert box.state.stats.by_route["GET /crm/v3/pipelines/deals"] == 1


def test_the_history_of_the_stage_comes_third_fifty_deals_to_a_call(box: Box):
    without(box, "hs_closed_won_date", entered("closedwon"), entered("1180004"))
    made = win(box, count=HISTORY_BATCH + 5)
    since = datetime(2026, 11, 22, 13, tzinfo=UTC)
    found = deals(box, since=since)
    assert {won_at(found[deal]) for deal in made} == {CAME_IN}
    assert box.state.stats.by_route[HISTORY] == 2


def test_a_won_deal_without_any_history_falls_back_on_its_close_date(box: Box):
    without(box, "hs_closed_won_date", entered("closedwon"), entered("1180004"))
    (deal,) = win(box, closedate="2026-11-20T00:00:00Z")
    box.state.portal.stores["deals"].live[int(deal)].history.clear()
    del box.state.portal.stores["deals"].live[int(deal)].values["dealstage"]
    found = deals(box)[deal]
    assert WON_AT not in found.properties
    row = normalise(RawRecord(deal, {**found.properties, "hs_is_closed_won": "true"}), FIELDS.streams["deals"], "h").row
    assert row["closed_won_at"] == datetime(2026, 11, 20, tzinfo=UTC)


def test_deals_that_are_not_won_are_never_looked_up(box: Box):
    without(box, "hs_closed_won_date", entered("closedwon"), entered("1180004"))
    hubspot = box.state.portal
    for deal in list(hubspot.stores["deals"].live.values()):
        hubspot.write("deals", deal, {"dealstage": "closedlost", "pipeline": "default"}, PERSON)
    assert all(WON_AT not in record.properties for record in deals(box).values())
    assert box.state.stats.by_route[HISTORY] == 0


def test_a_stage_that_pipelines_no_longer_list_is_looked_up(box: Box):
    without(box, "hs_closed_won_date")
    (deal,) = win(box)
    box.state.portal.archived_stages[("deals", "1180004")] = False
    assert won_at(deals(box)[deal]) == CAME_IN
    assert box.state.stats.by_route[HISTORY] == 1


def test_the_stages_that_deals_needed_are_not_read_a_second_time_and_archived_ones_are_kept(box: Box):
    box.state.portal.archived_stages[("deals", "closedlost")] = True
    connector = box.connect()
    streams = {one.name: one for one in connector.streams()}
    list(connector.pages(streams["deals"], Window()))
    (page,) = connector.pages(streams["deal_stages"], Window())
    assert "closedlost" in {record.id for record in page.records}
    assert box.state.stats.by_route["GET /crm/v3/pipelines/deals"] == 1
    list(connector.pages(streams["deal_stages"], Window()))
    assert box.state.stats.by_route["GET /crm/v3/pipelines/deals"] == 2
