"""P-12: properties over 16,000 characters are dropped with a log line. None is dropped; they come in a second call."""

from __future__ import annotations

import pytest

from connectors.base import StreamMap, Window
from sandbox.hubspot.journal import Actor
from tests.contract.hubspot_kit import portal
from tests.contract.test_hubspot_pull import LONG_AGO, pull
from tests.pitfalls.test_p11_many_properties import MANY, wide
from tests.unit.connectors.test_hubspot_search import SINCE, SearchIndex, ids
from tests.unit.connectors.test_hubspot_search import pull as searched


@pytest.mark.parametrize("window", [Window(), Window(since=LONG_AGO)], ids=["full", "increment"])
def test_p12_every_one_of_many_properties_has_its_value(window: Window) -> None:
    with portal(accounts=6) as box:
        maps = wide(box)
        archived = box.state.portal.stores["companies"].live[int(box.live()[0])]
        box.state.portal.archive("companies", archived, Actor("user:ada", "corr"))
        found = {record.id: record for page in pull(box.connect(maps), "companies", window) for record in page.records}
        assert {key for key, record in found.items() if not record.archived} == set(box.live())
        assert str(archived.id) in found
        for key, record in found.items():
            assert {name: record.properties.get(name) for name in MANY} == {name: f"{key} {name}" for name in MANY}


def test_p12_too_many_properties_for_a_search_are_read_by_id() -> None:
    names = MANY[:120]
    index = SearchIndex({str(100 + number): SINCE + number for number in range(150)})
    pages = searched(index, maps={"deals": StreamMap("deal", names)})
    assert len(ids(pages)) == 150
    assert all(body["properties"] == ["hs_lastmodifieddate"] for body in index.bodies)
    assert set(names) <= set(pages[0].records[0].properties)
