from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from connectors.base import Link, Page, Stream, Window
from connectors.errors import ConnectorError, MissingScope
from connectors.hubspot.connector import HubSpotConnector
from mapping.records import RawRecord
from sandbox.hubspot.auth import ALL_SCOPES, PRIVATE_TOKEN, Token
from sandbox.hubspot.journal import Actor
from tests.contract.hubspot_kit import Box, portal, shipped_maps

PERSON = Actor("user:ada", "corr")
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


def stream(connector: HubSpotConnector, name: str) -> Stream:
    return next(one for one in connector.streams() if one.name == name)


def pull(connector: HubSpotConnector, name: str, window: Window | None = None) -> list[Page]:
    return list(connector.pages(stream(connector, name), window or Window()))


def live(pages: list[Page]) -> set[str]:
    return {record.id for page in pages for record in page.records if not record.archived}


def links(box: Box, connector: HubSpotConnector, kind: str) -> list[Link]:
    ids = box.live(kind.partition(">")[0])
    return [link for page in connector.pages(stream(connector, kind), Window(), ids) for link in page.links]


@pytest.mark.parametrize("version", ["v3", "2026-03", "2026-09"])
def test_a_full_pull_brings_the_whole_portal_with_any_api_version(version: str):
    with portal(accounts=80) as box:
        connector = box.connect(api_version=version)
        assert connector.identity() == "4242424"
        for name in ("companies", "deals", "tickets", "meetings", "calls", "feedback_submissions"):
            assert live(pull(connector, name)) == set(box.live(name))
        assert len(pull(connector, "owners")[0].records) == len(box.state.portal.owners)
        assert {record.properties["object"] for record in pull(connector, "deal_stages")[0].records} == {"deal"}
        found = links(box, connector, "deals>companies")
        assert {link.from_id for link in found} <= set(box.live("deals"))
        assert {link.to_id for link in found} <= set(box.live("companies"))
        answered = links(box, connector, "feedback_submissions>contacts")
        assert {link.from_id for link in answered} == set(box.live("feedback_submissions"))


@pytest.mark.parametrize("short_pages", [False, True])
def test_an_increment_since_ever_equals_a_full_pull(short_pages: bool):
    with portal(accounts=120, short_pages=short_pages) as box:
        connector = box.connect()
        for name in ("companies", "deals", "tickets", "meetings"):
            pages = pull(connector, name, Window(since=LONG_AGO))
            assert live(pages) == set(box.live(name))
            assert pages[-1].expected is not None
            assert pages[-1].expected <= sum(len(page.records) for page in pages)


def test_every_child_has_at_most_one_primary_company_and_it_is_the_portals():
    with portal(accounts=120) as box:
        connector = box.connect()
        for kind in ("deals>companies", "tickets>companies", "meetings>companies"):
            found = links(box, connector, kind)
            primary = [link.from_id for link in found if link.primary]
            assert len(primary) == len(set(primary)) == len({link.from_id for link in found})


def test_a_token_or_an_edition_without_calls_or_surveys_is_not_connected_to_them():
    scopes = ALL_SCOPES - {"crm.objects.contacts.read", "crm.objects.contacts.write", "crm.schemas.contacts.read"}
    scopes -= {"crm.objects.feedback_submissions.read"}
    with portal(accounts=20, tokens=(Token(PRIVATE_TOKEN, "keepwell", scopes),)) as box:
        connector = box.connect()
        connector.identity()
        for name in ("calls", "feedback_submissions", "feedback_submissions>contacts"):
            assert stream(connector, name).optional
            with pytest.raises(MissingScope):
                list(connector.pages(stream(connector, name), Window(), box.live("feedback_submissions")))
        assert not {"calls", "feedback_submissions"} & connector.not_connected().keys()


def test_a_survey_property_by_any_of_its_names_connects_the_field():
    with portal(accounts=20) as box:
        assert "feedback_submissions" not in box.connect().not_connected()
        box.state.portal.schemas["feedback_submissions"].properties.pop("hs_value")
        assert box.connect().not_connected()["feedback_submissions"] == ("score",)


def test_an_idle_increment_costs_a_search_and_an_archived_list():
    with portal(accounts=40) as box:
        connector = box.connect()
        box.clock.pass_by(7200)
        since = pull(connector, "deals")[-1].high_water
        before = connector.usage().requests
        assert live(pull(connector, "deals", Window(since=since))) == set()
        assert connector.usage().requests - before == 2


def test_merged_companies_name_what_they_absorbed():
    with portal(accounts=40) as box:
        connector, hubspot = box.connect(), box.state.portal
        first, second = (hubspot.stores["companies"].live[int(one)] for one in box.live()[:2])
        merged = hubspot.merge("companies", first, second, PERSON)
        records: dict[str, RawRecord] = {r.id: r for page in pull(connector, "companies") for r in page.records}
        assert set(records[str(merged.id)].merged_from) >= {str(first.id), str(second.id)} - {str(merged.id)}
        assert str(second.id) not in records


