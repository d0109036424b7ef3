"""P-2: fresh edits are missing because the search index lags. Each window looks back behind the start of the last."""

from __future__ import annotations

from connectors.base import Window
from sandbox.hubspot.journal import Actor
from tests.contract.hubspot_kit import portal
from tests.contract.test_hubspot_pull import live, pull

PERSON = Actor("user:ada", "corr")


def test_p02_an_edit_that_search_does_not_know_yet_comes_with_a_later_increment() -> None:
    with portal(accounts=40, index_delay=300.0) as box:
        connector = box.connect()
        box.clock.pass_by(600)
        since = pull(connector, "companies")[-1].high_water
        edited = int(box.live()[0])
        box.state.portal.write("companies", box.state.portal.stores["companies"].live[edited], {"name": "New"}, PERSON)
        box.clock.pass_by(60)
        first = pull(connector, "companies", Window(since=since))
        assert str(edited) not in live(first)
        box.clock.pass_by(400)
        second = pull(connector, "companies", Window(since=first[-1].high_water))
        assert str(edited) in live(second)
