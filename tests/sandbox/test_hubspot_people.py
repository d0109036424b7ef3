"""What people do behind an app's back: deletes, restores, merges, floods, links, roll-ups, and pages that shift."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.sandbox.hubspot_portal import OBJECTS, START, Portal, portal

COMPANIES = f"{OBJECTS}/companies"
DEALS = f"{OBJECTS}/deals"
MODIFIED = "hs_lastmodifieddate"


@pytest.fixture
def hub() -> Iterator[Portal]:
    with portal(accounts=40) as served:
        yield served


def person(hub: Portal, verb: str, **body: Any) -> Any:
    answer = hub.call("POST", f"/_sandbox/{verb}", None, json=body)
    assert answer.status_code in (200, 204), answer.text
    return answer.json() if answer.content else None


def listed(hub: Portal, kind: str = "companies", **params: Any) -> list[str]:
    """Ids of all pages of a list; empty and short pages are not the end."""
    ids: list[str] = []
    after: str | None = None
    while True:
        more = {} if after is None else {"after": after}
        body = hub.get(f"{OBJECTS}/{kind}", limit=100, **params, **more).json()
        ids += [row["id"] for row in body["results"]]
        after = body.get("paging", {}).get("next", {}).get("after")
        if after is None:
            return ids


def found(hub: Portal, kind: str = "companies", **condition: Any) -> list[str]:
    filters = [condition] if condition else []
    body = hub.post(f"{OBJECTS}/{kind}/search", {"filters": filters, "limit": 200}).json()
    return [row["id"] for row in body["results"]]


def stamp(hub: Portal, identity: str, kind: str = "companies") -> str:
    return str(hub.get(f"{OBJECTS}/{kind}/{identity}").json()["updatedAt"])


def test_a_deleted_record_is_in_the_recycle_bin_and_a_purged_one_nowhere(hub: Portal) -> None:
    binned, purged, both = hub.ids(count=3)
    before = listed(hub, archived="true")
    person(hub, "archive", object="companies", id=binned)
    person(hub, "purge", object="companies", id=purged)
    person(hub, "archive", object="companies", id=both)
    person(hub, "purge", object="companies", id=both)
    assert set(listed(hub, archived="true")) - set(before) == {binned}
    assert not {binned, purged, both} & {*listed(hub), *found(hub)}
    read = hub.post(f"{COMPANIES}/batch/read", {"inputs": [{"id": purged}], "properties": []})
    assert (read.status_code, read.json()["errors"][0]["context"]) == (207, {"ids": [purged]})
    assert hub.get(f"{COMPANIES}/{purged}", archived="true").status_code == 404


def test_a_restored_record_is_back_without_a_new_stamp(hub: Portal) -> None:
    deal = hub.ids("deals")[0]
    linked = hub.state.portal.associated("deals", int(deal), "companies")
    before = stamp(hub, deal, "deals")
    person(hub, "archive", object="deals", id=deal)
    hub.clock.pass_by(60)
    assert deal not in found(hub, "deals", propertyName="hs_object_id", operator="EQ", value=deal)
    person(hub, "restore", object="deals", id=deal)
    assert deal in listed(hub, "deals")
    assert deal not in listed(hub, "deals", archived="true")
    assert found(hub, "deals", propertyName="hs_object_id", operator="EQ", value=deal) == [deal]
    assert stamp(hub, deal, "deals") == before
    assert hub.state.portal.associated("deals", int(deal), "companies") == linked
    assert hub.state.portal.journal.effects[-1].action == "restore"


def test_each_change_may_have_an_index_delay_of_its_own(hub: Portal) -> None:
    late, gone, back = hub.ids(count=3)
    person(hub, "edit", object="companies", id=late, properties={"phone": "555"}, index_delay=30)
    person(hub, "archive", object="companies", id=gone, index_delay=60)
    person(hub, "archive", object="companies", id=back)
    person(hub, "restore", object="companies", id=back, index_delay=90)
    phone = {"propertyName": "phone", "operator": "EQ", "value": "555"}
    seen = []
    for seconds in (0, 30, 60, 90):
        hub.clock.now = START + seconds
        there = found(hub)
        seen.append((found(hub, **phone) == [late], gone in there, back in there))
    assert seen == [(False, True, False), (True, True, False), (True, False, False), (True, False, True)]
    assert gone not in listed(hub)


def test_a_merge_makes_a_new_id_for_any_object_and_keeps_the_labels(hub: Portal) -> None:
    one, two = hub.ids("tickets", 2)
    company = hub.ids()[0]
    person(hub, "associate", object="tickets", id=two, to_object="companies", to=company, label="Reported by")
    merged = person(hub, "merge", object="tickets", id=one, other=two)
    assert merged["id"] not in (one, two)
    assert merged["properties"]["hs_merged_object_ids"].split(";") == [one, two]
    read = hub.post("/crm/v4/associations/tickets/companies/batch/read", {"inputs": [{"id": merged["id"]}]}).json()
    labels = {t["label"] for to in read["results"][0]["to"] for t in to["associationTypes"]}
    assert "Reported by" in labels


def test_a_flood_gives_one_millisecond_to_more_than_a_search_can_page() -> None:
    with portal(accounts=1) as hub:
        person(hub, "create", object="deals", properties={"dealname": "Bulk"}, count=10_300)
        hub.clock.pass_by(3_600)
        answer = person(hub, "flood", object="deals", count=10_250)
        at = {"propertyName": MODIFIED, "operator": "EQ", "value": str(answer["at_ms"])}
        body = hub.post(f"{DEALS}/search", {"filters": [at], "limit": 200, "after": "9800"}).json()
        assert (body["total"], len(body["results"])) == (10_250, 200)
        assert {row["properties"][MODIFIED] for row in body["results"]} == {"2026-11-22T10:30:00Z"}
        last = body["results"][-1]["id"]
        beyond = {"propertyName": "hs_object_id", "operator": "GT", "value": last}
        sort = [{"propertyName": "hs_object_id", "direction": "ASCENDING"}]
        rest = hub.post(f"{DEALS}/search", {"filters": [at, beyond], "sorts": sort, "limit": 200}).json()
        assert rest["total"] == 250
        assert [row["id"] for row in rest["results"]] == hub.ids("deals", 10_200)[10_000:]


def test_a_flood_may_name_its_records_and_its_instant(hub: Portal) -> None:
    one, two, other = hub.ids(count=3)
    before = stamp(hub, other)
    person(hub, "flood", object="companies", ids=[one, two], at_ms=1_760_000_000_001)
    assert {stamp(hub, one), stamp(hub, two)} == {"2025-10-09T08:53:20.001Z"}
    assert stamp(hub, other) == before


def test_links_change_without_touching_either_record(hub: Portal) -> None:
    deal = next(d for d in hub.ids("deals") if hub.state.portal.associated("deals", int(d), "companies"))
    old = str(hub.state.portal.associated("deals", int(deal), "companies")[0])
    new = next(one for one in hub.ids() if one != old)
    stamps = [stamp(hub, deal, "deals"), stamp(hub, old), stamp(hub, new)]
    pair = {"object": "deals", "id": deal, "to_object": "companies"}
    hub.clock.pass_by(60)

    def types(company: str) -> set[tuple[str, int, str | None]]:
        read = hub.post("/crm/v4/associations/deals/companies/batch/read", {"inputs": [{"id": deal}]}).json()
        targets = {str(to["toObjectId"]): to["associationTypes"] for to in read["results"][0]["to"]}
        return {(one["category"], one["typeId"], one["label"]) for one in targets.get(company, [])}

    plain, primary = ("HUBSPOT_DEFINED", 341, None), ("HUBSPOT_DEFINED", 5, "Primary")
    own = ("USER_DEFINED", 1_001, "Reseller")
    person(hub, "associate", **pair, to=new)
    assert types(new) == {plain}
    person(hub, "associate", **pair, to=new, primary=True, label="Reseller")
    assert (types(new), types(old)) == ({plain, primary, own}, {plain})
    person(hub, "dissociate", **pair, to=new, label="Reseller")
    person(hub, "dissociate", **pair, to=old)
    assert (types(new), types(old)) == ({plain, primary}, set())
    person(hub, "associate", object="companies", id=old, to_object="deals", to=deal, primary=True)
    assert (types(new), types(old)) == ({plain}, {plain, primary})
    assert stamps == [stamp(hub, deal, "deals"), stamp(hub, old), stamp(hub, new)]


def test_a_roll_up_changes_silently(hub: Portal) -> None:
    company = hub.ids()[0]
    before = stamp(hub, company)
    hub.clock.pass_by(60)
    person(hub, "recalculate", object="companies", id=company,
           properties={"hs_num_open_deals": "77", "notes_last_contacted": "2026-01-01T00:00:00Z"})  # fmt: skip
    read = hub.get(f"{COMPANIES}/{company}", properties="hs_num_open_deals,notes_last_contacted").json()
    assert read["properties"]["hs_num_open_deals"] == "77"
    assert read["properties"]["notes_last_contacted"] == "2026-01-01T00:00:00Z"
    assert read["updatedAt"] == before
    assert company in found(hub, propertyName="hs_num_open_deals", operator="EQ", value="77")


def test_records_can_be_made_with_ids_of_any_length(hub: Portal) -> None:
    assert person(hub, "create", object="deals", properties={"dealname": "Short"}, id="99")["ids"] == ["99"]
    assert listed(hub, "deals")[0] == "99"
    for body in ({"id": "99"}, {"id": "x"}, {"id": "98", "count": 2}, {"count": 0}):
        answer = hub.call("POST", "/_sandbox/create", None, json={"object": "deals", "properties": {}, **body})
        assert answer.status_code == 400


def test_a_list_may_shift_between_its_pages() -> None:
    with portal(accounts=200) as hub:
        before = hub.ids(count=1_000)
        hub.break_next("churn", path=COMPANIES)
        seen = listed(hub)
        assert len(seen) == len(set(seen))
        lost, fresh = set(before) - set(seen), set(seen) - set(before)
        # The read one that went is still among what was seen; the unread ones that went or merged are not.
        assert before[1] in seen
        assert lost == set(before[-3:])
        assert len(fresh) == 2
        assert before[1] not in listed(hub)


@pytest.mark.parametrize("switch", ["short_pages", "empty_pages"])
def test_lists_and_searches_may_have_short_or_empty_pages(switch: str) -> None:
    with portal(accounts=200) as hub:
        whole = listed(hub)
        assert person(hub, "options", **{switch: True})[switch] is True
        assert len(hub.get(COMPANIES, limit=100).json()["results"]) in (0, 50)
        assert listed(hub) == whole
        ids: list[str] = []
        after = "0" if switch == "short_pages" else ""
        while after is not None:
            body = hub.post(f"{COMPANIES}/search", {"limit": 50, "after": after}).json()
            ids += [row["id"] for row in body["results"]]
            after = body.get("paging", {}).get("next", {}).get("after")
        assert ids == whole


def test_a_total_may_be_capped(hub: Portal) -> None:
    person(hub, "options", total_cap=10)
    assert hub.post(f"{COMPANIES}/search", {"limit": 5}).json()["total"] == 10


def test_another_portal_can_answer(hub: Portal) -> None:
    person(hub, "options", portal_id=99)
    assert hub.get("/account-info/v3/details").json()["portalId"] == 99
    assert "/contacts/99/" in hub.get(COMPANIES, limit=1).json()["results"][0]["url"]


@pytest.mark.parametrize("body", [{"burst": 5}, {"portal_id": "x"}, {"short_pages": 1}, {"total_cap": True}])
def test_what_cannot_be_switched_is_refused(hub: Portal, body: dict[str, Any]) -> None:
    assert hub.call("POST", "/_sandbox/options", None, json=body).status_code == 400


def test_definitions_change_while_others_read(hub: Portal) -> None:
    company = next(i for i in hub.ids() if "country" in hub.state.portal.stores["companies"].live[int(i)].values)
    value = hub.state.portal.stores["companies"].live[int(company)].values["country"]

    def shown(*names: str) -> Any:
        return hub.get(f"{COMPANIES}/{company}", properties=",".join(names)).json()["properties"]

    person(hub, "property", object="companies", name="country", rename="land")
    assert "country" not in shown("country", "land")
    assert shown("land")["land"] == value
    person(hub, "property", object="companies", name="land", type="enumeration", options=["DK"])
    definition = hub.get("/crm/v3/properties/companies/land").json()
    assert (definition["type"], [one["value"] for one in definition["options"]]) == ("enumeration", ["DK"])
    person(hub, "property", object="companies", name="land", remove=True)
    assert "land" not in shown("land")
    assert hub.call("POST", "/_sandbox/property", None, json={"object": "companies", "name": "x"}).status_code == 404


def test_a_stage_can_be_archived_while_deals_are_in_it(hub: Portal) -> None:
    def stages() -> dict[str, bool]:
        lines = hub.get("/crm/v3/pipelines/deals").json()["results"]
        return {one["id"]: one["archived"] for line in lines for one in line["stages"]}

    person(hub, "stage", object="deals", stage="contractsent", listed=True)
    assert stages()["contractsent"] is True
    person(hub, "stage", object="deals", stage="contractsent")
    assert "contractsent" not in stages()
    assert stages()["closedwon"] is False


def test_a_deal_knows_when_it_last_came_into_a_stage(hub: Portal) -> None:
    deal = person(hub, "create", object="deals", properties={"dealstage": "contractsent"})["id"]
    moments = []
    for stage in ("closedwon", "contractsent", "closedwon"):
        hub.clock.pass_by(60)
        person(hub, "edit", object="deals", id=deal, properties={"dealstage": stage})
        names = "hs_v2_date_entered_closedwon,hs_v2_date_entered_closedlost"
        shown = hub.get(f"{DEALS}/{deal}", properties=names).json()["properties"]
        assert shown["hs_v2_date_entered_closedlost"] is None
        moments.append(shown["hs_v2_date_entered_closedwon"])
    assert moments == ["2026-11-22T09:31:00Z", "2026-11-22T09:31:00Z", "2026-11-22T09:33:00Z"]
