"""Whatever HubSpot's documents leave open may be missing: the whole job against a portal that sends the least."""

from __future__ import annotations

from datetime import timedelta

import pytest

from connectors.base import Change, Stream, StreamMap, Window
from connectors.errors import BadAnswer, MissingScope
from connectors.http import Answer
from connectors.hubspot.connector import HubSpotConnector
from connectors.hubspot.transport import Request
from mapping.records import FieldSpec, RawRecord, Ref, ValueType
from tests.unit.connectors.bare_portal import BarePortal
from tests.unit.connectors.hubspot_kit import answer, opened, refusal
from tests.unit.connectors.kit import FakeClock

MAPS = {
    "companies": StreamMap("account", ("name", "domain", "industry", "arr_property"), {"arr_property": ("arr",)}),
    "deals": StreamMap("deal", ("dealname", "dealstage", "hs_closed_won_date")),
    "meetings": StreamMap("meeting", ("hs_meeting_title",)),
}
SCORE = FieldSpec("health_score", ValueType.NUMBER, "Health score", "0 to 100", decimals=1)
LINKS = Stream("deals>companies", "link", "links", ids_from="deals")


def connected(portal=None) -> HubSpotConnector:
    return opened(portal or BarePortal(), maps=MAPS)[0]


def records(connector: HubSpotConnector, name: str, window: Window | None = None) -> dict[str, RawRecord]:
    stream = next(stream for stream in connector.streams() if stream.name == name)
    pages = list(connector.pages(stream, window or Window()))
    assert pages[-1].complete
    return {record.id: record for page in pages for record in page.records}


def ref(one: str) -> Ref:
    return Ref("crm", "companies", one)


def test_everything_is_read_and_what_is_left_out_is_empty():
    connector = connected()
    assert connector.identity() == ""
    companies = records(connector, "companies")
    assert {one: dict(record.properties).get("name") for one, record in companies.items()} == {
        "1": "A", "2": None, "3": "C",
    }  # fmt: skip
    assert all(record.modified_at and not record.archived for record in companies.values())
    since = Window(since=FakeClock().now() - timedelta(hours=2))
    assert set(records(connector, "companies", since)) == {"1", "2", "3"}
    deals = next(stream for stream in connector.streams() if stream.name == "deals")
    assert list(connector.all_ids(deals)) == ["9"]


def test_owners_stages_and_links_need_only_their_ids():
    connector = connected()
    assert set(records(connector, "owners")) == {"7"}
    stages = records(connector, "deal_stages")
    assert {one: stage.properties["is_won"] for one, stage in stages.items()} == {"0": True, "1": False}
    [page] = connector.pages(LINKS, Window(), ["9"])
    assert [(link.from_id, link.to_id, link.primary) for link in page.links] == [("9", "1", True)]


def test_properties_of_other_editions_are_not_connected():
    connector = connected()
    assert connector.not_connected() == {"companies": ("arr", "industry"), "deals": ("hs_closed_won_date",)}
    checks = {check.name: check for check in connector.checks()}
    assert (checks["credentials"].status, checks["properties of deals"].status) == ("warning", "warning")
    assert "hs_closed_won_date" in checks["properties of deals"].detail
    assert not [check for check in checks.values() if check.status == "error" and "meetings" not in check.name]


def test_fields_are_made_one_by_one_and_values_written_and_read():
    portal = BarePortal()
    connector = connected(portal)
    assert [one.action for one in connector.fields().apply(connector.fields().plan([SCORE]))] == ["exists"]
    changes = [Change(ref(one), {"cs_health_score": f"8{one}"}) for one in ("1", "2", "77")]
    bad = Change(ref("3"), {"nowhere": "1"})
    assert [one.kind for one in connector.write([*changes, bad])] == ["confirmed", "confirmed", "gone", "rejected"]
    assert connector.write([Change(ref("2"), {"cs_health_score": None})])[0].kind == "confirmed"
    seen = {
        one.ref.id: one for one in connector.read_values([ref(one) for one in ("1", "2", "77")], ["cs_health_score"])
    }
    assert seen["1"].values == {"cs_health_score": "81"}
    assert seen["2"].values == {"cs_health_score": None}
    assert seen["77"].missing


@pytest.mark.parametrize("reply", [answer({}, 404), answer({"message": "not for you"}, 403)])
def test_an_object_type_that_is_not_served_is_like_one_that_may_not_be_read(reply: Answer):
    def without_meetings(request: Request) -> Answer:
        return reply if "meetings" in request.path else BarePortal()(request)

    connector = connected(without_meetings)
    with pytest.raises(MissingScope):
        records(connector, "meetings")
    with pytest.raises(MissingScope):
        list(connector.pages(Stream("meetings>contacts", "attendance", "links", optional=True), Window(), ["1"]))


