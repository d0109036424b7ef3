from __future__ import annotations

from datetime import timedelta

import pytest

from connectors.base import Page, Stream, StreamMap, Window
from connectors.errors import BadAnswer, ConfigError, SchemaDrift
from connectors.http import Answer
from connectors.hubspot.transport import Request
from tests.unit.connectors.hubspot_kit import MAPS, answer, definitions, opened, refusal, rows
from tests.unit.connectors.kit import FakeClock

DEFINED = definitions("name", "arr_property", "hs_lastmodifieddate", "hs_merged_object_ids")


def portal(*, defined=DEFINED, live=None, archived=None):
    """A portal with pages of companies: token → page."""
    live, archived = live or {None: rows("1")}, archived or {None: rows()}

    def handle(request: Request) -> Answer:
        if "/properties/" in request.path:
            return answer(defined() if callable(defined) else defined)
        query = dict(request.query)
        return answer((archived if query.get("archived") == "true" else live)[query.get("after")])

    return handle


def companies(connector) -> Stream:
    return next(stream for stream in connector.streams() if stream.name == "companies")


def pull(handler, window: Window | None = None, maps=MAPS) -> list[Page]:
    connector, _script, _clock = opened(handler, maps=maps)
    return list(connector.pages(companies(connector), window or Window()))


def ids(pages: list[Page], *, archived: bool = False) -> list[str]:
    return [record.id for page in pages for record in page.records if record.archived is archived]


def test_live_pages_come_first_then_archived_ones():
    live = {None: rows("1", "2", after="a"), "a": rows("3")}
    pages = pull(portal(live=live, archived={None: rows("8", after="b"), "b": rows("9")}))
    assert (ids(pages), ids(pages, archived=True)) == (["1", "2", "3"], ["8", "9"])
    assert [page.complete for page in pages] == [False, False, False, True]
    assert pages[-1].high_water == FakeClock().now() - timedelta(minutes=10)


def test_a_pull_resumes_after_each_position_with_its_own_start():
    live = {None: rows("1", "2", after="a"), "a": rows("3")}
    handler = portal(live=live, archived={None: rows("8", after="b"), "b": rows("9")})
    pages = pull(handler)
    later = FakeClock()
    later.pass_by(7200)
    connector, _script, _clock = opened(handler, clock=later)
    rest = list(connector.pages(companies(connector), Window(position=pages[0].position)))
    assert ids(rest) == ["3"]
    assert rest[-1].high_water == pages[-1].high_water


def test_a_list_that_leads_in_a_circle_ends():
    with pytest.raises(BadAnswer, match="circle"):
        pull(portal(live={None: rows("1", after="a"), "a": rows("2", after="a")}))


@pytest.mark.parametrize("page", [{}, {"results": None}, {"results": [{"properties": {}}]}, {"results": ["x"]}])
def test_a_page_without_records_is_not_a_page(page: dict[str, object]):
    with pytest.raises(BadAnswer, match="no list of records"):
        pull(portal(live={None: page}))


def test_a_position_of_another_version_is_a_configuration_error():
    for text in ("a:17", '{"phase": "live"}', "[]"):
        with pytest.raises(ConfigError, match="--full"):
            pull(portal(), Window(position=text))


def test_merged_ids_are_told():
    page = {
        "results": [{"id": "9", "properties": {"name": "x", "arr_property": None, "hs_merged_object_ids": "3;4; 9;3"}}]
    }
    assert pull(portal(live={None: page}))[0].records[0].merged_from == ("3", "4")


def test_archived_records_of_an_increment_are_those_of_its_window():
    clock = FakeClock()

    def gone(one: str, hours: float) -> dict[str, object]:
        moment = (clock.now() - timedelta(hours=hours)).isoformat()
        return {"id": one, "properties": {}, "archived": True, "archivedAt": moment}

    handler = portal(archived={None: {"results": [gone("1", 2), gone("2", 0.5), {"id": "3", "properties": {}}]}})

    def with_search(request: Request) -> Answer:
        return answer({"total": 0, "results": []}) if request.path.endswith("/search") else handler(request)

    connector, _script, _clock = opened(with_search, clock=clock)
    pages = list(connector.pages(companies(connector), Window(since=clock.now() - timedelta(hours=1))))
    assert ids(pages, archived=True) == ["2", "3"]


def test_a_lacking_custom_property_is_not_connected():
    connector, script, _clock = opened(portal(defined=definitions("name", "dealname", "hs_lastmodifieddate")))
    list(connector.pages(companies(connector), Window()))
    listed = next(request for request in script.requests if request.path.endswith("objects/companies"))
    assert "arr_property" not in dict(listed.query)["properties"]
    assert connector.not_connected() == {"companies": ("arr",)}
    assert "arr_property" not in companies(connector).properties


def test_a_lacking_standard_or_explicit_property_is_a_schema_drift():
    with pytest.raises(SchemaDrift, match="no property name on companies"):
        pull(portal(defined=definitions("arr_property")))
    explicit = StreamMap("account", ("name", "arr_property"), {"arr_property": ("arr",)}, frozenset({"arr_property"}))
    with pytest.raises(SchemaDrift, match="no property arr_property"):
        pull(portal(defined=definitions("name")), maps={"companies": explicit})


def test_a_property_that_vanishes_during_the_pull_is_not_read_as_empty():
    left = [DEFINED]
    without = {"results": [{"id": "2", "properties": {"name": "x"}}]}
    handler = portal(
        defined=lambda: left.pop() if left else definitions("name", "hs_lastmodifieddate", "hs_merged_object_ids"),
        live={None: rows("1", after="a"), "a": without},
    )
    with pytest.raises(SchemaDrift, match="removed while"):
        pull(handler)


def test_a_portal_that_leaves_out_empty_properties_is_asked_once():
    bare = {"results": [{"id": "1", "properties": {}}]}
    handler = portal(live={None: {**bare, **rows("1", after="a"), "results": bare["results"]}, "a": bare})
    connector, script, _clock = opened(handler)
    list(connector.pages(companies(connector), Window()))
    assert sum("/properties/" in path for path in script.paths()) == 2


def test_a_forbidden_object_type_stops_only_its_own_stream():
    handler = portal()

    def handle(request: Request) -> Answer:
        if "deals" in request.path:
            return refusal(403, "MISSING_SCOPES")
        return answer({"portalId": 1}) if "account-info" in request.path else handler(request)

    connector, _script, _clock = opened(handle)
    assert connector.identity() == "1"
    assert ids(list(connector.pages(companies(connector), Window()))) == ["1"]
    assert connector.not_connected() == {}


def test_streams_are_offered_parents_first_and_without_a_request():
    connector, script, _clock = opened(portal(), maps={**MAPS, "meetings": StreamMap("meeting", ("hs_meeting_title",))})
    streams = connector.streams()
    assert [stream.name for stream in streams] == [
        "owners",
        "deal_stages",
        "companies",
        "deals",
        "meetings",
        "deals>companies",
        "meetings>companies",
        "meetings>contacts",
    ]
    assert [stream.name for stream in streams if stream.optional] == [
        "meetings",
        "meetings>companies",
        "meetings>contacts",
    ]
    assert script.requests == []
    with pytest.raises(ConfigError, match="no stream"):
        connector.pages(Stream("contacts", "contact"), Window())
