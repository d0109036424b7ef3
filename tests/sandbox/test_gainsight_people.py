"""What people and administrators do by hand, the rule that sets scores, and bulk files."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.gainsight.bulk import JOB_ID
from tests.sandbox.gainsight_tenant import Tenant, refused, tenant, where

IMPORT = "/v1.0/admin/connector/job/bulkimport"


def load(gs: Tenant, text: str, job: str = JOB_ID) -> Any:
    return gs.call("POST", IMPORT, data={"jobId": job}, files={"file": ("rows.csv", text.encode(), "text/csv")})


def states(gs: Tenant, status_id: str, polls: int = 3) -> list[dict[str, Any]]:
    return [gs.get(f"{IMPORT}/status/{status_id}").json()["data"] for _ in range(polls)]


def fields(gs: Tenant) -> dict[str, Any]:
    (data,) = gs.get("/v1/meta/services/objects/Company/describe").json()["data"]
    return {one["fieldName"]: one for one in data["fields"]}


def test_people_make_change_and_delete_records_under_their_own_name() -> None:
    with tenant() as gs:
        made = gs.control("create", {"object": "Company", "properties": {"Name": "By hand", "Stage": "Launched"}})["id"]
        gs.control("edit", {"object": "Company", "id": made, "properties": {"Arr": 5, "Nps": 9}})
        (row,) = gs.rows("Company", "Arr", "Nps", "ModifiedBy__gr.Name", where=where("Gsid", "EQ", made))
        assert (row["Arr"], row["Nps"]) == (5, 9)
        assert row["ModifiedBy__gr.Name"] != "Integration User"
        gs.control("delete", {"object": "Company", "id": made})
        assert [one["actor"] for one in gs.journal()] == ["user"] * 6
        counts = gs.session.get(f"{gs.url}/_sandbox/counts", timeout=5).json()
        assert counts["company"]["live"] == len(gs.state.tenant.tables["company"].rows)


@pytest.mark.parametrize(
    ("verb", "body"),
    [
        ("edit", {"object": "Company", "id": "nobody", "properties": {}}), ("create", {"object": "nothing"}),
        ("create", {"object": "Company", "properties": {"Arr": 1}}),
        ("create", {"object": "Company", "properties": {"Name": "x", "Nonsense": 1}}),
        ("create", {"object": "Company", "properties": {"Name": "x", "Stage": "Nonsense"}}), ("edit", {}),
        ("field", {"object": "Company", "name": "x__gc", "type": "BLOB"}),
        ("field", {"object": "Company", "name": "x", "type": "STRING"}),
        ("field", {"object": "Company", "name": "x__gc", "type": "LOOKUP", "lookup": "nothing"}),
        ("field", {"object": "Company", "name": "Name", "remove": True}),
        ("field", {"object": "Company", "name": "Domain__gc", "type": "PICKLIST"}),
        ("field", {"object": "Company", "name": "Domain__gc", "rename": "Ext_Health_Score__gc"}),
        ("picklist", {"object": "Company", "field": "Stage", "retire": "Nonsense"}), ("options", {"nonsense": 1}),
        ("options", {"per_minute": True}),
        ("options", {"zone": "Mars/Olympus"}), ("options", {"empty": "maybe"}), ("rule", {"field": "Nonsense"}),
        ("job", {"id": "x", "object": "gsuser", "keys": ["Gsid"]}), ("spend", {"year": 1}),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_and_nothing_happens(untouched: Tenant, verb: str, body: dict[str, Any]) -> None:
    answer = untouched.session.post(f"{untouched.url}/_sandbox/{verb}", json=body, timeout=5)
    assert answer.status_code == 400
    assert answer.json()["error"]
    assert untouched.journal() == []


def test_an_administrator_adds_fields_that_no_api_can_add() -> None:
    with tenant() as gs:
        wanted = [{"name": "CS_Stage__gc", "label": "CS Stage", "type": "PICKLIST", "options": ["Onboarding", "Value"]},
                  {"name": "CS_Score__gc", "type": "NUMBER"}, {"name": "CS_Note__gc", "type": "STRING", "length": 20},
                  {"name": "CS_Owner__gc", "type": "LOOKUP", "lookup": "gsuser"}]  # fmt: skip
        gs.control("field", {"object": "Company", "fields": wanted})
        found = fields(gs)
        assert [one["label"] for one in found["CS_Stage__gc"]["options"]] == ["Onboarding", "Value"]
        assert found["CS_Owner__gc"]["meta"]["lookupDetail"]["lookupName"] == "CS_Owner__gr"
        company = gs.company()["Gsid"]
        values = {"CS_Stage__gc": "Value", "CS_Score__gc": 5, "CS_Note__gc": "x" * 20}
        assert gs.update({"Gsid": company, **values}).json()["result"] is True
        assert refused(gs.update({"Gsid": company, "CS_Note__gc": "x" * 21})) == (400, "GSOBJ_1001")
        (row,) = gs.rows("Company", "CS_Score__gc", "CS_Owner__gr.Email", where=where("Gsid", "EQ", company))
        assert row == {"CS_Score__gc": 5, "CS_Owner__gr.Email": None}


def test_an_administrator_renames_retypes_and_removes_fields_under_a_reader() -> None:
    with tenant() as gs:
        held = {row["Gsid"]: row["Domain__gc"] for row in gs.state.tenant.tables["company"].rows.values()}
        gs.control("field", {"object": "Company", "name": "Domain__gc", "rename": "Web_Domain__gc"})
        assert refused(gs.query("Company", "Domain__gc")) == (400, "GSOBJ_1002")
        assert {one["Gsid"]: one["Web_Domain__gc"] for one in gs.rows("Company", "Gsid", "Web_Domain__gc")} == held
        gs.control("field", {"object": "Company", "name": "HubSpot_Company_Id__gc", "type": "NUMBER", "required": True})
        number = {"Gsid": gs.company()["Gsid"], "HubSpot_Company_Id__gc": 5}
        assert refused(gs.update({**number, "HubSpot_Company_Id__gc": "5"})) == (400, "GSOBJ_1002")
        assert gs.update(number).json()["result"] is True
        found = gs.rows("Company", "HubSpot_Company_Id__gc", orderBy={"HubSpot_Company_Id__gc": "asc"})
        assert found[0] == {"HubSpot_Company_Id__gc": 5}
        above = where("HubSpot_Company_Id__gc", "GT", 1)
        assert gs.rows("Company", "HubSpot_Company_Id__gc", where=above) == found[:1]
        assert fields(gs)["HubSpot_Company_Id__gc"]["meta"]["required"] is True
        gs.control("field", {"object": "Company", "name": "HubSpot_Company_Id__gc", "remove": True})
        assert "HubSpot_Company_Id__gc" not in fields(gs)


def test_an_administrator_changes_a_picklist_under_a_reader() -> None:
    with tenant() as gs:
        target = {"object": "Company", "field": "Stage"}
        before = {one["label"]: one["value"] for one in fields(gs)["Stage"]["options"]}
        options = gs.control("picklist", {**target, "rename": ["Adopting", "In Use"], "add": "Paused"})["options"]
        now = {one["label"]: one["value"] for one in options}
        assert (now["In Use"], "Adopting" in now, "Paused" in now) == (before["Adopting"], False, True)
        assert gs.rows("Company", "Stage", where=where("Stage", "EQ", "In Use"))
        assert refused(gs.update({"Gsid": gs.company()["Gsid"], "Stage": "Adopting"})) == (400, "GSOBJ_1002")
        gs.control("picklist", {"category": "Company Stage", "retire": "Paused"})
        assert refused(gs.update({"Gsid": gs.company()["Gsid"], "Stage": "Paused"})) == (400, "GSOBJ_1002")
        gs.control("picklist", {"category": "Company Stage", "revive": "Paused"})
        assert gs.update({"Gsid": gs.company()["Gsid"], "Stage": "Paused"}).json()["result"] is True


def test_only_the_rule_sets_the_score_that_a_field_asks_for() -> None:
    with tenant() as gs:
        company = gs.company()
        assert refused(gs.update({"Gsid": company["Gsid"], "CurrentScore": company["CurrentScore"]})) == (
            400,
            "GSOBJ_1002",
        )
        gs.update({"Gsid": company["Gsid"], "Ext_Health_Score__gc": 41.6})
        assert gs.control("rule") == {"companies": 1}
        (row,) = gs.rows("Company", "CurrentScore__gr.Score", "CurrentScore__gr.Name", "PreviousScore",
                         where=where("Gsid", "EQ", company["Gsid"]))  # fmt: skip
        assert (row["CurrentScore__gr.Score"], row["CurrentScore__gr.Name"]) == (42, "42")
        assert gs.control("rule") == {"companies": 0}
        gs.update({"Gsid": company["Gsid"], "Ext_Health_Score__gc": 101})
        assert gs.control("rule") == {"companies": 0}


def test_a_rule_that_runs_over_everything_moves_every_date_at_once() -> None:
    with tenant() as gs:
        gs.clock.pass_by(60)
        assert gs.control("touch", {"object": "Company", "count": 7}) == {"records": 7}
        since = where("ModifiedDate", "GTE", round(gs.clock.now * 1000))
        assert len({one["ModifiedDate"] for one in gs.rows("Company", "Gsid", "ModifiedDate", where=since)}) == 1
        assert len(gs.rows("Company", "Gsid", where=since)) == 7
        assert gs.journal() == []


def test_a_bulk_file_moves_on_with_every_poll_and_keeps_what_fits() -> None:
    with tenant() as gs:
        company = gs.company()["Gsid"]
        text = f"Gsid,Name,Arr,Stage\n{company},,77,Launched\n,Büro 株式会社,5,\n,,1,\n{company},,many,\nnobody,X,,\n"
        status_id = load(gs, text).json()["data"]["statusId"]
        first, second, third = states(gs, status_id)
        assert [one["jobStatus"] for one in (first, second, third)] == ["INIT", "IN_PROGRESS", "COMPLETED"]
        assert (first["totalRecords"], first["successCount"], second["successCount"]) == (5, 0, 0)
        assert (third["successCount"], third["failureCount"]) == (2, 3)
        codes = [one["errors"][0]["errorCode"] for one in third["failedRecords"]]
        assert codes == ["GSOBJ_1007", "GSOBJ_1002", "GSOBJ_1002"]
        assert gs.state.tenant.tables["company"].rows[company]["Arr"] == 77.0
        assert gs.rows("Company", "Arr", where=where("Name", "EQ", "Büro 株式会社")) == [{"Arr": 5.0}]
        assert states(gs, status_id, 1) == [third]


def test_bulk_files_are_counted_by_the_hour_and_need_rows_and_a_job() -> None:
    with tenant(bulk_per_hour=3, bulk_polls=2) as gs:
        assert refused(load(gs, "Gsid,Arr\n")) == (400, "GS_7571")
        assert refused(load(gs, "Gsid,Arr\nx,1\n", job="unknown")) == (400, "GSOBJ_1008")
        gs.control("job", {"id": "relations", "object": "relationship", "keys": ["External_Id__gc"]})
        company = gs.company()["Gsid"]
        file = f"External_Id__gc,Name,CompanyId\nr-1,One,{company}\nr-1,Two,{company}\n"
        status_id = load(gs, file, job="relations").json()["data"]["statusId"]
        assert refused(load(gs, file, job="relations")) == (429, "GU_2400")
        assert [one["jobStatus"] for one in states(gs, status_id, 5)][1:] == [
            "INIT",
            "IN_PROGRESS",
            "IN_PROGRESS",
            "COMPLETED",
        ]
        relations = gs.rows("relationship", "Name", where=where("External_Id__gc", "EQ", "r-1"))
        assert relations == [{"Name": "Two"}]
        gs.clock.pass_by(3_600)
        assert load(gs, file, job="relations").status_code == 200
        assert refused(gs.get(f"{IMPORT}/status/none")) == (400, "GSOBJ_1008")
        assert refused(gs.post(IMPORT, {"jobId": "x"})) == (400, "GSOBJ_1008")