def test_a_token_without_a_scope_stops_only_what_needs_it():
    scopes = ALL_SCOPES - {"crm.objects.deals.read", "crm.objects.deals.write", "crm.schemas.deals.read"}
    with portal(accounts=40, tokens=(Token(PRIVATE_TOKEN, "keepwell", scopes),)) as box:
        connector = box.connect()
        connector.identity()
        assert live(pull(connector, "companies")) == set(box.live())
        with pytest.raises(MissingScope, match=r"crm\.") as caught:
            pull(connector, "deals")
        assert any("deals" in scope for scope in caught.value.scopes)
        assert {c.name: c.status for c in connector.checks()}["read deals"] == "error"


NAMES = ("companies", "deals", "tickets", "meetings")


def test_streams_can_be_read_in_parallel():
    with portal(accounts=300) as box:
        connector = box.connect()
        with ThreadPoolExecutor(4) as pool:
            full = list(pool.map(lambda name: pull(connector, name), NAMES))
        assert [live(pages) for pages in full] == [set(box.live(name)) for name in NAMES]


def test_what_other_apps_use_is_seen_in_the_headers():
    with portal(accounts=40, daily=1000) as box:
        connector = box.connect()
        connector.identity()
        box.state.quota.spend(500)
        pull(connector, "companies")
        left = next(check for check in connector.checks() if check.name == "quota").detail
        assert int(left.split()[0]) <= 1000 - 500


def test_no_token_appears_in_any_error():
    with portal(accounts=10) as box:
        connector = box.connect()
        connector.identity()
        for kind in ("unauthorized", "forbidden", "uri_too_long", "500", "html_200", "truncated_body", "drop", "daily"):
            box.state.faults.faults.clear()
            box.fault(kind, times=0)
            with pytest.raises(ConnectorError) as caught:
                pull(connector, "owners")
            chain: BaseException | None = caught.value
            while chain is not None:
                assert box.served.hubspot_token not in f"{chain} {chain!r}"
                chain = chain.__cause__ or chain.__context__


def test_overlap_is_configurable():
    with portal(accounts=10) as box:
        now = box.clock.now()
        page = pull(box.connect(overlap_minutes=60), "deals")[-1]
        assert page.high_water == now - timedelta(hours=1)


def test_definitions_tell_what_is_mapped_and_what_is_custom():
    with portal(accounts=5) as box:
        schema = box.connect().schema()
        assert schema.keys() == shipped_maps().keys()
        companies = schema["companies"]
        assert (companies["name"].mapped, companies["name"].custom) == (True, False)
        assert (companies["phone"].mapped, companies["phone"].options) == (False, ())
        edition = companies["product_edition"]
        assert (edition.type, edition.options, edition.custom) == ("enumeration", ("professional", "enterprise"), True)


def stamps(box: Box) -> dict[str, datetime]:
    """When each live company was modified, as the portal knows it."""
    live_ones = box.state.portal.stores["companies"].live.values()
    return {str(one.id): datetime.fromisoformat(one.values["hs_lastmodifieddate"]) for one in live_ones}


def test_a_window_with_an_end_has_its_rows_counts_them_and_proves_itself():
    with portal(accounts=120) as box:
        connector = box.connect()
        modified = stamps(box)
        since, until = sorted(modified.values())[20], sorted(modified.values())[60]
        window = Window(since=since, until=until, archived="none")
        inside = {one for one, moment in modified.items() if since <= moment <= until}
        before = box.state.stats.by_route["GET /crm/v3/objects/companies"]
        pages = pull(connector, "companies", window)
        assert live(pages) == inside
        assert pages[-1].complete
        assert pages[-1].expected == sum(len(page.records) for page in pages) == len(inside)
        assert connector.count(stream(connector, "companies"), window) == len(inside)
        assert box.state.stats.by_route["GET /crm/v3/objects/companies"] == before, "the archived list was not read"
        for number, page in enumerate(pages[:-1], 1):
            rest = pull(connector, "companies", replace(window, position=page.position))
            assert live(pages[:number]) | live(rest) == inside
            assert rest[-1].expected == len(inside)


def test_one_window_can_bring_the_whole_archive_since_its_begin():
    with portal(accounts=400) as box:
        connector = box.connect(pull={"archived_pages": 1})
        doomed = box.live()[:250]
        for one in doomed:
            box.state.portal.archive("companies", box.state.portal.stores["companies"].live[int(one)], PERSON)
        past = Window(since=LONG_AGO, until=LONG_AGO + timedelta(days=1))
        archived = {r.id for page in pull(connector, "companies", replace(past, archived="all")) for r in page.records}
        assert set(doomed) <= archived
        part = {record.id for page in pull(connector, "companies", past) for record in page.records}
        assert len(part) < len(archived)
