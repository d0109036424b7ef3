"""Queries and descriptions: shapes, operators, order, pages, lookups, picklists, and deleted records."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.sandbox.gainsight_tenant import OBJECTS, Tenant, refused, tenant, where

DAY_MS = 86_400_000


def described(gs: Tenant, kind: str = "Company") -> dict[str, dict[str, Any]]:
    (data,) = gs.get(f"/v1/meta/services/objects/{kind}/describe", ic="false").json()["data"]
    return {one["fieldName"]: one for one in data["fields"]}


def test_the_envelope_has_everything_that_clients_look_at() -> None:
    with tenant() as gs:
        body = gs.query("Company", "Gsid", "Name", limit=2).json()
        assert body.keys() == {"result", "errorCode", "errorDesc", "requestId", "data", "message"}
        assert (body["result"], body["errorCode"], len(body["data"]["records"])) == (True, None, 2)
        bodies = [gs.query("Company", "Gsid", limit=1).json() for _ in range(3)]
        assert len({one["requestId"] for one in bodies}) == 3


def test_either_shape_of_data_and_each_form_of_empty() -> None:
    nobody = where("Name", "EQ", "nobody is called this")
    with tenant(bare_list=True) as gs:
        assert isinstance(gs.query("Company", "Gsid", limit=1).json()["data"], list)
        assert gs.query("Company", "Gsid", where=nobody).json()["data"] == []
        gs.control("options", {"bare_list": False})
        assert gs.query("Company", "Gsid", where=nobody).json()["data"] == {"records": []}
        gs.control("options", {"empty": "result_false"})
        assert refused(gs.query("Company", "Gsid", where=nobody)) == (200, "GSOBJ_1011")
        gs.control("options", {"empty": "error"})
        assert refused(gs.query("Company", "Gsid", where=nobody)) == (400, "GSOBJ_1011")
        assert refused(gs.query("Company", "Gsid", offset=10_000)) == (400, "GSOBJ_1011")


def test_objects_are_found_in_any_case_and_fields_are_not() -> None:
    with tenant() as gs:
        assert gs.rows("company", "Gsid") == gs.rows("COMPANY", "Gsid")
        assert gs.rows("GsUser", "Email")
        assert refused(gs.query("Company", "gsid")) == (400, "GSOBJ_1002")
        assert refused(gs.query("Company")) == (400, "GSOBJ_1002")
        gs.control("options", {"invalid_select_status": 200})
        assert refused(gs.query("Company", "Nonsense")) == (200, "GSOBJ_1002")


def test_an_object_that_is_not_there_has_an_answer_of_its_own() -> None:
    with tenant() as gs:
        several = {"objectNames": ["Company", "nothing"]}
        for answer in (
            gs.query("record_delete_log_high_volume", "RecordId"),
            gs.get("/v1/meta/services/objects/nothing__gc/describe"),
            gs.post("/v1/meta/services/objects/describe", several),
        ):
            assert answer.status_code == 400
            assert answer.json()["title"] == "OBJECT_NOT_FOUND"
            assert "errorCode" not in answer.json()


def test_lookups_are_followed_twice_and_come_back_flat() -> None:
    with tenant() as gs:
        company = gs.company(Status=gs.state.tenant.categories["Company Status"].items[0].gsid)
        (row,) = gs.rows(
            "Company", "Csm__gr.Email", "CurrentScore__gr.Score", where=where("Gsid", "EQ", company["Gsid"])
        )
        users = gs.state.tenant.tables["gsuser"].rows
        assert row["Csm__gr.Email"] == users[company["Csm"]]["Email"]
        calls = gs.rows("call_to_action", "CompanyId__gr.Csm__gr.Email", "StatusId__gr.Name")
        assert {one["StatusId__gr.Name"] for one in calls} & {"New", "Work In Progress", "Closed Success"}
        assert refused(gs.query("call_to_action", "CompanyId__gr.ParentCompany__gr.Csm__gr.Email"))[1] == "GSOBJ_1002"
        assert refused(gs.query("Company", "Csm__gr.Nonsense"))[1] == "GSOBJ_1002"


def test_a_picklist_reads_as_the_id_of_its_item_and_filters_by_label_or_id() -> None:
    with tenant() as gs:
        options = {one["label"]: one["value"] for one in described(gs)["Stage"]["options"]}
        rows = gs.rows("Company", "Stage", where=where("Stage", "EQ", "Adopting"))
        assert rows
        assert {one["Stage"] for one in rows} == {options["Adopting"]}
        assert gs.rows("Company", "Stage", where=where("Stage", "EQ", options["Adopting"])) == rows
        assert gs.rows("Company", "Stage", where=where("Stage", "STARTS_WITH", "Adopt")) == rows
        assert gs.rows("Company", "Stage", where=where("Stage", "EQ", "No such label")) == []
        (item,) = gs.rows("da_picklist", "Name", "CategoryName", where=where("Gsid", "EQ", options["Adopting"]))
        assert item == {"Name": "Adopting", "CategoryName": "Company Stage"}


def test_describe_tells_types_limits_lookups_and_categories() -> None:
    with tenant() as gs:
        fields = described(gs)
        assert fields["Name"]["meta"]["required"] is True
        assert fields["CurrentScore"]["meta"]["readOnly"] is True
        assert fields["Gsid"]["meta"]["fieldGroupType"] == "SYSTEM"
        assert fields["HubSpot_Company_Id__gc"]["dataType"] == "STRING"
        assert fields["Csm"]["meta"]["lookupDetail"]["lookupName"] == "Csm__gr"
        assert fields["Csm"]["meta"]["lookupDetail"]["lookupObjects"][0]["objectName"] == "gsuser"
        assert fields["Tags"]["meta"]["sortable"] is False
        category = fields["Stage"]["meta"]["properties"]["PICKLIST_CATEGORY_ID"]
        dropdown = gs.get(f"/v1/meta/services/dropdowns/{category}").json()["data"]
        assert [one["gsid"] for one in dropdown["childItems"]] == [one["value"] for one in fields["Stage"]["options"]]
        assert refused(gs.get("/v1/meta/services/dropdowns/none")) == (400, "GSOBJ_VDTPKLST1001")
        names = {one["objectName"] for one in gs.get("/v1/meta/services/objects/list", po="company").json()["data"]}
        assert {"company", "gsuser", "relationship", "usage_metrics__gc"} <= names
        answer = gs.post("/v1/meta/services/objects/describe", {"objectNames": ["Company", "gsuser"]}).json()
        assert [one["objectName"] for one in answer["data"]] == ["company", "gsuser"]


@pytest.mark.parametrize(
    ("name", "operator", "values"),
    [
        ("Arr", "BTW", [1, 50_000]), ("Arr", "GT", [50_000]), ("Arr", "IN", [1, 2]), ("Name", "CONTAINS", ["a"]),
        ("Name", "DOES_NOT_CONTAINS", ["a"]), ("Name", "STARTS_WITH", ["A"]), ("Name", "ENDS_WITH", ["e"]),
        ("Csm", "IS_NULL", []), ("Csm", "IS_NOT_NULL", []), ("Tags", "INCLUDES", ["Strategic"]),
        ("Tags", "EXCLUDES", ["Strategic"]), ("Stage", "NE", ["Adopting"]), ("Csm__gr.IsActiveUser", "EQ", [False]),
        ("RenewalDate", "LTE", ["2027-01-31"]),
    ],
)  # fmt: skip
def test_each_operator_takes_what_it_should_and_leaves_the_empty_ones(
    untouched: Tenant, name: str, operator: str, values: list[Any]
) -> None:
    everything = untouched.rows("Company", "Gsid", name)
    found = untouched.rows("Company", "Gsid", name, where=where(name, operator, *values))
    assert len(found) <= len(everything)
    if operator != "IS_NULL":
        assert all(one[name] is not None for one in found)
    else:
        assert all(one[name] is None for one in found)
    held = [one[name] for one in everything if one[name] is not None]
    tag = untouched.state.tenant.categories["Company Tags"].items[0].gsid
    stage = untouched.state.tenant.categories["Company Stage"].by_label("Adopting")
    assert stage is not None
    true: dict[str, Any] = {
        "BTW": lambda one: values[0] <= one <= values[1], "GT": lambda one: one > values[0],
        "IN": lambda one: one in values, "CONTAINS": lambda one: values[0] in one,
        "DOES_NOT_CONTAINS": lambda one: values[0] not in one, "STARTS_WITH": lambda one: one.startswith(values[0]),
        "ENDS_WITH": lambda one: one.endswith(values[0]), "IS_NOT_NULL": lambda _: True,
        "INCLUDES": lambda one: tag in one.split(";"), "EXCLUDES": lambda one: tag not in one.split(";"),
        "NE": lambda one: one != stage.gsid, "EQ": lambda one: one == values[0],
        "LTE": lambda one: one <= datetime(2027, 1, 31, tzinfo=UTC).timestamp() * 1000,
    }  # fmt: skip
    if operator != "IS_NULL":
        assert sorted(one[name] for one in found) == sorted(one for one in held if true[operator](one))


def test_conditions_join_and_those_that_cannot_be_are_refused() -> None:
    with tenant(accounts=60) as gs:
        three = [
            {"name": "Arr", "alias": "A", "operator": "GT", "value": [50_000]},
            {"name": "Name", "alias": "B", "operator": "CONTAINS", "value": ["a"]},
            {"name": "Csm", "alias": "C", "operator": "IS_NULL"},
        ]

        def named(expression: str) -> set[str]:
            rows = gs.rows("Company", "Gsid", where={"conditions": three, "expression": expression})
            return {one["Gsid"] for one in rows}

        alone = [{"conditions": [{**one, "alias": "A"}], "expression": "A"} for one in three]
        a, b, c = ({one["Gsid"] for one in gs.rows("Company", "Gsid", where=each)} for each in alone)
        assert named("A AND B OR C") == a & b | c
        assert named("A AND (B OR C)") == a & (b | c)
        for expression in ("", "A AND B", "A AND B AND D", "A B C", "(A AND B AND C", "A and B and C"):
            answer = gs.query("Company", "Gsid", where={"conditions": three, "expression": expression})
            assert refused(answer) == (400, "GSOBJ_1008"), expression
        for wrong in (where("Arr", "CONTAINS", 1), where("Name", "BTW", "a", "b"), where("Stage", "GT", "x"),
                      {"conditions": [{**three[0], "value": 5}], "expression": "A"}):  # fmt: skip
            assert refused(gs.query("Company", "Gsid", where=wrong)) == (400, "GSOBJ_1008")
        twice = {"conditions": [three[0], three[0]], "expression": "A"}
        for wrong in ("Arr > 5", {"expression": "A"}, {"conditions": [{"name": "Arr"}], "expression": "A"}, twice,
                      where("Arr", "BTW", 1)):  # fmt: skip
            assert refused(gs.query("Company", "Gsid", where=wrong)) == (400, "GSOBJ_1008")
        assert refused(gs.query("Company", "Gsid", where=where("Nope", "EQ", 1))) == (400, "GSOBJ_1002")
        assert refused(gs.query("Company", "Gsid", where=where("Arr", "EQ", "1"))) == (400, "GSOBJ_1002")
        assert refused(gs.query("Company", "Gsid", where=where("ModifiedDate", "GT", "soon"))) == (400, "GSOBJ_1005")
        assert refused(gs.query("Company", "Gsid", where=where("RenewalDate", "GT", "soon"))) == (400, "GSOBJ_1006")
        assert refused(gs.query("Company", "Gsid", where=where("Arr", "GT", 1, key="fieldName")))[1] == "GSOBJ_1002"


def test_instants_are_milliseconds_and_a_filter_without_offset_is_local() -> None:
    with tenant() as gs:
        company = gs.company()
        gs.update({"Gsid": company["Gsid"], "Arr": 1})
        at = round(gs.clock.now * 1000)
        moment = datetime.fromtimestamp(gs.clock.now, UTC)
        changed = {"Gsid": company["Gsid"], "ModifiedDate": at}
        sent = moment.strftime("%Y-%m-%dT%H:%M:%S+00:00")
        for form in (sent, sent.replace("+00:00", "Z"), moment.strftime("%Y-%m-%dT%H:%M:%S.000+0000"), at):
            assert gs.rows("Company", "Gsid", "ModifiedDate", where=where("ModifiedDate", "GTE", form)) == [changed]
        bare = moment.strftime("%Y-%m-%d %H:%M:%S")  # in Los Angeles this is eight hours later
        assert gs.rows("Company", "Gsid", where=where("ModifiedDate", "GTE", bare)) == []
        gs.control("options", {"zone": "UTC"})
        assert gs.rows("Company", "Gsid", "ModifiedDate", where=where("ModifiedDate", "GTE", bare)) == [changed]


def test_order_puts_nulls_last_and_promises_nothing_among_equals() -> None:
    with tenant(accounts=80) as gs:
        gs.control("touch", {"object": "company"})
        arr = [one["Arr"] for one in gs.rows("Company", "Arr", orderBy={"Arr": "asc"})]
        filled = [one for one in arr if one is not None]
        assert arr == sorted(filled) + [None] * (len(arr) - len(filled))
        down = [one["Arr"] for one in gs.rows("Company", "Arr", orderBy={"Arr": "desc"})]
        assert down == list(reversed(arr))
        by_date = {"ModifiedDate": "asc"}  # all equal now: offsets over them lose rows
        pages = [gs.rows("Company", "Gsid", orderBy=by_date, limit=20, offset=start) for start in (0, 20, 40, 60)]
        seen = [one["Gsid"] for page in pages for one in page]
        assert len(set(seen)) < len(seen)
        total = [gs.rows("Company", "Gsid", orderBy={**by_date, "Gsid": "asc"}, limit=20, offset=start)
                 for start in (0, 20, 40, 60)]  # fmt: skip
        ids = [one["Gsid"] for page in total for one in page]
        assert ids == sorted(gs.state.tenant.tables["company"].rows)
        assert refused(gs.query("Company", "Gsid", orderBy={"Tags": "asc"})) == (400, "GSOBJ_1008")
        assert refused(gs.query("Company", "Gsid", orderBy={"Arr": "up"})) == (400, "GSOBJ_1008")
        assert refused(gs.query("Company", "Gsid", orderBy={"Nope": "asc"})) == (400, "GSOBJ_1002")


@pytest.mark.parametrize("page", [{"limit": 5_001}, {"limit": 0}, {"limit": "10"}, {"offset": -1}, {"limit": True}])
def test_pages_beyond_the_limit_are_refused(page: dict[str, Any]) -> None:
    with tenant() as gs:
        assert refused(gs.query("Company", "Gsid", **page)) == (400, "GSOBJ_1008")
        assert len(gs.rows("Company", "Gsid", limit=5_000)) == len(gs.state.tenant.tables["company"].rows)


def test_empty_fields_are_null_or_left_out() -> None:
    with tenant() as gs:
        nobody = where("Csm", "IS_NULL")
        assert gs.rows("Company", "Csm", where=nobody)[0] == {"Csm": None}
        gs.control("options", {"omit_nulls": True})
        assert gs.rows("Company", "Csm", where=nobody)[0] == {}


def test_deleted_records_are_in_the_log_for_fifteen_days_and_have_whole_seconds() -> None:
    with tenant(accounts=160) as gs:
        company, plan = gs.company()["Gsid"], next(iter(gs.state.tenant.tables["cta_group"].rows))
        before = gs.rows("record_delete_log", "RecordId", "ObjectName", "DeletedOn")
        assert {one["ObjectName"] for one in before} == {"Company"}
        answer = gs.call("DELETE", f"{OBJECTS}/Company/{company}")
        assert answer.json()["result"] is True
        assert company in answer.json()["data"]
        gs.control("delete", {"object": "cta_group", "id": plan})
        log = gs.rows(
            "record_delete_log", "RecordId", "ObjectName", "DeletedOn", orderBy={"DeletedOn": "asc", "RecordId": "asc"}
        )
        assert log[-2:] == sorted(
            [{"RecordId": company, "ObjectName": "Company", "DeletedOn": "2026-11-22T09:30:00Z"},
             {"RecordId": plan, "ObjectName": "cta_group", "DeletedOn": "2026-11-22T09:30:00Z"}],
            key=lambda one: one["RecordId"],
        )  # fmt: skip
        assert gs.rows("Company", "Gsid", where=where("Gsid", "EQ", company)) == []
        gs.clock.pass_by(15 * DAY_MS / 1000)
        assert gs.rows("record_delete_log", "RecordId") == []
        assert refused(gs.call("DELETE", f"{OBJECTS}/Company/{company}")) == (200, "GSOBJ_1011")


def test_a_client_that_does_not_send_json_is_told() -> None:
    with tenant() as gs:
        path = f"{OBJECTS}/query/Company"
        assert refused(gs.call("POST", path, data=b'{"select": ["Gsid"]}')) == (400, "GSOBJ_1008")
        headers = {"Content-Type": "application/json"}
        assert refused(gs.call("POST", path, data=b"{", headers=headers)) == (400, "GSOBJ_1008")
        assert refused(gs.post(path, [])) == (400, "GSOBJ_1008")
        assert refused(gs.get("/v1/nowhere")) == (400, "GSOBJ_1023")
        assert refused(gs.get(path)) == (400, "GSOBJ_1023")
