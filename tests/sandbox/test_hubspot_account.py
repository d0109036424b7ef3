"""Associations, pipelines, owners, history and the control plane of the HubSpot sandbox."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from sandbox.hubspot.auth import PRIVATE_TOKEN, Token
from tests.sandbox.hubspot_portal import OBJECTS, Portal, portal

V4 = "/crm/v4/associations"


@pytest.fixture(scope="module")
def hub() -> Iterator[Portal]:
    with portal(accounts=500) as served:
        yield served


def linked(hub: Portal, kind: str, other: str, *ids: str, **more: Any) -> Any:
    inputs = [{"id": identity, **more} for identity in ids]
    return hub.post(f"{V4}/{kind}/{other}/batch/read", {"inputs": inputs})


def test_a_childs_primary_company_is_labelled_and_the_head_office_is_not(hub: Portal) -> None:
    links = hub.state.portal.links
    deal = next(i for i in hub.ids("deals", 1000) if len(links.of("deals", int(i), "companies")) == 2)
    rows = linked(hub, "deals", "companies", deal).json()["results"][0]["to"]
    assert all(isinstance(row["toObjectId"], int) for row in rows)
    types = sorted([(t["typeId"], t["label"]) for t in row["associationTypes"]] for row in rows)
    assert types == [[(5, "Primary"), (341, None)], [(341, None)]]
    dated = hub.post("/crm/associations/2026-03/0-3/0-2/batch/read", {"inputs": [{"id": deal}]}).json()
    assert dated["results"][0]["to"] == rows


@pytest.mark.parametrize(
    ("kind", "other", "types"),
    [
        ("companies", "deals", {6, 342}), ("tickets", "companies", {26, 339}), ("companies", "tickets", {25, 340}),
        ("meetings", "companies", {188}), ("meetings", "contacts", {200}), ("contacts", "companies", {1, 279}),
        ("feedback_submissions", "companies", {928}), ("companies", "companies", {13, 14}),
    ],
)  # fmt: skip
def test_every_pair_has_the_documented_type_ids(hub: Portal, kind: str, other: str, types: set[int]) -> None:
    rows = linked(hub, kind, other, *hub.ids(kind, 1000)).json()["results"]
    seen = {t["typeId"] for row in rows for to in row["to"] for t in to["associationTypes"]}
    assert seen == types


def test_a_record_without_associations_is_an_error_entry(hub: Portal) -> None:
    links = hub.state.portal.links
    orphan = next(i for i in hub.ids("deals", 1000) if not links.of("deals", int(i), "companies"))
    answer = linked(hub, "deals", "companies", orphan)
    assert (answer.status_code, answer.json()["results"]) == (207, [])
    entry = answer.json()["errors"][0]
    assert entry["subCategory"] == "crm.associations.NO_ASSOCIATIONS_FOUND"
    assert entry["context"] == {"fromObjectId": [orphan], "fromObjectType": ["deal"], "toObjectType": ["company"]}


def test_more_than_a_page_of_one_id_is_fetched_with_its_after(hub: Portal) -> None:
    links = hub.state.portal.links
    company = hub.ids(count=1)[0]
    for ticket in hub.ids("tickets", 250):
        links.join("tickets", int(ticket), "companies", int(company))
    total = set(links.of("companies", int(company), "tickets"))
    seen: set[int] = set()
    after: dict[str, str] = {}
    while True:
        row = linked(hub, "companies", "tickets", company, **after).json()["results"][0]
        seen |= {to["toObjectId"] for to in row["to"]}
        assert len(row["to"]) <= 100
        if "paging" not in row:
            break
        after = {"after": row["paging"]["next"]["after"]}
    assert seen == total
    single = hub.get(f"/crm/v4/objects/companies/{company}/associations/tickets", limit=200).json()
    assert len(single["results"]) == 200
    rest = hub.get(
        f"/crm/v4/objects/companies/{company}/associations/tickets", after=single["paging"]["next"]["after"]
    ).json()
    assert {to["toObjectId"] for to in single["results"] + rest["results"]} == total


def test_a_thousand_inputs_are_the_most_and_the_pair_must_exist(hub: Portal) -> None:
    assert linked(hub, "deals", "companies", *map(str, range(1000))).status_code == 207
    assert linked(hub, "deals", "companies", *map(str, range(1001))).status_code == 400
    assert linked(hub, "contacts", "contacts", "1").status_code == 400
    assert linked(hub, "deals", "companies", "1", after="???").status_code == 400


def test_a_new_association_does_not_touch_either_record(hub: Portal) -> None:
    ticket, company = hub.ids("tickets", 1)[0], hub.ids(count=3)[2]
    before = hub.get(f"{OBJECTS}/tickets/{ticket}").json()["updatedAt"]
    path = f"/crm/v4/objects/tickets/{ticket}/associations/default/companies/{company}"
    assert hub.call("PUT", path).status_code == 200
    targets = hub.get(f"/crm/objects/2026-03/tickets/{ticket}/associations/companies").json()["results"]
    assert int(company) in {row["toObjectId"] for row in targets}
    assert hub.get(f"{OBJECTS}/tickets/{ticket}").json()["updatedAt"] == before


def test_pipelines_have_string_metadata_and_the_stages_that_records_use(hub: Portal) -> None:
    deals = hub.get("/crm/v3/pipelines/deals").json()["results"]
    assert [line["id"] for line in deals] == ["default", "renewals"]
    won = [
        s["id"] for line in deals for s in line["stages"] if s["metadata"] == {"isClosed": "true", "probability": "1.0"}
    ]
    assert won == ["closedwon", "1180004"]
    used = {record.values["dealstage"] for record in hub.state.portal.stores["deals"].live.values()}
    assert used <= {s["id"] for line in deals for s in line["stages"]}
    tickets = hub.get("/crm/pipelines/2026-03/tickets").json()["results"]
    assert [(line["id"], line["stages"][0]["id"]) for line in tickets] == [("0", "1")]
    assert tickets[0]["stages"][-1]["metadata"] == {"isClosed": "true", "ticketState": "CLOSED"}
    assert hub.get("/crm/v3/pipelines/deals/renewals").json() == deals[1]
    assert hub.get("/crm/v3/pipelines/deals/none").status_code == 404


def test_owners_who_left_are_listed_apart_and_still_own_records(hub: Portal) -> None:
    active = hub.get("/crm/v3/owners", limit=4).json()
    rest = hub.get("/crm/v3/owners", limit=100, after=active["paging"]["next"]["after"]).json()
    gone = hub.get("/crm/v3/owners", archived="true").json()["results"]
    assert not {o["id"] for o in active["results"] + rest["results"]} & {o["id"] for o in gone}
    assert all(o["userId"] is None and o["userIdIncludingInactive"] and o["archived"] for o in gone)
    owning = {r.values.get("hubspot_owner_id") for r in hub.state.portal.stores["companies"].live.values()}
    assert owning & {o["id"] for o in gone}
    one = active["results"][0]
    assert hub.get("/crm/v3/owners", email=one["email"]).json()["results"] == [one]
    assert hub.get(f"/crm/v3/owners/{one['id']}").json() == one
    assert hub.get("/account-info/v3/details").json()["timeZone"] == "Europe/Copenhagen"


def test_history_and_journal_tell_people_from_integrations(hub: Portal) -> None:
    one = hub.ids(count=5)[4]
    original = hub.get(f"{OBJECTS}/companies/{one}", properties="phone,name").json()["properties"]
    since = len(hub.get("/_sandbox/journal").json())
    hub.clock.pass_by(5)
    written = hub.patch(f"{OBJECTS}/companies/{one}", {"properties": {"name": "By API"}})
    hub.clock.pass_by(5)
    edit = {"object": "companies", "id": one, "properties": {"name": "By hand"}, "user": "900003"}
    assert hub.post("/_sandbox/edit", edit).json()["properties"]["name"] == "By hand"
    body = hub.get(f"{OBJECTS}/companies/{one}", propertiesWithHistory="name").json()
    versions = body["propertiesWithHistory"]["name"]
    assert [v["sourceType"] for v in versions] == ["CRM_UI", "INTEGRATION", "IMPORT"]
    assert [v["value"] for v in versions] == ["By hand", "By API", original["name"]]
    assert (versions[0]["updatedByUserId"], versions[0]["sourceId"]) == (900003, "userId:900003")
    assert versions[1]["sourceId"] == str(Token(PRIVATE_TOKEN, "keepwell").app_id)
    effects = hub.get("/_sandbox/journal", since=since).json()
    assert [(e["actor"], e["old"], e["new"]) for e in effects] == [
        ("api:keepwell", original["name"], "By API"),
        ("user", "By API", "By hand"),
    ]
    assert effects[0]["request_id"] == written.headers["x-hubspot-correlation-id"]
    assert body["updatedAt"] == effects[1]["time"]


def test_a_token_tells_which_app_it_is_of(hub: Portal) -> None:
    own = Token(PRIVATE_TOKEN, "keepwell").app_id
    path = "/oauth/v2/private-apps/get/access-token-info"
    told = hub.post(path, {"tokenKey": PRIVATE_TOKEN}).json()
    assert (told["appId"], told["hubId"]) == (own, hub.state.options.portal_id)
    assert hub.post(path, {"tokenKey": "pat-na1-unknown"}).status_code == 401

    app = hub.state.options.oauth
    secrets = {"client_id": app.client_id, "client_secret": app.client_secret}
    grant = {**secrets, "grant_type": "refresh_token", "refresh_token": app.refresh_token}
    token = hub.call("POST", "/oauth/v3/token", data=grant).json()["access_token"]
    about = {**secrets, "token": token, "token_type_hint": "access_token"}
    known = hub.call("POST", "/oauth/2026-03/token/introspect", data=about).json()
    assert (known["active"], known["app_id"]) == (True, Token(token, "oauth").app_id)
    assert own != known["app_id"]
    assert hub.call("POST", "/oauth/v3/token/introspect", data={**about, "token": "gone"}).json() == {"active": False}
    assert hub.call("POST", "/oauth/v3/token/introspect", data={**about, "client_secret": "x"}).status_code == 400
    assert hub.post(path, {"tokenKey": token}).status_code == 401


def test_an_edit_may_name_its_user_by_any_text(hub: Portal) -> None:
    one = hub.ids(count=6)[5]
    edit = {"object": "companies", "id": one, "properties": {"phone": "1"}, "user": "anna"}
    assert hub.post("/_sandbox/edit", edit).status_code == 200
    body = hub.get(f"{OBJECTS}/companies/{one}", propertiesWithHistory="phone").json()
    version = body["propertiesWithHistory"]["phone"][0]
    assert (version["sourceType"], version["sourceId"], version["updatedByUserId"]) == ("CRM_UI", "userId:anna", None)


def test_links_of_an_archived_record_are_not_shown(hub: Portal) -> None:
    links = hub.state.portal.links
    deal = next(i for i in reversed(hub.ids("deals", 1000)) if links.of("deals", int(i), "companies"))
    company = str(links.of("deals", int(deal), "companies")[0])
    assert hub.call("DELETE", f"{OBJECTS}/deals/{deal}").status_code == 204
    rows = linked(hub, "companies", "deals", company).json()["results"]
    assert int(deal) not in {to["toObjectId"] for row in rows for to in row["to"]}
    assert linked(hub, "deals", "companies", deal).status_code == 207


def test_people_archive_and_merge_and_counts_tell_the_truth(hub: Portal) -> None:
    before = hub.get("/_sandbox/counts").json()["companies"]
    one, two, three = hub.ids(count=12)[9:]
    assert hub.post("/_sandbox/archive", {"object": "companies", "id": one}).status_code == 200
    merged = hub.post("/_sandbox/merge", {"object": "companies", "id": two, "other": three})
    assert hub.get(f"{OBJECTS}/companies/{two}").json()["id"] == merged.json()["id"]
    after = hub.get("/_sandbox/counts").json()["companies"]
    assert after["live"] == before["live"] - 2
    assert after["archived"] == before["archived"] + 1
    assert after["merged_away"] == before["merged_away"] + 2
    assert [e["action"] for e in hub.get("/_sandbox/journal").json()[-3:]] == ["archive", "merge", "merge"]


@pytest.mark.parametrize(
    "body",
    [
        {"object": "gadgets", "id": "1", "properties": {}},
        {"object": "companies", "id": "1", "properties": {}},
        {"object": "companies"},
    ],
)
def test_an_edit_of_nothing_is_refused(hub: Portal, body: dict[str, Any]) -> None:
    assert hub.post("/_sandbox/edit", body).status_code in (400, 404)


def test_stats_count_requests_by_route_and_status(hub: Portal) -> None:
    before = hub.get("/_sandbox/stats").json()
    hub.get(f"{OBJECTS}/companies/{hub.ids(count=1)[0]}")
    hub.get(f"{OBJECTS}/companies/1")
    after = hub.get("/_sandbox/stats").json()
    assert after["requests"] - before["requests"] == 2
    route = "GET /crm/v3/objects/companies/{id}"
    assert after["by_route"][route] - before["by_route"].get(route, 0) == 2
    assert after["by_status"]["404"] - before["by_status"].get("404", 0) == 1
