"""Full pulls that are read from both ends, and archives that increments go round, against a portal."""

from __future__ import annotations

import pytest

from connectors.base import Window
from tests.contract.hubspot_kit import Box, portal
from tests.contract.test_hubspot_pull import LONG_AGO, PERSON, live, pull, stream

SPLIT = {"split_from": 1}


def searches(box: Box, kind: str = "companies") -> int:
    return box.state.stats.by_route[f"POST /crm/v3/objects/{kind}/search"]


def test_a_pull_from_both_ends_brings_everything_and_goes_on_from_each_page():
    with portal(accounts=700) as box:
        connector = box.connect(pull=SPLIT)
        pages = pull(connector, "companies")
        assert live(pages) == set(box.live())
        assert searches(box) > 2
        assert any('"back":' in (page.position or "") for page in pages)
        for done, page in enumerate(pages[:-1], 1):
            fresh = box.connect(pull=SPLIT)
            rest = pull(fresh, "companies", Window(position=page.position))
            assert live(pages[:done]) | live(rest) == set(box.live())
            assert rest[-1].complete


@pytest.mark.parametrize("fault", ["html_200", "500", "forbidden"])
def test_a_search_that_does_not_work_leaves_all_to_the_list(fault: str):
    with portal(accounts=300) as box:
        box.fault(fault, "*/search", times=0)
        assert live(pull(box.connect(pull=SPLIT), "companies")) == set(box.live())


def test_records_that_change_while_they_are_read_from_both_ends_are_not_lost():
    with portal(accounts=500) as box:
        connector = box.connect(pull=SPLIT)
        before, found = set(box.live()), set()
        store = box.state.portal.stores["companies"]
        for number, page in enumerate(connector.pages(stream(connector, "companies"), Window())):
            found |= {record.id for record in page.records if not record.archived}
            if number == 1:
                lowest, second, *_, highest = sorted(store.live)
                box.state.portal.archive("companies", store.live[highest], PERSON)
                box.state.portal.merge("companies", store.live[lowest], store.live[second], PERSON)
        assert before & set(box.live()) <= found


def test_a_long_archive_is_gone_round_a_few_pages_an_increment():
    with portal(accounts=500) as box:
        store = box.state.portal.stores["companies"]
        ids = sorted(store.live)
        for one in ids[:-60]:
            box.state.portal.archive("companies", store.live[one], PERSON)
        connector = box.connect(pull={"archived_pages": 2})
        box.clock.pass_by(7200)
        since = box.clock.now()
        box.clock.pass_by(60)
        late = [str(one) for one in (*ids[-60:-58], *ids[-2:])]
        for one in late:
            box.state.portal.archive("companies", store.live[int(one)], PERSON)
        told: set[str] = set()
        carry, rounds = None, 0
        while not told >= set(late):
            before = box.state.stats.by_route["GET /crm/v3/objects/companies"]
            pages = pull(connector, "companies", Window(since=since, carry=carry))
            told |= {record.id for page in pages for record in page.records if record.archived}
            assert box.state.stats.by_route["GET /crm/v3/objects/companies"] - before <= 2
            carry, rounds = pages[-1].carry, rounds + 1
            box.clock.pass_by(3600)
            since = pages[-1].high_water
            assert rounds < 10
        assert told == set(late)


def test_a_round_goes_on_where_its_list_token_is_not_taken_any_more():
    with portal(accounts=400) as box:
        store = box.state.portal.stores["companies"]
        for one in sorted(store.live)[:250]:
            box.state.portal.archive("companies", store.live[one], PERSON)
        connector = box.connect(pull={"archived_pages": 1})
        first = pull(connector, "companies", Window(since=LONG_AGO))
        stale = (first[-1].carry or "").replace('"after":"', '"after":"x-')
        again = pull(connector, "companies", Window(since=first[-1].high_water, carry=stale))
        assert again[-1].complete
