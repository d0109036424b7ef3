"""Writes of the data API: fifty records or none, the codes of each refusal, keys, lookups, and duplicate names."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from tests.sandbox.gainsight_tenant import OBJECTS, Tenant, refused, tenant

LOOKUP = {"Csm": {"fields": {"CsmEmail": "Email"}, "lookupField": "Gsid", "objectName": "gsuser",
                  "multiMatchOption": "MARKASERROR", "onNoMatch": "ERROR"}}  # fmt: skip


def stored(gs: Tenant, identity: str, kind: str = "company") -> dict[str, Any]:
    return gs.state.tenant.tables[kind].rows[identity]


def faults_of(answer: requests.Response) -> list[dict[str, Any]]:
    """Return the refused values of a write: a list of lists, without a word about which record each is of."""
    data = answer.json()["data"]
    assert (data["count"], data["records"]) == (0, None)
    return [error for fields in data["errors"] for field in fields for error in field["errors"]]


def test_an_insert_answers_ids_and_an_update_echoes_records() -> None:
    with tenant() as gs:
        data = gs.insert({"Name": "Fresh Ltd", "Arr": 10, "Stage": "Kicked Off"}, {"Name": "Newer Ltd"}).json()["data"]
        assert (data["count"], data["errors"], [one.keys() for one in data["records"]]) == (2, None, [{"Gsid"}] * 2)
        identity = data["records"][0]["Gsid"]
        assert len(identity) == 36
        answer = gs.update({"Gsid": identity, "Arr": 11.5, "RenewalDate": "2027-03-01"}).json()
        assert answer["data"]["records"] == [{"Gsid": identity, "Arr": 11.5, "RenewalDate": "2027-03-01"}]
        row = gs.rows("Company", "Arr", "RenewalDate", "ModifiedBy__gr.Email",
                      where={"conditions": [{"name": "Gsid", "alias": "A", "operator": "EQ", "value": [identity]}],
                             "expression": "A"})  # fmt: skip
        assert row == [
            {"Arr": 11.5, "RenewalDate": 1_803_859_200_000, "ModifiedBy__gr.Email": "integration@vendor.example"}
        ]


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("Name", "x" * 251, "GSOBJ_1001"), ("Nonsense", 1, "GSOBJ_1002"), ("Arr", "12", "GSOBJ_1002"),
        ("Arr", True, "GSOBJ_1002"), ("Arr", 10**16, "GSOBJ_1002"), ("Name", 5, "GSOBJ_1002"),
        ("CurrentScore", 80, "GSOBJ_1002"), ("Nps", 1, "GSOBJ_1002"), ("ModifiedDate", 1, "GSOBJ_1002"),
        ("Stage", "Not a stage", "GSOBJ_1002"), ("Stage", "adopting", "GSOBJ_1002"), ("Tags", ["Nope"], "GSOBJ_1002"),
        ("Csm", "1P01", "GSOBJ_1004"), ("Csm", "1P01" + "0" * 32, "GSOBJ_1004"), ("Csm", 5, "GSOBJ_1004"),
        ("RenewalDate", "31.12.2026", "GSOBJ_1006"), ("RenewalDate", "2026-02-30", "GSOBJ_1006"),
        ("RenewalDate", 210_318, "GSOBJ_1006"), ("Name", None, "GSOBJ_1007"), ("Name", "", "GSOBJ_1007"),
        ("SfdcAccountId", "00100000000", "GSOBJ_1008"), ("SfdcAccountId", "0010000000000000!!", "GSOBJ_1008"),
    ],
)  # fmt: skip
def test_one_wrong_value_holds_up_all_fifty_and_is_quoted(untouched: Tenant, field: str, value: Any, code: str) -> None:
    ids = sorted(untouched.state.tenant.tables["company"].rows)[:50]
    records = [{"Gsid": identity, "Employees": 4_711} for identity in ids]
    records[17][field] = value
    answer = untouched.update(*records)
    assert refused(answer) == (400, code)
    (error,) = faults_of(answer)
    assert (error["fieldName"], error["errorCode"], error["invalidValue"]) == (field, code, value)
    assert untouched.journal() == []


def test_custom_fields_of_every_other_type_hold_what_they_are_for() -> None:
    kinds = {"BOOLEAN": (False, "true"), "PERCENTAGE": (12.5, 101), "URL": ("https://a.example", "a.example"),
             "EMAIL": ("a@b.example", "a.example"), "RICHTEXTAREA": ("<p>" + "x" * 9_000, 5)}  # fmt: skip
    with tenant() as gs:
        made = [{"name": f"{kind.title()}__gc", "type": kind} for kind in (*kinds, "DATETIME")]
        gs.control("field", {"object": "Company", "fields": made})
        company = gs.company()["Gsid"]
        for kind, (right, wrong) in kinds.items():
            name = f"{kind.title()}__gc"
            assert gs.update({"Gsid": company, name: right}).json()["result"] is True
            assert refused(gs.update({"Gsid": company, name: wrong}))[1] in {"GSOBJ_1008", "GSOBJ_1002"}
            assert stored(gs, company)[name] == right
        gs.update({"Gsid": company, "Datetime__gc": "2026-01-02T03:04:05.678+01:00"})
        assert stored(gs, company)["Datetime__gc"] == 1_767_319_445_678
        assert refused(gs.update({"Gsid": company, "Datetime__gc": "2026-01-02 03:04:05"})) == (400, "GSOBJ_1005")


def test_the_other_forty_nine_are_written_without_the_wrong_one() -> None:
    with tenant(accounts=60) as gs:
        records: list[dict[str, Any]] = [
            {"Gsid": identity, "Employees": 4_711} for identity in sorted(gs.state.tenant.tables["company"].rows)[:50]
        ]
        records[17]["RenewalDate"] = "soon"
        assert refused(gs.update(*records)) == (400, "GSOBJ_1006")
        assert refused(gs.update(*records[:25])) == (400, "GSOBJ_1006")
        assert gs.update(*records[25:]).json()["data"]["count"] == 25
        assert gs.update(*records[:17], *records[18:25]).json()["data"]["count"] == 24


def test_fifty_one_records_none_and_no_list_are_refused() -> None:
    with tenant() as gs:
        for records in ([{"Name": str(number)} for number in range(51)], [], None, "x", [5]):
            assert refused(gs.post(f"{OBJECTS}/Company", {"records": records})) == (400, "GSOBJ_1008")
        assert gs.insert(*({"Name": f"Company {number}"} for number in range(50))).json()["data"]["count"] == 50


def test_a_new_company_needs_a_name_and_one_that_nobody_has() -> None:
    with tenant() as gs:
        assert refused(gs.insert({"Arr": 1})) == (400, "GSOBJ_1007")
        taken, other = gs.company(0), gs.company(1)
        answer = gs.insert({"Name": taken["Name"]})
        assert refused(answer) == (400, "GSOBJ_1008")
        assert faults_of(answer)[0]["fieldName"] == "Name"
        assert refused(gs.insert({"Name": "Twin"}, {"Name": "Twin"})) == (400, "GSOBJ_1008")
        assert refused(gs.update({"Gsid": other["Gsid"], "Name": taken["Name"]})) == (400, "GSOBJ_1008")
        assert gs.update({"Gsid": taken["Gsid"], "Name": taken["Name"]}).json()["result"] is True
        gs.control("options", {"unique_names": False})
        assert gs.insert({"Name": taken["Name"]}).json()["result"] is True


def test_keys_find_records_and_a_key_that_finds_nothing_fails_the_call() -> None:
    with tenant() as gs:
        company = gs.company()
        gs.update({"Gsid": company["Gsid"], "HubSpot_Company_Id__gc": "4711"})
        answer = gs.update({"HubSpot_Company_Id__gc": "4711", "Arr": 7}, keys="HubSpot_Company_Id__gc").json()
        assert answer["data"]["records"] == [{"HubSpot_Company_Id__gc": "4711", "Arr": 7, "Gsid": company["Gsid"]}]
        both = gs.update(
            {"HubSpot_Company_Id__gc": "4711", "Name": company["Name"], "Arr": 8}, keys="HubSpot_Company_Id__gc,Name"
        )
        assert both.json()["data"]["count"] == 1
        wrong = [
            ({"HubSpot_Company_Id__gc": "nobody"}, "HubSpot_Company_Id__gc", "GSOBJ_1011"),
            ({"Gsid": "1P02" + "0" * 32}, "Gsid", "GSOBJ_1011"), ({"Gsid": "1P02"}, "Gsid", "GSOBJ_1004"),
            ({"Gsid": ""}, "Gsid", "GSOBJ_1004"),
            ({"Arr": 1}, "Gsid", "GSOBJ_1004"), ({"Arr": 1}, "Name", "GSOBJ_1008"), ({"Arr": 1}, "", "GSOBJ_1008"),
            ({"Arr": 1}, "Nonsense", "GSOBJ_1002"), ({"SfdcAccountId": "x"}, "SfdcAccountId", "GSOBJ_1008"),
            ({"RenewalDate": "x"}, "RenewalDate", "GSOBJ_1008"), ({"Name": ["x"]}, "Name", "GSOBJ_1002"),
            ({"Name": "a", "Gsid": "b", "Arr": 1, "Users": 1}, "Name,Gsid,Arr,Users", "GSOBJ_1008"),
        ]  # fmt: skip
        before = gs.journal()
        for record, keys, code in wrong:
            assert refused(gs.update({"Gsid": company["Gsid"], "Employees": 1} | record, record, keys=keys)) == (
                400,
                code,
            )
        assert gs.journal() == before


def test_keys_that_fit_several_rows_change_each_of_them_or_none() -> None:
    with tenant(unique_names=False) as gs:
        gs.insert({"Name": "Twin", "Arr": 1}, {"Name": "Twin", "Arr": 2})
        assert gs.update({"Name": "Twin", "Arr": 3}, keys="Name").json()["data"]["count"] == 2
        gs.control("options", {"many_matches": "error"})
        assert refused(gs.update({"Name": "Twin", "Arr": 4}, keys="Name")) == (400, "GSOBJ_1008")
        assert {row["Arr"] for row in gs.state.tenant.tables["company"].rows.values() if row["Name"] == "Twin"} == {3}


def test_lookups_find_foreign_keys_or_mark_the_record() -> None:
    with tenant() as gs:
        company, user = gs.company()["Gsid"], next(iter(gs.state.tenant.tables["gsuser"].rows.values()))
        found = gs.update({"Gsid": company, "CsmEmail": user["Email"]}, lookups=LOOKUP)
        assert found.json()["result"] is True
        assert stored(gs, company)["Csm"] == user["Gsid"]
        nobody = {"Gsid": company, "CsmEmail": "nobody@vendor.example"}
        assert refused(gs.update(nobody, lookups=LOOKUP)) == (400, "GSOBJ_1008")
        assert stored(gs, company)["Csm"] == user["Gsid"]
        assert gs.update(nobody, lookups={"Csm": {**LOOKUP["Csm"], "onNoMatch": "NULLABLE"}}).json()["result"] is True
        assert stored(gs, company)["Csm"] is None
        fallback = {"Csm": {**LOOKUP["Csm"], "onNoMatch": "DEFAULTVALUE", "defaultValue": user["Gsid"]}}
        gs.update(nobody, lookups=fallback)
        assert stored(gs, company)["Csm"] == user["Gsid"]


def test_a_lookup_that_fits_several_records_takes_the_first_or_fails() -> None:
    with tenant(unique_names=False) as gs:
        gs.insert({"Name": "Twin"}, {"Name": "Twin"})
        parent = {"ParentCompany": {"fields": {"parent": "Name"}, "lookupField": "Gsid", "objectName": "Company",
                                    "multiMatchOption": "FIRSTMATCH", "onNoMatch": "ERROR"}}  # fmt: skip
        company = gs.company()["Gsid"]
        assert gs.update({"Gsid": company, "parent": "Twin"}, lookups=parent).json()["result"] is True
        strict = {"ParentCompany": {**parent["ParentCompany"], "multiMatchOption": "MARKASERROR"}}
        assert refused(gs.update({"Gsid": company, "parent": "Twin"}, lookups=strict)) == (400, "GSOBJ_1008")
        for broken in ({"onNoMatch": "IGNORE"}, {"lookupField": "Name"}, {"objectName": "gsuser"}, {"fields": {}}):
            config = {"ParentCompany": {**parent["ParentCompany"], **broken}}
            assert refused(gs.update({"Gsid": company, "parent": "x"}, lookups=config)) == (400, "GSOBJ_1008")


def test_details_of_a_refusal_may_be_missing() -> None:
    with tenant(error_details=False) as gs:
        answer = gs.insert({"Name": "x"}, {"Name": None})
        assert refused(answer) == (400, "GSOBJ_1007")
        assert answer.json()["data"] is None


def test_a_picklist_takes_labels_ids_and_several_tags_and_reads_ids() -> None:
    with tenant() as gs:
        company, stages = gs.company()["Gsid"], gs.state.tenant.categories["Company Stage"]
        item = stages.by_label("Launched")
        assert item is not None
        for value in ("Launched", item.gsid):
            assert gs.update({"Gsid": company, "Stage": value, "Tags": ["Beta", "Strategic"]}).json()["result"] is True
            assert stored(gs, company)["Stage"] == item.gsid
        tags = [gs.state.tenant.categories["Company Tags"].by_label(label) for label in ("Beta", "Strategic")]
        assert stored(gs, company)["Tags"] == ";".join(one.gsid for one in tags if one)
        gs.control("picklist", {"object": "company", "field": "Stage", "retire": "Launched"})
        assert refused(gs.update({"Gsid": company, "Stage": "Launched"})) == (400, "GSOBJ_1002")
        assert stored(gs, company)["Stage"] == item.gsid
        gs.update({"Gsid": company, "Stage": None})
        assert stored(gs, company)["Stage"] is None


def test_relationships_and_custom_objects_are_written_like_companies_and_others_are_not() -> None:
    with tenant() as gs:
        company = gs.company()["Gsid"]
        metric = {"Company__gc": company, "Measure__gc": "usage", "Value__gc": 71.25, "External_Key__gc": "k"}
        answer = gs.insert(metric, kind="Ext_Health_Metric__gc").json()["data"]
        assert answer["records"][0]["Gsid"].startswith("1Z02")
        changed = gs.update(
            {"External_Key__gc": "k", "Value__gc": 1}, keys="External_Key__gc", kind="ext_health_metric__gc"
        )
        assert changed.json()["data"]["count"] == 1
        relation = gs.insert({"Name": "Product", "CompanyId": company}, kind="relationship").json()["data"]["records"][
            0
        ]
        assert relation["Gsid"].startswith("1P05")
        assert refused(gs.insert({"Name": "Product"}, kind="relationship")) == (400, "GSOBJ_1007")
        for kind in ("gsuser", "call_to_action", "da_picklist", "activity_timeline"):
            assert refused(gs.insert({"Name": "x"}, kind=kind)) == (400, "GSOBJ_1023")


def test_the_journal_names_each_changed_value_and_its_request() -> None:
    with tenant() as gs:
        company = gs.company()
        answer = gs.update({"Gsid": company["Gsid"], "Employees": 0, "Domain__gc": company["Domain__gc"]})
        (effect,) = gs.journal()
        assert effect == {
            "seq": 1, "time": "2026-11-22T09:30:00.000Z", "action": "set", "object": "company", "id": company["Gsid"],
            "property": "Employees", "old": effect["old"], "new": 0, "actor": "api:accesskey",
            "request_id": answer.json()["requestId"],
        }  # fmt: skip
        created = gs.insert({"Name": "Journal"}).json()["data"]["records"][0]["Gsid"]
        gs.call("DELETE", f"{OBJECTS}/Company/{created}")
        assert [(one["action"], one["property"]) for one in gs.journal(1)] == [
            ("create", None), ("set", "Name"), ("archive", None),
        ]  # fmt: skip
        assert gs.journal(4) == []
