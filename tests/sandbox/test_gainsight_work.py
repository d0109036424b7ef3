"""Calls to action, success plans, timeline, persons and users: what is saved, what is refused, and how it is listed."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from tests.sandbox.gainsight_tenant import Tenant, refused, tenant, where

YES, NO = True, False
CTA, PLAN, ACTIVITY = "/v2/cockpit/cta", "/v2/successPlan", "/v1/ant/es/activity"
AUTHOR = {"fields": {"Author": "Email"}, "lookupField": "Gsid", "objectName": "GsUser",
          "multiMatchOption": "FIRSTMATCH", "onNoMatch": "ERROR"}  # fmt: skip
COMPANY_BY_NAME = {**AUTHOR, "fields": {"companyName": "Name"}, "objectName": "Company"}


def a_user(gs: Tenant) -> dict[str, Any]:
    return next(row for row in gs.state.tenant.tables["gsuser"].rows.values() if row["IsActiveUser"])


def a_call(gs: Tenant, reference: str = "1", **more: Any) -> dict[str, Any]:
    return {"record": {"referenceId": reference, "Name": "Usage fell", "CompanyId": gs.company()["Gsid"],
                       "OwnerId": a_user(gs)["Gsid"], "DueDate": "2026-12-15", "type": "Risk", "status": "New",
                       "priority": "High", "reason": "Usage Drop", "Comments": "<p>x</p>", **more}}  # fmt: skip


def an_activity(gs: Tenant, external: str = "kw-1", **more: Any) -> dict[str, Any]:
    return {"ExternalId": external, "ContextName": "Company", "TypeName": "Update", "Subject": "Health fell",
            "Notes": "<p>x</p>", "ActivityDate": "2026-11-22T01:00:00.000-08:00", "Author": a_user(gs)["Email"],
            "GsCompanyId": gs.company()["Gsid"], **more}  # fmt: skip


def log(gs: Tenant, *records: dict[str, Any], **lookups: Any) -> requests.Response:
    return gs.post(ACTIVITY, {"records": list(records), "lookups": {"AuthorId": AUTHOR, **lookups}})


def listed(gs: Tenant, path: str, *select: str, **more: Any) -> list[dict[str, Any]]:
    body = gs.post(path, {"select": list(select), **more}).json()
    assert body["result"] is True, body
    return body["data"]


def test_calls_to_action_are_saved_one_by_one_and_answered_by_reference() -> None:
    with tenant() as gs:
        wrong = [a_call(gs, "2", type="Nonsense"), a_call(gs, "3", DueDate=None), a_call(gs, "4", CompanyId="1P02")]
        answer = gs.post(CTA, {"requests": [a_call(gs), *wrong, a_call(gs, "5", nonsense=1)]})
        data = answer.json()["data"]
        (identity,) = data["success"][0].values()
        assert (answer.json()["result"], data["success"]) == (True, [{"1": identity}])
        assert identity.startswith("1S01")
        told = {key: text.split(":")[0] for one in data["failure"] for key, text in one.items()}
        assert told == {"2": "GSOBJ_1002", "3": "COCKPIT_9700", "4": "GSOBJ_1004", "5": "GSOBJ_1002"}
        (row,) = listed(gs, f"{CTA}/list", "Name", "DueDate", "StatusId__gr.Name", "TypeId__gr.Name", "IsClosed",
                        "CreatedDate", where=where("Gsid", "EQ", identity, key="fieldName"))  # fmt: skip
        assert row == {"Name": "Usage fell", "DueDate": "2026-12-15", "StatusId__gr.Name": "New", "IsClosed": False,
                       "TypeId__gr.Name": "Risk", "CreatedDate": "2026-11-22T09:30:00.000Z"}  # fmt: skip


def test_a_request_without_a_record_stops_the_others_too() -> None:
    with tenant() as gs:
        for wrong in ([a_call(gs), {}], [a_call(gs), 5], [], None, [a_call(gs, str(number)) for number in range(51)]):
            assert refused(gs.post(CTA, {"requests": wrong})) == (400, "GSOBJ_1008")
        assert gs.journal() == []


def test_a_reference_may_repeat_and_then_finds_nothing() -> None:
    with tenant() as gs:
        gs.post(CTA, {"requests": [a_call(gs, "once")]})
        closing = {"requests": [{"record": {"referenceId": "once", "status": "Closed Success"}}]}
        data = gs.call("PUT", CTA, json=closing).json()["data"]
        assert list(data["success"][0]) == ["once"]
        identity = data["success"][0]["once"]
        row = gs.state.tenant.tables["call_to_action"].rows[identity]
        assert (row["IsClosed"], row["ClosedDate"] is not None) == (True, True)
        gs.post(CTA, {"requests": [a_call(gs, "once")]})
        failure = gs.call("PUT", CTA, json=closing).json()["data"]["failure"]
        assert failure == [{"once": "COCKPIT_6007: Invalid GSID of CTA"}]
        by_id = {"requests": [{"record": {"Gsid": identity, "status": "New"}}]}
        assert gs.call("PUT", CTA, json=by_id).json()["data"]["success"] == [{identity: identity}]
        assert row["ClosedDate"] is None
        computed = {"requests": [{"record": {"Gsid": identity, "IsClosed": True}}]}
        assert "GSOBJ_1002" in gs.call("PUT", CTA, json=computed).json()["data"]["failure"][0][identity]


def test_an_owner_is_found_by_mail_only_through_a_lookup() -> None:
    with tenant() as gs:
        by_mail = a_call(gs, OwnerEmail=a_user(gs)["Email"])
        del by_mail["record"]["OwnerId"]
        assert "COCKPIT_9700" in gs.post(CTA, {"requests": [by_mail]}).json()["data"]["failure"][0]["1"]
        lookups = {"OwnerId": {**AUTHOR, "fields": {"OwnerEmail": "Email"}}}
        data = gs.post(CTA, {"requests": [by_mail], "lookups": lookups}).json()["data"]
        row = gs.state.tenant.tables["call_to_action"].rows[data["success"][0]["1"]]
        assert row["OwnerId"] == a_user(gs)["Gsid"]


def test_lists_have_their_own_words_pages_and_no_order() -> None:
    with tenant(accounts=120) as gs:
        path = f"{CTA}/list"
        everything = listed(gs, path, "Gsid")
        assert len(everything) > 20
        assert everything != sorted(everything, key=lambda one: one["Gsid"])
        pages = [listed(gs, path, "Gsid", pageSize=10, pageNumber=number) for number in (1, 2)]
        assert [*pages[0], *pages[1]] == everything[:20]
        assert listed(gs, path, "Gsid", pageNumber=99) == []
        body = gs.post(path, {"select": ["Gsid"], "pageSize": 7}).json()
        assert (body["pageSize"], body["currentPageNum"]) == (7, 1)
        assert refused(gs.post(path, {"select": ["Gsid", "gsidasdf"]})) == (400, "COCKPIT_5101")
        assert refused(gs.post(path, {"pageSize": 5})) == (400, "COCKPIT_5101")
        assert refused(gs.post(path, {"select": ["Gsid"], "where": where("IsClosed", "EQ", YES)})) == (
            400,
            "GSOBJ_1002",
        )
        for page in ({"pageSize": 1_001}, {"pageSize": 0}, {"pageNumber": 0}, {"pageSize": "5"}):
            assert refused(gs.post(path, {"select": ["Gsid"], **page})) == (400, "GSOBJ_1008")
        open_ones = listed(gs, path, "IsClosed", where=where("IsClosed", "EQ", NO, key="fieldName"))
        assert {one["IsClosed"] for one in open_ones} == {False}
        tasks = listed(gs, "/v2/cockpit/task/list", "CallToActionId", "DueDate")
        assert {one["CallToActionId"] for one in tasks} <= {one["Gsid"] for one in everything}


def test_what_people_delete_is_listed_for_fifteen_days() -> None:
    with tenant() as gs:
        identity = next(iter(gs.state.tenant.tables["call_to_action"].rows))
        gs.control("delete", {"object": "call_to_action", "id": identity})
        assert listed(gs, f"{CTA}/deleted/list", "Gsid") == [{"Gsid": identity}]
        assert identity not in {one["Gsid"] for one in listed(gs, f"{CTA}/list", "Gsid")}
        gs.clock.pass_by(15 * 86_400)
        assert listed(gs, f"{CTA}/deleted/list", "Gsid") == []


def test_configuration_lists_the_items_by_category() -> None:
    with tenant() as gs:
        data = gs.get("/v2/cockpit/admin/picklist/lite", category="CTA_STATUS,CTA_PRIORITY", et="COMPANY").json()[
            "data"
        ]
        assert [one["name"] for one in data["CTA_PRIORITY"]] == ["High", "Medium", "Low"]
        assert data["CTA_STATUS"][0]["gsid"].startswith("1I00")
        assert refused(gs.get("/v2/cockpit/admin/picklist/lite", category="NONE")) == (400, "GSOBJ_VDTPKLST1001")


def test_success_plans_begin_as_drafts_and_know_when_they_became_active() -> None:
    with tenant() as gs:
        record = {"referenceId": "p", "Name": "Roll-out", "CompanyId": gs.company()["Gsid"],
                  "OwnerId": a_user(gs)["Gsid"], "DueDate": "2027-06-01", "SuccessPlanType": "Onboarding"}  # fmt: skip
        identity = gs.post(f"{PLAN}/", {"requests": [{"record": record}]}).json()["data"]["success"][0]["p"]
        one = where("Gsid", "EQ", identity, key="fieldName")
        (row,) = listed(gs, f"{PLAN}/list/", "StatusId__gr.Name", "ActiveDate", "DueDate", where=one)
        assert row == {"StatusId__gr.Name": "Draft", "ActiveDate": None, "DueDate": "2027-06-01"}
        change = {"Gsid": identity, "referenceId": "p", "status": "Active"}
        gs.call("PUT", f"{PLAN}/", json={"requests": [{"record": change}]})
        (row,) = listed(gs, f"{PLAN}/list", "StatusId__gr.Name", "ActiveDate", where=one)
        assert row == {"StatusId__gr.Name": "Active", "ActiveDate": "2026-11-22"}
        gs.control("delete", {"object": "cta_group", "id": identity})
        assert listed(gs, f"{PLAN}/list", "Gsid", includeonlyDeletedRecords=True) == [{"Gsid": identity}]
        assert listed(gs, f"{PLAN}/deleted/list", "Gsid") == [{"Gsid": identity}]


def test_an_external_id_makes_an_activity_once_even_after_it_was_deleted() -> None:
    with tenant() as gs:
        answer = log(gs, an_activity(gs))
        identity = answer.json()["data"]["success"]["kw-1"][0]["activityId"]
        assert answer.headers["x-ratelimit-limit"] == "200"
        (row,) = gs.rows("activity_timeline", "AuthorId__gr.Email", "GsCompanyId", "ActivityDate", "LastModifiedDate",
                         where=where("ExternalId", "EQ", "kw-1"))  # fmt: skip
        assert row == {"AuthorId__gr.Email": a_user(gs)["Email"], "GsCompanyId": gs.company()["Gsid"],
                       "ActivityDate": 1_795_338_000_000, "LastModifiedDate": 1_795_339_800_000}  # fmt: skip
        again = log(gs, an_activity(gs))
        assert refused(again) == (400, "GSOBJ_1008")
        assert "ExternalId already exists" in again.json()["data"]["failure"]["kw-1"][0]["errorMessage"]
        gs.control("delete", {"object": "activity_timeline", "id": identity})
        assert refused(log(gs, an_activity(gs))) == (400, "GSOBJ_1008")


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"Author": "nobody@vendor.example"}, "GSOBJ_1008"), ({"ContextName": "Account"}, "GSOBJ_1008"),
        ({"TypeName": "Shout"}, "GSOBJ_1008"), ({"Subject": None}, "GSOBJ_1007"), ({"ExternalId": ""}, "GSOBJ_1007"),
        ({"ActivityDate": "2026-11-22T01:00:00"}, "GSOBJ_1005"), ({"ActivityDate": "now"}, "GSOBJ_1005"),
        ({"GsCompanyId": None}, "GSOBJ_1007"), ({"GsCompanyId": "1P02" + "0" * 32}, "GSOBJ_1004"),
        ({"ContextName": "Relationship"}, "GSOBJ_1007"), ({"nonsense": 1}, "GSOBJ_1002"),
    ],
)  # fmt: skip
def test_an_activity_that_lacks_something_is_refused(untouched: Tenant, wrong: dict[str, Any], code: str) -> None:
    assert refused(log(untouched, an_activity(untouched, **wrong))) == (400, code)
    assert untouched.journal() == []


def test_an_author_without_a_lookup_is_no_author_and_one_save_takes_one() -> None:
    with tenant() as gs:
        assert refused(gs.post(ACTIVITY, {"records": [an_activity(gs)]})) == (400, "GSOBJ_1002")
        assert refused(log(gs, an_activity(gs), an_activity(gs, "kw-2"))) == (400, "GSOBJ_1008")
        gs.control("options", {"timeline_batch": 50})
        mixed = log(gs, an_activity(gs), an_activity(gs), an_activity(gs, "kw-2", TypeName="Shout"))
        assert mixed.json()["result"] is True
        assert (list(mixed.json()["data"]["success"]), list(mixed.json()["data"]["failure"])) == (
            ["kw-1"],
            ["kw-1", "kw-2"],
        )


def test_a_company_is_found_by_name_and_an_activity_changes_by_any_of_its_ids() -> None:
    with tenant() as gs:
        record = an_activity(
            gs, companyName=gs.company()["Name"], internalAttendees=["a@vendor.example", "b@x.example"]
        )
        del record["GsCompanyId"]
        identity = log(gs, record, GsCompanyId=COMPANY_BY_NAME).json()["data"]["success"]["kw-1"][0]["activityId"]
        for number, (identifier, column, value) in enumerate(
            [("externalid", "ExternalId", "kw-1"), ("activityid", "activityId", identity), ("gsid", "Gsid", identity)]
        ):
            body = {"records": [{column: value, "Subject": f"No. {number}"}]}
            assert gs.call("PUT", f"{ACTIVITY}?identifier={identifier}", json=body).json()["result"] is True
            assert gs.state.tenant.tables["activity_timeline"].rows[identity]["Subject"] == f"No. {number}"
        body = {"records": [{"ExternalId": "unknown", "Subject": "x"}]}
        assert refused(gs.call("PUT", f"{ACTIVITY}?identifier=externalid", json=body)) == (400, "GSOBJ_1011")
        assert refused(gs.call("PUT", f"{ACTIVITY}?identifier=name", json=body)) == (400, "GSOBJ_1008")


@pytest.mark.parametrize("path", ["/v1/peoplemgmt/v1.0/people", "/v1.0/api/people"])
def test_a_person_is_one_by_mail_and_belongs_to_companies(path: str) -> None:
    with tenant() as gs:
        company = gs.company()["Gsid"]
        body = {
            "Email": "new@customer.example",
            "FirstName": "Kim",
            "companies": [{"Company_ID": company, "Title": "CEO"}],
        }
        first = gs.call("PUT", path, json=body).json()["data"]
        again = gs.call("PUT", path, json={**body, "companies": [{"Company_ID": company, "Title": "CTO"}]}).json()[
            "data"
        ]
        assert first == again
        (link,) = gs.rows(
            "company_person", "Title", "Person_ID__gr.Email", where=where("Person_ID", "EQ", first["Person_ID"])
        )
        assert link == {"Title": "CTO", "Person_ID__gr.Email": "new@customer.example"}
        for wrong, code in (
            ({"FirstName": "x"}, "GSOBJ_VDTEMAIL1001"), ({"Email": "no mail"}, "GSOBJ_VDTEMAIL1001"),
            ({"Email": "a@b.example", "nonsense": 1}, "GSOBJ_VCRUDR1002"),
            ({"Email": "a@b.example", "companies": [{"Company_ID": "x"}]}, "GSOBJ_VDTGSID1001"),
            ({"Email": "a@b.example", "companies": [{"Title": "x"}]}, "GSOBJ_VDTGSID1001"),
        ):  # fmt: skip
            before = gs.journal()
            assert refused(gs.call("PUT", path, json=wrong)) == (400, code)
            assert gs.journal() == before


def test_users_are_listed_from_page_zero_with_a_limit_of_their_own() -> None:
    with tenant(users_per_hour=3) as gs:
        path, everybody = "/v1/users/services/list", gs.state.tenant.tables["gsuser"].rows
        body = {
            "select": ["Gsid", "Email", "IsActiveUser"],
            "limit": 4,
            "includeTotal": True,
            "orderBy": {"Gsid": "asc"},
        }
        pages = [gs.post(path, {**body, "page": page}).json()["data"] for page in (0, 1)]
        assert pages[0]["total"] == len(everybody)
        assert [one["Gsid"] for page in pages for one in page["records"]] == sorted(everybody)[:8]
        active = gs.post(path, {"select": ["Gsid"], "where": where("IsActiveUser", "EQ", YES)}).json()["data"]
        assert len(active["records"]) == sum(bool(row["IsActiveUser"]) for row in everybody.values())
        assert refused(gs.post(path, body)) == (429, "GU_2400")
        gs.clock.pass_by(3_600)
        assert gs.post(path, body).status_code == 200
