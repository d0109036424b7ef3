"""Objects beside Company and the timeline: usage, attendees, and rows that hold Keepwell's own fields."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import requests
import responses

from connectors.base import Change, Page, StreamMap, Window
from connectors.errors import BadAnswer, SchemaDrift
from connectors.gainsight.connector import GainsightConnector
from mapping.records import Link, Ref
from tests.unit.connectors.gainsight_kit import (
    ORIGIN,
    Table,
    companies,
    company_id,
    connector,
    envelope,
    field,
    let_be_absent,
    let_describe,
    pages,
    refusal,
)
from tests.unit.connectors.kit import FakeClock

SINCE = datetime(2026, 11, 20, 6, 30, tzinfo=UTC)
SCORE = "CS_Health_Score__gc"


@pytest.fixture
def tenant() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        let_describe(mock)
        yield mock


USAGE = {"object": "usage__gc", "company": "Company__gc", "as_of": "As_Of__gc"}
USED = {"companies": StreamMap("account", ("Name", "usage.Users__gc", "usage.As_Of__gc"))}
DAY = 86_400_000
OLD = 1_700_000_000_000


def usage(number: int, company: int, users: int, *, days_ago: int, modified: int = OLD) -> dict[str, Any]:
    """A row of usage."""
    today = round(FakeClock().now().timestamp() * 1000)
    return {
        "Gsid": f"1Z{number:03d}", "Company__gc": company_id(company), "As_Of__gc": today - days_ago * DAY,
        "Users__gc": users, "ModifiedDate": modified,
    }  # fmt: skip


def let_use(tenant: responses.RequestsMock, rows: list[dict[str, Any]]) -> Table:
    """Describe an object of usage, and answer queries of it."""
    fields = (
        field("Gsid", "GSID"), field("Company__gc", "LOOKUP"), field("As_Of__gc", "DATE"), field("Users__gc", "NUMBER"),
        field("ModifiedDate", "DATETIME"),
    )  # fmt: skip
    let_describe(tenant, "usage__gc", fields)
    let_be_absent(tenant)
    return Table(rows).let_query(tenant, "usage__gc")


def users(found: list[Page]) -> dict[int, Any]:
    """Users by the number of the company."""
    read = [record for page in found for record in page.records if record.properties]
    return {int(one.id[18:]): one.properties["usage.Users__gc"] for one in read}


def test_usage_beside_companies_is_the_latest_row_of_each(tenant: responses.RequestsMock) -> None:
    rows = [usage(1, 1, 10, days_ago=3), usage(2, 1, 12, days_ago=1), usage(3, 1, 11, days_ago=2),
            usage(4, 3, 30, days_ago=400), usage(5, 5, 50, days_ago=91)]  # fmt: skip
    beside = let_use(tenant, rows)
    table = Table(companies(5)).let_query(tenant)
    found = pages(connector(maps=USED, usage=USAGE, pull={"page": 2}))
    assert users(found) == {1: 12, 2: None, 3: None, 4: None, 5: 50}
    assert "usage.Users__gc" not in table.asked[0]["select"]
    asked = [[(one["name"], one["operator"]) for one in body["where"]["conditions"]] for body in beside.asked]
    assert asked[0] == [("Company__gc", "LTE"), ("As_Of__gc", "GTE")]
    assert [("Company__gc", "GT"), ("Company__gc", "LTE"), ("As_Of__gc", "GTE")] in asked


def test_usage_costs_a_call_for_a_page_of_companies_that_does_not_fill_it(tenant: responses.RequestsMock) -> None:
    beside = let_use(tenant, [usage(number, number, 1, days_ago=1) for number in range(1, 6)])
    table = Table(companies(8)).let_query(tenant)
    assert len(users(pages(connector(maps=USED, usage=USAGE, pull={"page": 3})))) == 8
    assert (len(table.asked), len(beside.asked)) == (3, 2 + 1 + 1), "a full answer may not be the last one"


def test_a_company_is_read_again_when_its_usage_changed(tenant: responses.RequestsMock) -> None:
    now = round(FakeClock().now().timestamp() * 1000)
    let_use(tenant, [usage(1, 1, 10, days_ago=3), usage(2, 4, 40, days_ago=1, modified=now)])
    rows = [{**one, "ModifiedDate": OLD} for one in companies(5)]
    table = Table(rows).let_query(tenant)
    Table([]).let_query(tenant, "record_delete_log")
    assert users(pages(connector(maps=USED, usage=USAGE), Window(since=SINCE))) == {4: 40}
    assert [one["operator"] for one in table.asked[-1]["where"]["conditions"]] == ["EQ"]


def test_all_companies_are_read_when_the_usage_of_many_changed(
    tenant: responses.RequestsMock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.gainsight.beside.MOST_CHANGED", 2)
    now = round(FakeClock().now().timestamp() * 1000)
    let_use(tenant, [usage(number, number, number, days_ago=1, modified=now) for number in range(1, 4)])
    Table([{**one, "ModifiedDate": OLD} for one in companies(5)]).let_query(tenant)
    Table([]).let_query(tenant, "record_delete_log")
    one = connector(maps=USED, usage=USAGE, pull={"page": 2})
    found = pages(one, Window(since=SINCE))
    assert users(found) == {1: 1, 2: 2, 3: 3, 4: None, 5: None}
    resumed = pages(one, Window(since=SINCE, position=found[0].position))
    assert users(resumed) == {3: 3, 4: None, 5: None}


def test_usage_that_is_mapped_needs_the_object_and_its_fields(tenant: responses.RequestsMock) -> None:
    let_use(tenant, [])
    with pytest.raises(SchemaDrift, match="usage__gc has no field Day__gc"):
        connector(maps=USED, usage={**USAGE, "as_of": "Day__gc"}).streams()
    with pytest.raises(SchemaDrift, match=r"no field usage\.Users__gc"):
        connector(maps=USED).streams()


def test_doctor_tells_objects_that_are_named_and_never_read(tenant: responses.RequestsMock) -> None:
    let_use(tenant, [])
    named: dict[str, Any] = {"usage": USAGE, "milestones": {"object": "steps__gc"}, "objects": {"tickets": "cases__gc"}}
    told = {one.name: one.detail for one in connector(**named).checks() if one.status == "warning"}
    for key, name in {"usage": "usage__gc", "milestones": "steps__gc", "tickets": "cases__gc"}.items():
        assert told[f"object of {key}"] == f"{name} is named, and no field of it is mapped"
    assert not any("object of" in one.name for one in connector(maps=USED, usage=USAGE).checks())


def attendance(one: GainsightConnector, ids: list[str]) -> list[Link]:
    """Links of meetings."""
    stream = next(each for each in one.streams() if each.kind == "links")
    assert (stream.entity, stream.ids_from) == ("attendance", "meetings")
    return [link for page in one.pages(stream, Window(), ids) for link in page.links]


ATTENDEES = {"meeting": "Activity", "person": "Person"}
NAMED = {"attendees": ATTENDEES}


def let_meet(tenant: responses.RequestsMock, met: dict[str, list[str | None]], keys: dict[str, str]) -> Table:
    """Describe timeline and attendees; `met` are persons by what the latter call a meeting, `keys` that by its id."""
    fields = (field("Gsid", "GSID"), field("TypeName"), field("Subject"), field("ActivityId"))
    let_describe(tenant, "activity_timeline", fields)
    let_describe(tenant, "activity_attendee", (field("Activity"), field("Person")))
    let_be_absent(tenant)
    rows = [{"Gsid": one, "ActivityId": key, "TypeName": "Meeting"} for one, key in keys.items()]
    Table(rows).let_query(tenant, "activity_timeline")
    rows = [{"Activity": meeting, "Person": one} for meeting, persons in met.items() for one in persons]
    return Table(rows).let_query(tenant, "activity_attendee")


MEETINGS = {"meetings": StreamMap("meeting", ("Subject",))}


def test_persons_of_meetings_come_from_the_object_that_is_named(tenant: responses.RequestsMock) -> None:
    let_meet(tenant, {"1A1": ["p1", "p2", "p1", None], "1A2": ["p1"], "1A9": ["p9"]}, {"1A1": "x", "1A2": "y"})
    one = connector(maps=MEETINGS, timeline={"attendees": ATTENDEES})
    found = [(link.from_id, link.to_id) for link in attendance(one, ["1A1", "1A2", "1A3"])]
    assert found == [("1A1", "p1"), ("1A1", "p2"), ("1A2", "p1")]


def test_meetings_may_be_called_otherwise_by_their_attendees(tenant: responses.RequestsMock) -> None:
    let_meet(tenant, {"x": ["p1"], "y": ["p2"]}, {"1A1": "x", "1A2": "y"})
    one = connector(maps=MEETINGS, timeline={"attendees": {**ATTENDEES, "meeting_key": "ActivityId"}})
    assert [(link.from_id, link.to_id) for link in attendance(one, ["1A1", "1A2"])] == [("1A1", "p1"), ("1A2", "p2")]


def test_an_answer_of_attendees_that_may_be_cut_is_asked_for_again_in_halves(tenant: responses.RequestsMock) -> None:
    met: dict[str, list[str | None]] = {
        f"1A{meeting}": [f"p{meeting}{number}" for number in range(3)] for meeting in range(5)
    }
    table = let_meet(tenant, met, {})
    for page in (3, 4):
        assert len(attendance(connector(maps=MEETINGS, timeline=NAMED, pull={"page": page}), list(met))) == 15
    table.most = 4
    assert len(attendance(connector(maps=MEETINGS, timeline=NAMED), list(met))) == 15


def test_answers_of_attendees_are_whole_where_a_longer_one_came(tenant: responses.RequestsMock) -> None:
    met: dict[str, list[str | None]] = {f"1A{meeting:04d}": ["p"] * 2 for meeting in range(1_000)}
    table = let_meet(tenant, {**met, "1A0000": ["p"] * 9}, {})
    attendance(connector(maps=MEETINGS, timeline=NAMED), list(met))
    assert len(table.asked) == 5 + 2, "the first answer is the longest one"


def test_a_field_that_names_no_meeting_is_an_error(tenant: responses.RequestsMock) -> None:
    let_meet(tenant, {"1A1": [f"p{number}" for number in range(5_000)]}, {})
    with pytest.raises(BadAnswer, match="5,000 attendees or more"):
        attendance(connector(maps=MEETINGS, timeline=NAMED), ["1A1"])


def test_attendees_that_are_named_and_not_there_are_an_error_before_anything_is_read(
    tenant: responses.RequestsMock,
) -> None:
    let_meet(tenant, {}, {})
    for wrong in ("person", "meeting", "meeting_key"):
        one = connector(maps=MEETINGS, timeline={"attendees": {**ATTENDEES, wrong: "Persona"}})
        with pytest.raises(SchemaDrift, match="no field Persona"):
            one.streams()
    told = next(check for check in one.checks() if check.name == "fields")
    assert (told.status, "no field Persona" in told.detail) == ("error", True)


def test_a_row_beside_a_company_that_goes_before_the_write_costs_its_neighbours_nothing(
    tenant: responses.RequestsMock,
) -> None:
    detail = {"lookupName": "Company__gr", "lookupObjects": [{"objectName": "company"}]}
    lookup = field("Company__gc", "LOOKUP", hasLookup=True, lookupDetail=detail)
    let_describe(tenant, "kw__gc", (field("Gsid", "GSID"), lookup, field(SCORE, "NUMBER")))
    Table(companies(3)).let_query(tenant)
    ids = {number: company_id(number) for number in (1, 2, 3)}
    rows = [{"Gsid": f"1Z{n}", "Company__gc": one, "Company__gr.Gsid": one} for n, one in ids.items()]
    table, sent = Table(rows).let_query(tenant, "kw__gc"), list[list[str]]()

    def update(request: requests.PreparedRequest) -> tuple[int, dict[str, str], str]:
        records = json.loads(request.body or b"{}")["records"]
        sent.append([one["Gsid"] for one in records])
        if len(sent) == 1:
            table.rows = [row for row in table.rows if row["Gsid"] != "1Z2"]
            return 400, {}, json.dumps(refusal("GSOBJ_1011", "No entity matches the given criteria"))
        return 200, {}, json.dumps(envelope({"count": len(records), "errors": None, "records": records}))

    address = f"{ORIGIN}/v1/data/objects/kw__gc?keys=Gsid"
    tenant.add_callback("PUT", address, callback=update, content_type="application/json")
    one = connector(target={"object": "kw__gc", "company": "Company__gc"})
    outcomes = one.write([Change(Ref("gainsight", "Company", one), {SCORE: "7"}) for one in ids.values()])
    assert [outcome.kind for outcome in outcomes] == ["confirmed", "rejected", "confirmed"]
    assert outcomes[1].code == "NO_ROW"
    assert sent == [["1Z1", "1Z2", "1Z3"], ["1Z1", "1Z3"]]
