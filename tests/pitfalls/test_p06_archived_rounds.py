"""P-6: the archived list has no time filter, so it is re-read whole. Increments go round it, a few pages each."""

from __future__ import annotations

from connectors.base import Window
from sandbox.hubspot.journal import Actor
from tests.contract.hubspot_kit import portal
from tests.contract.test_hubspot_pull import pull

PERSON = Actor("user:ada", "corr")


def test_p06_an_increment_reads_a_few_pages_and_the_rounds_miss_nothing() -> None:
    with portal(accounts=4) as box:
        hubspot = box.state.portal
        for _ in range(650):
            hubspot.archive("deals", hubspot.create("deals", {"dealname": "old"}, PERSON), PERSON)
        deal = hubspot.create("deals", {"dealname": "the last one of the list"}, PERSON)
        connector = box.connect(pull={"archived_pages": 2})
        box.clock.pass_by(86_400)
        last = pull(connector, "deals")[-1]
        told: list[str] = []
        for number in range(1, 10):
            box.clock.pass_by(3_600)
            if number == 2:
                hubspot.archive("deals", deal, PERSON)
            before = connector.usage().requests
            pages = pull(connector, "deals", Window(since=last.high_water, carry=last.carry))
            assert connector.usage().requests - before <= 1 + 2, "a search, and two pages of the archive"
            last = pages[-1]
            told += [record.id for page in pages for record in page.records if record.archived]
        assert str(deal.id) in told