def test_an_archived_list_that_brings_live_records_does_not_archive_them():
    def heedless(request: Request) -> Answer:
        if request.path.endswith("/companies") and request.method == "GET" and "objects" in request.path:
            return answer({"results": [{"id": "1", "archived": False, "properties": {"name": "A"}}]})
        return BarePortal()(request)

    assert not records(connected(heedless), "companies")["1"].archived


@pytest.mark.parametrize(
    ("error", "fails"),
    [
        ({"category": "OBJECT_NOT_FOUND", "message": "x"}, False),
        ({"subCategory": "crm.associations.NO_ASSOCIATIONS_FOUND"}, False),
        ({"message": "No company is associated with deal 9."}, False),
        ({"category": "INTERNAL_ERROR", "message": "timed out"}, True),
        ({}, True),
    ],
)
def test_only_an_error_that_means_no_links_is_read_as_none(error: dict[str, object], fails: bool):
    connector = connected(lambda _request: answer({"results": [], "errors": [error]}, 207))
    if fails:
        with pytest.raises(BadAnswer):
            list(connector.pages(LINKS, Window(), ["9"]))
    else:
        assert [page.links for page in connector.pages(LINKS, Window(), ["9"])] == [()]


@pytest.mark.parametrize("there", [True, False])
def test_a_record_that_a_batch_read_leaves_out_is_only_dropped_when_it_is_gone(there: bool):
    names = tuple(f"a_rather_long_property_name_{number:03}" for number in range(400))

    def lossy(request: Request) -> Answer:
        if "/properties/" in request.path:
            return answer({"results": [{"name": name, "type": "string"} for name in ("name", "domain", *names)]})
        if request.path.endswith("/batch/read"):
            return answer({"results": [{"id": "1", "properties": {}}]})
        if request.path.endswith("/2"):
            return answer({"id": "2"}) if there else refusal(404, "OBJECT_NOT_FOUND")
        archived = dict(request.query).get("archived") == "true"
        return answer({"results": [] if archived else [{"id": "1"}, {"id": "2"}]})

    connector = opened(lossy, maps={"companies": StreamMap("account", names)})[0]
    if there:
        with pytest.raises(BadAnswer, match="leaves out record 2"):
            records(connector, "companies")
    else:
        assert set(records(connector, "companies")) == {"1"}


def test_a_guard_read_looks_again_before_it_calls_a_record_gone():
    def forgetful(request: Request) -> Answer:
        if request.path.endswith("/batch/read"):
            return answer({"results": [], "errors": [{"category": "INTERNAL_ERROR"}]}, 207)
        return BarePortal()(request)

    seen = connected(forgetful).read_values([ref("1"), ref("77")], ["name"])
    assert [(one.missing, one.values.get("name")) for one in seen] == [(False, "A"), (True, None)]


@pytest.mark.parametrize(
    ("error", "kinds"),
    [
        ({"category": "VALIDATION_ERROR", "message": "no such option"}, ["confirmed", "rejected"]),
        ({"category": "OBJECT_NOT_FOUND", "message": "gone"}, ["confirmed", "in_doubt"]),
    ],
)
def test_an_error_about_no_row_is_about_the_row_that_is_left(error: dict[str, object], kinds: list[str]):
    reply = answer({"results": [{"id": 1}], "numErrors": 36, "errors": [error]}, 207)
    outcomes = connected(lambda _request: reply).write([Change(ref(one), {"name": "x"}) for one in ("1", "2")])
    assert [one.kind for one in outcomes] == kinds
    assert outcomes[1].reason == error["message"]
    both = connected(lambda _request: answer({"results": [], "errors": [error]}, 207))
    outcomes = both.write([Change(ref(one), {"name": "x"}) for one in ("1", "2")])
    assert {(one.kind, one.reason) for one in outcomes} == {("in_doubt", error["message"])}


def test_a_category_counts_beside_a_narrower_code():
    error = {"category": "OBJECT_NOT_FOUND", "subCategory": "crm.objects.SOMETHING", "context": {"ids": [2]}}

    def handle(request: Request) -> Answer:
        return answer({"errors": [error]}, 207) if request.method == "POST" else answer({}, 404)

    assert connected(handle).write([Change(ref("2"), {"name": "x"})])[0].kind == "gone"
