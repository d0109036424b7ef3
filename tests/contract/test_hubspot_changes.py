"""What changes behind a connector's back: links, roll-ups, restores, pages that shift, and paths of every version."""

from __future__ import annotations

from typing import get_args

import pytest
import requests

from connectors.base import Page, Stream, Window
from connectors.hubspot.connector import HubSpotConnector
from connectors.hubspot.settings import ApiVersion
from sandbox.hubspot.auth import OAuthApp
from tests.contract.hubspot_kit import Box, portal, shipped_maps
from tests.contract.test_hubspot_won import win, without


def stream(connector: HubSpotConnector, name: str) -> Stream:
    return next(one for one in connector.streams() if one.name == name)


def pull(connector: HubSpotConnector, name: str, window: Window | None = None) -> list[Page]:
    return list(connector.pages(stream(connector, name), window or Window()))


def live(pages: list[Page]) -> list[str]:
    return sorted({record.id for page in pages for record in page.records if not record.archived})


def person(box: Box, verb: str, **body: object) -> None:
    requests.post(f"{box.served.hubspot_url}/_sandbox/{verb}", json=body, timeout=60).raise_for_status()


@pytest.mark.parametrize("version", get_args(ApiVersion))
def test_every_endpoint_is_there_under_every_version(version: str):
    with portal(accounts=30, oauth=OAuthApp(rotates=False)) as box:
        without(box, "hs_closed_won_date", "hs_v2_date_entered_closedwon", "hs_v2_date_entered_1180004")
        (won,) = win(box)
        box.call_everyone()
        connector = box.connect(api_version=version, oauth=box.oauth())
        assert connector.identity() == "4242424"
        for one in connector.streams():
            if one.kind == "links":
                parents = box.live(one.ids_from or "")
                assert [link for page in connector.pages(one, Window(), parents) for link in page.links], one.name
            else:
                assert any(page.records for page in connector.pages(one, Window())), one.name
        for kind in shipped_maps():
            records = stream(connector, kind)
            assert sorted(connector.all_ids(records)) == box.live(kind)
            (looked_up,) = connector.lookup(records, box.live(kind)[:1])
            assert [record.id for record in looked_up.records] == box.live(kind)[:1]
        (deal,) = (r for page in connector.lookup(stream(connector, "deals"), [won]) for r in page.records)
        assert deal.properties["dealstage.won_at"] == "2026-11-22T13:32:00Z"
        assert all(check.status != "error" for check in connector.checks())
        asked = {name.partition(" ")[2] for name in box.state.stats.by_route}
        assert {"/crm/v3/objects/deals/batch/read", "/crm/v3/pipelines/deals", "/oauth/v3/token"} <= asked
        assert box.state.stats.by_status["404"] == 0


def test_labels_of_users_and_the_primary_mark_are_read_as_they_are_now():
    with portal(accounts=30) as box:
        connector = box.connect()
        deal = next(d for d in box.live("deals") if box.state.portal.associated("deals", int(d), "companies"))
        old = str(box.state.portal.associated("deals", int(deal), "companies")[0])
        new = next(one for one in box.live() if one != old)
        person(box, "associate", object="deals", id=deal, to_object="companies", to=new, primary=True, label="Reseller")

        def found() -> dict[str, tuple[bool, str | None]]:
            pages = connector.pages(stream(connector, "deals>companies"), Window(), [deal])
            return {link.to_id: (link.primary, link.label) for page in pages for link in page.links}

        assert (found()[new], found()[old]) == ((True, "Reseller"), (False, None))
        person(box, "dissociate", object="deals", id=deal, to_object="companies", to=new)
        assert (new in found(), found()[old]) == (False, (True, None))


def test_a_full_pull_of_a_list_that_shifts_brings_every_record_that_stayed():
    with portal(accounts=400) as box:
        before = box.live()
        person(box, "faults", faults=[{"kind": "churn", "path": "/crm/v3/objects/companies"}])
        seen = live(pull(box.connect(), "companies"))
        assert set(before) & set(box.live()) <= set(seen)


@pytest.mark.parametrize("switch", ["short_pages", "empty_pages"])
def test_short_and_empty_pages_end_nothing(switch: str):
    with portal(accounts=250) as box:
        person(box, "options", **{switch: True})
        connector = box.connect()
        full = pull(connector, "companies")
        assert live(full) == box.live()
        since = full[-1].high_water
        box.clock.pass_by(60)
        person(box, "flood", object="companies")
        assert live(pull(connector, "companies", Window(since=since))) == box.live()


def test_a_full_read_shows_what_no_increment_does():
    """Restores, purges and roll-ups do not touch a record's stamp: that is what `pull.full_every_hours` is for."""
    with portal(accounts=40) as box:
        connector = box.connect()
        restored, purged, company = box.live()[:3]
        person(box, "archive", object="companies", id=restored)
        since = pull(connector, "companies")[-1].high_water
        box.clock.pass_by(7200)
        person(box, "restore", object="companies", id=restored)
        person(box, "purge", object="companies", id=purged)
        person(box, "recalculate", object="companies", id=company, properties={"annual_recurring_revenue": "7"})
        box.clock.pass_by(7200)
        assert not {restored, company} & set(live(pull(connector, "companies", Window(since=since))))
        full = {r.id: r for page in pull(connector, "companies") for r in page.records if not r.archived}
        assert (restored in full, purged in full) == (True, False)
        assert full[company].properties["annual_recurring_revenue"] == "7"
