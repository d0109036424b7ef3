"""Reading Gainsight: pages by id, windows, what was deleted, and values in their own forms."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from math import ceil
from typing import Any

import pytest
import responses

from connectors.base import StreamMap, Window
from connectors.errors import BadAnswer, ConfigError, SchemaDrift
from mapping.records import Ref
from tests.unit.connectors.gainsight_kit import (
    COMPANY_FIELDS,
    Table,
    companies,
    company_id,
    connector,
    describe_url,
    envelope,
    field,
    let_be_absent,
    let_describe,
    pages,
    query_url,
    refusal,
)
from tests.unit.connectors.kit import FakeClock

SINCE = datetime(2026, 11, 20, 6, 30, tzinfo=UTC)


@pytest.fixture
def tenant() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        let_describe(mock)
        yield mock


@pytest.mark.parametrize(("rows", "calls"), [(49_800, 10), (49_999, 10), (50_000, 11), (50_001, 11)])
def test_a_pull_of_fifty_thousand_costs_a_call_for_five_thousand(
    tenant: responses.RequestsMock, rows: int, calls: int
) -> None:
    let_be_absent(tenant)
    table = Table(companies(rows)).let_query(tenant)
    got = pages(connector())
    assert sum(len(page.records) for page in got) == rows
    assert len(table.asked) == calls == rows // 5_000 + 1 <= ceil(1.05 * rows / 5_000)
    assert {one["offset"] for one in table.asked} == {0}
    assert [page.complete for page in got] == [False] * -(-rows // 5_000) + [True]


def test_full_pages_end_with_one_that_is_empty(tenant: responses.RequestsMock) -> None:
    let_be_absent(tenant)
    table = Table(companies(6)).let_query(tenant)
    assert len(pages(connector(pull={"page": 3}))) == 3
    assert [len(one["where"]["conditions"]) if "where" in one else 0 for one in table.asked] == [0, 1, 1]


def test_a_tenant_that_gives_fewer_rows_than_asked_for_loses_none(tenant: responses.RequestsMock) -> None:
    let_be_absent(tenant)
    Table(companies(7), most=2).let_query(tenant)
    assert sum(len(page.records) for page in pages(connector())) == 7


def test_rows_that_come_and_go_between_pages_cost_no_other_row(tenant: responses.RequestsMock) -> None:
    let_be_absent(tenant)
    table = Table(companies(9)).let_query(tenant)
    one = connector(pull={"page": 3})
    seen = []
    for page in one.pages(next(each for each in one.streams() if each.name == "companies"), Window()):
        seen += [record.id for record in page.records]
        if len(seen) == 3:
            table.rows = [row for row in table.rows if row["Gsid"] not in {company_id(1), company_id(5)}]
    assert seen == [company_id(number) for number in (1, 2, 3, 4, 6, 7, 8, 9)]


def test_rows_out_of_order_are_an_error_and_not_a_gap(tenant: responses.RequestsMock) -> None:
    let_be_absent(tenant)
    rows = list(reversed(companies(3)))
    tenant.post(query_url("Company"), json=envelope({"records": rows}))
    with pytest.raises(BadAnswer, match="order of their ids"):
        pages(connector())


def test_an_increment_asks_by_stamp_with_its_offset_and_pages_by_id(tenant: responses.RequestsMock) -> None:
    let_be_absent(tenant)
    table = Table(companies(5)).let_query(tenant)
    log = Table([]).let_query(tenant, "record_delete_log")
    clock = FakeClock()
    got = pages(connector(clock, pull={"page": 3}), Window(since=SINCE))
    first, second = table.asked[0]["where"], table.asked[1]["where"]
    assert first["conditions"] == [
        {"name": "ModifiedDate", "alias": "A", "value": ["2026-11-20T06:30:00+00:00"], "operator": "GTE"}
    ]
    assert second["conditions"][1] == {"name": "Gsid", "alias": "B", "value": [company_id(3)], "operator": "GT"}
    assert second["expression"] == "A AND B"
    assert got[-1].high_water == clock.now() - timedelta(hours=24)
    assert log.asked[0]["where"]["conditions"][0]["value"] == ["2026-11-20T00:00:00+00:00"]


def test_a_quiet_increment_costs_two_calls(tenant: responses.RequestsMock) -> None:
    let_be_absent(tenant)
    Table([]).let_query(tenant)
    Table([]).let_query(tenant, "record_delete_log")
    one = connector()
    one.streams()
    before = one.usage().requests
    assert [page.complete for page in pages(one, Window(since=SINCE))] == [True]
    assert one.usage().requests - before == 2


def test_what_the_log_says_was_deleted_is_gone_unless_it_came_back(tenant: responses.RequestsMock) -> None:
    let_be_absent(tenant)
    Table(companies(2)).let_query(tenant)
    entries = [
        {"RecordId": company_id(1), "DeletedOn": "2026-11-21T07:17:16Z", "ObjectName": "Company"},
        {"RecordId": company_id(9), "DeletedOn": "2026-11-21T08:00:00Z", "ObjectName": "company"},
        {"RecordId": "1P05X", "DeletedOn": "2026-11-21T08:00:00Z", "ObjectName": "Relationship"},
    ]
    Table(entries).let_query(tenant, "record_delete_log")
    gone = [record for page in pages(connector(), Window(since=SINCE)) for record in page.records if record.archived]
    assert [(one.id, one.modified_at) for one in gone] == [(company_id(9), datetime(2026, 11, 21, 8, tzinfo=UTC))]


def test_an_entry_of_the_log_that_sorts_otherwise_or_has_no_id_stops_nothing(tenant: responses.RequestsMock) -> None:
    let_be_absent(tenant)
    Table(companies(2)).let_query(tenant)
    ids = [company_id(8), "a-lower-case-id", company_id(9), None, company_id(9)]
    entries = [{"RecordId": one, "DeletedOn": "2026-11-21T08:00:00Z", "ObjectName": "Company"} for one in ids]
    Table(entries).let_query(tenant, "record_delete_log")
    gone = [record.id for page in pages(connector(), Window(since=SINCE)) for record in page.records if record.archived]
    assert gone == [company_id(8), "a-lower-case-id", company_id(9)]


@pytest.mark.parametrize("most", [1, 2, 3])
def test_records_that_are_looked_up_are_all_there_however_few_a_call_gives(
    tenant: responses.RequestsMock, most: int
) -> None:
    let_be_absent(tenant)
    Table(companies(5), most=most).let_query(tenant)
    one = connector()
    stream = next(each for each in one.streams() if each.name == "companies")
    ids = [company_id(number) for number in range(1, 8)]
    found = [record.id for page in one.lookup(stream, ids) for record in page.records]
    assert found == ids[:5]
    seen = one.read_values([Ref("gainsight", "Company", each) for each in ids], ["CS_Health_Score__gc"])
    assert [each.missing for each in seen] == [False] * 5 + [True] * 2


def test_a_tenant_without_the_log_is_read_all_the_same(tenant: responses.RequestsMock) -> None:
    let_be_absent(tenant)
    Table(companies(1)).let_query(tenant)
    body = {"result": False, "title": "OBJECT_NOT_FOUND", "errorDesc": "Requested object not found."}
    tenant.post(query_url("record_delete_log"), json=body, status=400)
    assert pages(connector(), Window(since=SINCE))[-1].complete


def test_a_log_with_other_column_names_is_read_by_its_description(tenant: responses.RequestsMock) -> None:
    let_be_absent(tenant)
    Table(companies(2)).let_query(tenant)
    names = ("Record_Gsid", "Deleted_At", "Entity_Name")
    let_describe(tenant, "record_delete_log", [field(name) for name in names])
    values = (company_id(9), "2026-11-21T08:00:00Z", "Company")
    renamed = Table([dict(zip(names, values, strict=True))])

    def answer(request: Any) -> tuple[int, dict[str, str], str]:
        if not set(json.loads(request.body)["select"]) <= set(names):
            return 400, {}, json.dumps(refusal("GSOBJ_1002", "Invalid fields in select clause - RecordId"))
        return renamed(request)

    tenant.add_callback("POST", query_url("record_delete_log"), callback=answer, content_type="application/json")
    one = connector()
    gone = [record for page in pages(one, Window(since=SINCE)) for record in page.records if record.archived]
    assert [record.id for record in gone] == [company_id(9)]
    (check,) = [check for check in one.checks() if check.name == "delete log"]
    assert (check.status, check.detail) == ("ok", f"readable ({', '.join(names)})")


def test_doctor_says_that_nobody_tells_what_was_deleted(tenant: responses.RequestsMock) -> None:
    let_be_absent(tenant)
    body = {"result": False, "title": "OBJECT_NOT_FOUND", "errorDesc": "Requested object not found."}
    tenant.post(query_url("record_delete_log"), json=body, status=400)
    (check,) = [check for check in connector().checks() if check.name == "delete log"]
    assert (check.status, check.detail) == (
        "warning",
        "cannot be read: each full read (every 168 h) tells what is gone",
    )


def test_values_come_in_one_form_whatever_gainsight_calls_them(tenant: responses.RequestsMock) -> None:
    let_be_absent(tenant)
    row = {
        "Gsid": company_id(1), "name": "Acme", "ModifiedDate": 1_790_000_000_000, "RenewalDate": 31_536_000_000,
        "Stage": "1I00Will Churn", "CS_Renewal_Status__gc": "1I00On track",
    }  # fmt: skip
    tenant.post(query_url("Company"), json=envelope({"records": [row]}))
    tenant.post(query_url("Company"), json=envelope({"records": []}))
    names = ("Name", "RenewalDate", "Stage", "CS_Renewal_Status__gc", "CS_Scored_At__gc")
    maps = {"companies": StreamMap("account", names, {"CS_Renewal_Status__gc": ()})}
    (record,) = pages(connector(maps=maps))[0].records
    assert record.properties == {
        "Name": "Acme", "RenewalDate": "1971-01-01", "Stage": "Will Churn", "CS_Renewal_Status__gc": "on_track",
        "CS_Scored_At__gc": None,
    }  # fmt: skip
    assert record.modified_at == datetime.fromtimestamp(1_790_000_000, UTC)


def test_a_field_of_the_tenant_s_is_read_by_its_label_whatever_it_begins_with(tenant: responses.RequestsMock) -> None:
    let_be_absent(tenant)
    Table(companies(1, CS_Renewal_Status__gc="1I00On track")).let_query(tenant)
    mapped = StreamMap("account", ("Name", "CS_Renewal_Status__gc"), {"CS_Renewal_Status__gc": ("edition",)})
    (record,) = pages(connector(maps={"companies": mapped}))[0].records
    assert record.properties["CS_Renewal_Status__gc"] == "On track"


def test_what_the_tenant_lacks_is_not_connected_and_what_was_named_is_an_error(tenant: responses.RequestsMock) -> None:
    let_be_absent(tenant)
    custom = {"Arr": ("arr",), "Website__gc": ("domain",), "Name": ("domain",)}
    one = connector(maps={"companies": StreamMap("account", ("Name",), custom)})
    assert one.not_connected() == {"companies": ("arr",)}
    named = StreamMap("account", ("Name", "name_of"), {"name_of": ("name",)}, frozenset({"name_of"}))
    with pytest.raises(SchemaDrift, match="no field name_of"):
        connector(maps={"companies": named}).streams()
    with pytest.raises(SchemaDrift, match="NAME is spelled Name"):
        connector(maps={"companies": StreamMap("account", ("NAME",))}).streams()


def test_meetings_and_calls_are_the_timelines_of_their_type(tenant: responses.RequestsMock) -> None:
    fields = (field("Gsid", "GSID"), field("TypeName"), field("Subject"), field("LastModifiedDate", "DATETIME"))
    let_describe(tenant, "activity_timeline", fields)
    let_be_absent(tenant)
    rows = [
        {"Gsid": f"1A{number}", "TypeName": kind, "Subject": kind, "LastModifiedDate": 1_790_000_000_000}
        for number, kind in enumerate(["Meeting", "Call", "Update", "Meeting"])
    ]
    table = Table(rows).let_query(tenant, "activity_timeline")
    maps = {name: StreamMap(name[:-1], ("Subject",)) for name in ("meetings", "calls")}
    one = connector(maps={"companies": StreamMap("account", ("Name",)), **maps})
    assert [len(page.records) for page in pages(one, name="meetings")] == [2, 0]
    assert [len(page.records) for page in pages(one, name="calls")] == [1, 0]
    assert {"Gsid", "LastModifiedDate", "Subject"} == set(table.asked[0]["select"])


def test_what_counts_as_a_meeting_is_what_the_settings_say(tenant: responses.RequestsMock) -> None:
    let_describe(tenant, "activity_timeline", (field("Gsid", "GSID"), field("TypeName"), field("Subject")))
    let_be_absent(tenant)
    kinds = ("Meeting", "In-Person Meeting", "Quarterly Review")
    rows = [{"Gsid": f"1A{number}", "TypeName": kind, "Subject": kind} for number, kind in enumerate(kinds)]
    Table(rows).let_query(tenant, "activity_timeline")
    maps = {"meetings": StreamMap("meeting", ("Subject",))}
    for timeline, count in (({}, 2), ({"meetings": ["Meeting", "Quarterly Review"]}, 2), ({"meetings": kinds}, 3)):
        found = pages(connector(maps=maps, timeline=timeline), name="meetings")
        assert sum(len(page.records) for page in found) == count


def test_owners_are_the_users_by_whatever_their_fields_are_called(tenant: responses.RequestsMock) -> None:
    let_describe(tenant, "gsuser", (field("Gsid", "GSID"), field("Name"), field("Email"), field("IsActiveUser")))
    let_be_absent(tenant)
    rows = [{"Gsid": "1P01A", "Name": "Ann", "Email": "ann@vendor.example", "IsActiveUser": True}]
    Table(rows).let_query(tenant, "gsuser")
    (ann,) = pages(connector(), name="owners")[0].records
    assert (ann.id, ann.properties) == ("1P01A", {"name": "Ann", "email": "ann@vendor.example", "active": True})


def test_objects_of_the_tenant_are_read_where_the_settings_name_them(tenant: responses.RequestsMock) -> None:
    let_describe(tenant, "call_to_action", (field("Gsid", "GSID"), field("TypeName"), field("Name")))
    let_be_absent(tenant)
    rows = [{"Gsid": f"1S{n}", "TypeName": kind, "Name": kind} for n, kind in enumerate(["Lifecycle", "Risk"])]
    Table(rows).let_query(tenant, "call_to_action")
    maps = {"companies": StreamMap("account", ("Name",)), "milestones": StreamMap("milestone", ("Name",))}
    where = {"object": "call_to_action", "where": {"TypeName": "Lifecycle"}}
    found = pages(connector(maps=maps, milestones=where), name="milestones")
    assert [record.properties["Name"] for page in found for record in page.records] == ["Lifecycle"]


@pytest.mark.parametrize(
    ("kind", "given", "asked"),
    [
        ("BOOLEAN", True, [True]), ("BOOLEAN", "true", [True]), ("NUMBER", 2, [2]), ("NUMBER", "2.5", [2.5]),
        ("STRING", 7, ["7"]), ("STRING", ["a", "b"], ["a", "b"]), ("NUMBER", [1, 2], [1, 2]),
    ],
)  # fmt: skip
def test_records_are_chosen_by_values_of_the_field_s_type(
    tenant: responses.RequestsMock, kind: str, given: Any, asked: list[Any]
) -> None:
    let_describe(tenant, "steps__gc", (field("Gsid", "GSID"), field("Chosen__gc", kind), field("Name")))
    let_be_absent(tenant)
    table = Table([{"Gsid": "1Z1", "Chosen__gc": asked[0], "Name": "kick-off"}]).let_query(tenant, "steps__gc")
    maps = {"companies": StreamMap("account", ("Name",)), "milestones": StreamMap("milestone", ("Name",))}
    where = {"object": "steps__gc", "where": {"Chosen__gc": given}}
    found = pages(connector(maps=maps, milestones=where), name="milestones")
    assert [record.id for page in found for record in page.records] == ["1Z1"]
    assert table.asked[0]["where"]["conditions"][0]["value"] == asked


def test_a_value_that_its_field_cannot_have_is_an_error_of_the_configuration(tenant: responses.RequestsMock) -> None:
    let_describe(tenant, "steps__gc", (field("Gsid", "GSID"), field("Chosen__gc", "NUMBER"), field("Name")))
    let_be_absent(tenant)
    maps = {"companies": StreamMap("account", ("Name",)), "milestones": StreamMap("milestone", ("Name",))}
    one = connector(maps=maps, milestones={"object": "steps__gc", "where": {"Chosen__gc": "yes"}})
    with pytest.raises(ConfigError, match="Chosen__gc is a NUMBER field"):
        pages(one, name="milestones")


def test_a_field_to_choose_by_that_is_not_there_is_named(tenant: responses.RequestsMock) -> None:
    let_describe(tenant, "steps__gc", (field("Gsid", "GSID"), field("Chosen__gc"), field("Name")))
    let_be_absent(tenant)
    maps = {"companies": StreamMap("account", ("Name",)), "milestones": StreamMap("milestone", ("Name",))}
    one = connector(maps=maps, milestones={"object": "steps__gc", "where": {"chosen__gc": "yes"}})
    with pytest.raises(SchemaDrift, match="steps__gc has no field chosen__gc") as told:
        one.streams()
    assert "chosen__gc is spelled Chosen__gc" in told.value.hint


def test_mapped_fields_need_an_object_that_has_them() -> None:
    with pytest.raises(ConfigError, match="for instance objects"):
        connector(maps={"tickets": StreamMap("ticket", ("Subject__gc",))})
    with pytest.raises(ConfigError, match="no stream leads"):
        connector(maps={"leads": StreamMap("deal", ())})


def test_a_field_that_vanished_is_drift_and_the_next_description_is_fresh(tenant: responses.RequestsMock) -> None:
    let_be_absent(tenant)
    tenant.post(query_url("Company"), json=refusal("GSOBJ_1002", "Invalid fields in select clause - X"), status=400)
    with pytest.raises(SchemaDrift, match="may have changed"):
        pages(connector())


def test_lookup_brings_what_is_there(tenant: responses.RequestsMock) -> None:
    let_be_absent(tenant)
    table = Table(companies(3)).let_query(tenant)
    one = connector()
    got = list(one.lookup(one.streams()[0], [company_id(2), company_id(8)]))
    assert [record.id for page in got for record in page.records] == [company_id(2)]
    assert table.asked[0]["where"]["conditions"][0]["operator"] == "IN"
    assert list(one.all_ids(one.streams()[0])) == [company_id(number) for number in (1, 2, 3)]


def test_a_record_that_became_another_stream_s_is_not_looked_up_in_the_one_that_it_left(
    tenant: responses.RequestsMock,
) -> None:
    let_describe(tenant, "activity_timeline", (field("Gsid", "GSID"), field("TypeName"), field("Subject")))
    let_be_absent(tenant)
    rows = [{"Gsid": "1A1", "TypeName": "Call", "Subject": "was a meeting"}]
    Table(rows).let_query(tenant, "activity_timeline")
    one = connector(maps={name: StreamMap(name[:-1], ("Subject",)) for name in ("meetings", "calls")})
    found = {each.name: [page.records for page in one.lookup(each, ["1A1"])] for each in one.streams()}
    assert {name: sum(map(len, records)) for name, records in found.items()} == {"meetings": 0, "calls": 1}


def test_a_damaged_position_is_named(tenant: responses.RequestsMock) -> None:
    let_be_absent(tenant)
    with pytest.raises(ConfigError, match="--full"):
        pages(connector(), Window(position='{"last": 1}'))


def test_any_description_is_one_or_a_connector_error(tenant: responses.RequestsMock) -> None:
    for data in ([{"fields": [{"fieldName": 1}]}], [{"fields": 3}], [3], {"fields": None}):
        with responses.RequestsMock() as mock:
            mock.get(describe_url("Company"),
                     body=json.dumps(envelope(data)), content_type="application/json")  # fmt: skip
            with pytest.raises(BadAnswer, match="not what Gainsight documents"):
                connector().identity()


def test_definitions_name_the_labels_of_picklists(tenant: responses.RequestsMock) -> None:
    let_be_absent(tenant)
    found: dict[str, Any] = dict(connector().schema()["companies"])
    assert found.keys() == {one["fieldName"] for one in COMPANY_FIELDS}
    assert found["Stage"].options == ("Adopting", "Will Churn")
    assert found["Name"].mapped
    assert not found["Stage"].mapped


def test_a_row_without_its_id_is_no_row(tenant: responses.RequestsMock) -> None:
    let_be_absent(tenant)
    tenant.post(query_url("Company"), json=envelope({"records": [{"Name": "Nobody", "Gsid": None}]}))
    one = connector()
    with pytest.raises(BadAnswer, match="without its id"):
        pages(one)
    with pytest.raises(BadAnswer, match="without its id"):
        list(one.lookup(one.streams()[0], [company_id(1)]))
