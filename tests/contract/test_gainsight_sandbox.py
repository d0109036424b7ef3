"""Gainsight as it is where its documents leave a choice: every one of them is read and written alike."""

from __future__ import annotations

import logging
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from connectors.base import Change, Outcome, StreamMap, Window
from connectors.errors import CredentialsError, QuotaExhausted, SchemaDrift
from connectors.gainsight.connector import GainsightConnector
from mapping.records import Ref
from tests.contract.gainsight_tenant import pull, records, shipped_map, stream, tenant

SCORE, STATUS = "CS_Health_Score__gc", "CS_Renewal_Status__gc"


def write(one: GainsightConnector, values: dict[str, dict[str, str | None]]) -> dict[str, Outcome]:
    """Write values of companies by id."""
    batch = [Change(Ref("gainsight", "Company", gsid), named) for gsid, named in values.items()]
    return {outcome.ref.id: outcome for outcome in one.write(batch)}


@pytest.mark.parametrize(
    "options",
    [
        {"bare_list": True},
        {"empty": "result_false"},
        {"empty": "error"},
        {"omit_nulls": True},
        {"zone": "Pacific/Kiritimati"},
        {"zone": "Pacific/Pago_Pago"},
    ],
    ids=str,
)
def test_each_reading_of_the_documents_gives_the_same_pull(options: dict[str, Any]) -> None:
    with tenant() as plain:
        wanted = records(pull(plain.connector()))
    with tenant(**options) as other:
        one = other.connector(pull={"page": 7})
        pages = pull(one)
        assert records(pages) == wanted
        assert records(pull(one, window=Window(since=other.clock.now() + timedelta(hours=1)))) == {}
        changed = sorted(wanted)[3]
        other.post("edit", {"object": "Company", "id": changed, "properties": {"Arr": 5}})
        assert changed in records(pull(one, window=Window(since=pages[-1].high_water)))


def test_pages_that_begin_with_rows_of_the_one_before_give_each_record_once() -> None:
    with tenant() as one:
        one.fault("repeat_rows", "/v1/data/objects/query/Company", nth=2, times=3)
        pages = pull(one.connector(pull={"page": 9}))
        ids = [record.id for page in pages for record in page.records]
        assert sorted(ids) == sorted(one.rows())


def test_people_who_are_busy_while_a_pull_is_under_way_cost_it_no_record() -> None:
    with tenant() as one:
        before = set(one.rows())
        one.fault("churn", "/v1/data/objects/query/Company", nth=1, times=4)
        connector = one.connector(pull={"page": 9})
        first = pull(connector)
        assert records(first).keys() >= before & set(one.rows()), "whoever was there all the time is read"
        behind = records(pull(connector, window=Window(since=first[-1].high_water)))
        known = records(first) | behind
        assert {gsid for gsid, record in known.items() if not record.archived} == set(one.rows())
        changed = {gsid for gsid, row in one.rows().items() if row["ModifiedBy"] == one.state.tenant.person()}
        assert all(known[gsid].properties["Name"] == one.rows()[gsid]["Name"] for gsid in changed)


def test_a_change_that_shows_late_is_caught_by_the_overlap() -> None:
    with tenant() as one:
        connector, gsid = one.connector(), min(one.rows())
        mark = pull(connector)[-1].high_water
        late = {"object": "Company", "id": gsid, "properties": {"Arr": 4711}, "late_seconds": 3600}
        one.post("edit", late)
        assert records(pull(connector, window=Window(since=mark)))[gsid].properties["Arr"] == 4711


@pytest.mark.parametrize("details", [True, False])
def test_one_bad_record_of_fifty_is_rejected_and_the_others_are_written(details: bool) -> None:
    with tenant(error_details=details) as one:
        connector = one.connector()
        connector.identity()  # describes the picklist, which an admin then changes
        ids = sorted(one.rows())[:50]
        one.post("picklist", {"object": "Company", "field": STATUS, "retire": "Due"})
        values: dict[str, dict[str, str | None]] = {gsid: {SCORE: "71", STATUS: "on_track"} for gsid in ids}
        values[ids[17]] = {SCORE: "71", STATUS: "due"}
        before = one.state.stats.requests
        outcomes = write(connector, values)
        assert [gsid for gsid, outcome in outcomes.items() if outcome.kind != "confirmed"] == [ids[17]]
        assert outcomes[ids[17]].kind == "rejected"
        assert "due" not in outcomes[ids[17]].reason.casefold()
        assert sum(row.get(SCORE) == 71 for row in one.rows().values()) == 49
        assert one.state.stats.requests - before <= (3 if details else 4)


def test_n_changes_cost_a_call_for_fifty() -> None:
    with tenant() as one:
        connector = one.connector()
        connector.identity()
        before = one.state.stats.by_route["PUT /v1/data/objects/Company"]
        ids = sorted(one.rows())
        for start in range(0, len(ids), 50):
            write(connector, {gsid: {SCORE: "12"} for gsid in ids[start : start + 50]})
        assert one.state.stats.by_route["PUT /v1/data/objects/Company"] - before == -(-len(ids) // 50)


def test_a_company_that_is_deleted_before_the_write_is_gone_and_its_neighbours_are_written() -> None:
    with tenant() as one:
        connector = one.connector()
        connector.identity()
        first, gone, last = sorted(one.rows())[:3]
        one.post("delete", {"object": "Company", "id": gone})
        outcomes = write(connector, {gsid: {SCORE: "12"} for gsid in (first, gone, last)})
        assert [outcomes[gsid].kind for gsid in (first, gone, last)] == ["confirmed", "gone", "confirmed"]


def test_values_are_shown_as_they_were_written_and_nulls_clear() -> None:
    with tenant() as one:
        connector, gsid = one.connector(), min(one.rows())
        values = {SCORE: "71.5", STATUS: "on_track", "CS_Stage_Entered_On__gc": "2026-02-01",
                  "CS_Scored_At__gc": "2026-02-01T10:00:00Z", "CS_Health_Reasons__gc": "People met: 0"}  # fmt: skip
        ref = Ref("gainsight", "Company", gsid)
        assert write(connector, {gsid: dict(values)})[gsid].kind == "confirmed"
        (seen,) = connector.read_values([ref], list(values))
        assert seen.values == {**values, SCORE: 71.5}
        assert write(connector, {gsid: dict.fromkeys(values)})[gsid].kind == "confirmed"
        (seen,) = connector.read_values([ref], list(values))
        assert seen.values == dict.fromkeys(values)


def test_companies_lead_to_the_other_systems_and_to_their_csm() -> None:
    with tenant() as one:
        connector = one.connector()
        found = records(pull(connector))
        owners = {owner.id: owner.properties for page in pull(connector, "owners") for owner in page.records}
        linked = [record.properties for record in found.values() if record.properties["SfdcAccountId"]]
        assert len(linked) > len(found) / 2
        assert {len(str(one["SfdcAccountId"])) for one in linked} == {15, 18}
        assert any(record.properties["HubSpot_Company_Id__gc"] for record in found.values())
        csms = {str(record.properties["Csm"]) for record in found.values() if record.properties["Csm"]}
        assert csms <= owners.keys()
        assert all("@" in str(one["email"]) for one in owners.values())
        assert {record.properties["Industry"] for record in found.values()} <= {
            None, "Technology", "Logistics", "Retail", "Insurance", "Energy", "Healthcare", "Education",
            "Manufacturing", "Food", "Maritime",
        }  # fmt: skip


def test_the_timeline_is_meetings_and_calls_of_companies() -> None:
    with tenant() as one:
        connector = one.connector()
        kinds = {row["Gsid"]: row["TypeName"] for row in one.rows("activity_timeline").values()}
        for name, types in (("meetings", {"Meeting", "In-Person Meeting"}), ("calls", {"Call"})):
            found = records(pull(connector, name))
            assert found
            assert found.keys() == {gsid for gsid, told in kinds.items() if told in types}
            assert all(record.properties["GsCompanyId"] in one.rows() for record in found.values())
            assert all(str(record.properties["ActivityDate"]).endswith("Z") for record in found.values())


def test_persons_who_took_part_in_meetings_are_those_of_the_customer() -> None:
    with tenant() as one:
        attendees = {"meeting": "ActivityId", "person": "ExternalAttendeeGsId"}
        connector = one.connector(timeline={"attendees": attendees}, pull={"page": 5})
        meetings = sorted(records(pull(connector, "meetings")))
        links = [
            (link.from_id, link.to_id)
            for page in connector.pages(stream(connector, "meetings>persons"), Window(), meetings)
            for link in page.links
        ]
        rows = one.rows("activity_attendee").values()
        wanted = [
            (str(row["ActivityId"]), str(row["ExternalAttendeeGsId"])) for row in rows if row["ExternalAttendeeGsId"]
        ]
        assert sorted(links) == sorted(pair for pair in wanted if pair[0] in meetings)
        assert {person for _, person in links} <= one.rows("person").keys()
        assert links


def test_usage_is_read_along_with_companies_and_its_changes_are_theirs() -> None:
    with tenant() as one:
        usage = {"object": "usage_metrics__gc", "company": "Company__gc", "as_of": "As_Of__gc", "days": 3660}
        wanted = StreamMap("account", ("Name", "usage.Active_Users__gc", "usage.As_Of__gc"))
        connector = one.connector({"companies": wanted}, usage=usage, pull={"page": 9})
        first = pull(connector)
        rows = {row["Company__gc"]: row for row in one.rows("usage_metrics__gc").values()}
        found = {key: record.properties["usage.Active_Users__gc"] for key, record in records(first).items()}
        assert found == {key: rows.get(key, {}).get("Active_Users__gc") for key in one.rows()}
        assert any(found.values())
        company, row = min(rows.items())
        one.clock.sleep(90_000)
        mark = pull(connector, window=Window(since=first[-1].high_water + timedelta(hours=25)))[-1].high_water
        one.post("edit", {"object": "usage_metrics__gc", "id": row["Gsid"], "properties": {"Active_Users__gc": 4711}})
        again = records(pull(connector, window=Window(since=mark + timedelta(hours=24))))
        assert {key: record.properties["usage.Active_Users__gc"] for key, record in again.items()} == {company: 4711}


def test_calls_to_action_and_custom_objects_are_read_where_they_are_named() -> None:
    with tenant() as one:
        maps = {
            "companies": shipped_map("gainsight")["companies"],
            "milestones": StreamMap("milestone", ("CompanyId", "Name", "ClosedDate", "TypeId__gr.Name")),
            "contracts": StreamMap("contract", ("CompanyId", "Arr", "RenewalDate")),
        }
        kinds = {one.state.tenant.find(one.state.tenant.tables["da_picklist"], row["TypeId"])["Name"]  # type: ignore[index]
                 for row in one.rows("call_to_action").values()}  # fmt: skip
        chosen = min(map(str, kinds))
        where = {"object": "call_to_action", "where": {"TypeId__gr.Name": chosen}}
        connector = one.connector(maps, objects={"contracts": "relationship"}, milestones=where)
        found = records(pull(connector, "milestones"))
        assert {record.properties["TypeId__gr.Name"] for record in found.values()} == {chosen}
        assert records(pull(connector, "contracts")).keys() == one.rows("relationship").keys()


def test_success_plans_are_milestones_where_they_are_named() -> None:
    with tenant() as one:
        maps = {"milestones": StreamMap("milestone", ("CompanyId", "Name", "DueDate", "StatusId__gr.Name"))}
        where = {"object": "cta_group", "where": {"TypeId__gr.Name": "Onboarding"}}
        found = records(pull(one.connector(maps, milestones=where), "milestones"))
        onboarding = {gsid for gsid, row in one.rows("cta_group").items() if row["Name"] == "Onboarding plan"}
        assert found.keys() == onboarding
        assert {record.properties["StatusId__gr.Name"] for record in found.values()} == {"Draft"}


def test_a_key_generated_anew_ends_with_what_to_do_or_is_read_from_its_file(tmp_path: Path) -> None:
    with tenant() as one:
        file = tmp_path / "key"
        file.write_text(one.state.gate.access_key)
        from_file, fixed = one.connector(access_key_file=file), one.connector(access_key=one.state.gate.access_key)
        from_file.identity()
        file.write_text(one.post("key", {})["access_key"])
        assert records(pull(from_file)).keys() == one.rows().keys()
        with pytest.raises(CredentialsError, match="generating it anew"):
            pull(fixed)


@pytest.mark.parametrize("status", [401, 400])
def test_a_wrong_key_is_a_matter_of_credentials_whatever_the_status(status: int) -> None:
    with tenant(unauthorized_status=status) as one, pytest.raises(CredentialsError, match="current key"):
        one.connector(access_key="not-the-key-of-the-tenant").identity()


def test_an_address_that_is_not_allowed_is_told_and_a_key_pair_does_not_mind() -> None:
    with tenant(allowed_ips=("203.0.113.7",)) as one:
        with pytest.raises(CredentialsError, match="allowed IP ranges"):
            one.connector(access_key=one.state.gate.access_key).identity()
        assert one.connector().identity()


def test_ended_tokens_cost_one_purchase_however_often_they_are_used() -> None:
    with tenant() as one:
        connector = one.connector(pull={"page": 20})
        connector.identity()
        one.post("expire", {})
        pull(connector)
        assert one.state.stats.by_route["POST /v1/users/m2m/oauth/token"] == 2


def test_a_used_up_minute_is_waited_out_and_a_used_up_day_is_not() -> None:
    with tenant() as one:
        connector = one.connector()
        one.post("spend", {"minute": 100})
        before = one.clock.now()
        connector.identity()
        assert timedelta(0) < one.clock.now() - before <= timedelta(seconds=64)
        one.post("spend", {"day": 50_000})
        with pytest.raises(QuotaExhausted):
            pull(connector)
        assert one.state.quota.refused <= 6


def test_the_limits_of_the_tenant_are_never_run_into() -> None:
    with tenant(per_minute=10) as one:
        connector = one.connector(pull={"page": 1}, limits={"per_minute": 10, "minute_reserve": 0.0})
        pull(connector)
        assert one.state.quota.refused == 0


def test_a_renamed_field_is_named_before_anything_is_read_by_its_old_name() -> None:
    with tenant() as one:
        connector = one.connector({"companies": StreamMap("account", ("Name", "Employees"))})
        stream(connector)
        one.post("field", {"object": "Company", "name": "Employees", "rename": "Staff"})
        with pytest.raises(SchemaDrift, match="may have changed"):
            pull(connector)
        with pytest.raises(SchemaDrift, match="no field Employees"):
            one.connector({"companies": StreamMap("account", ("Name", "Employees"))}).streams()


def test_a_retyped_field_refuses_values_of_the_old_type_record_by_record() -> None:
    with tenant() as one:
        connector, gsid = one.connector(), min(one.rows())
        connector.identity()
        one.post("field", {"object": "Company", "name": SCORE, "type": "BOOLEAN"})
        outcome = write(connector, {gsid: {SCORE: "4711"}})[gsid]
        assert (outcome.kind, outcome.property) == ("rejected", SCORE)


@pytest.mark.parametrize("details", [True, False])
def test_a_field_that_an_admin_changed_costs_two_calls_and_not_one_for_each_record(details: bool) -> None:
    with tenant(error_details=details) as one:
        connector, ids = one.connector(), sorted(one.rows())[:50]
        connector.identity()
        one.post("field", {"object": "Company", "name": SCORE, "type": "DATE"})
        before = one.state.stats.requests
        values: dict[str, dict[str, str | None]] = {gsid: {SCORE: str(place)} for place, gsid in enumerate(ids)}
        values[ids[0]] = {STATUS: "on_track"}
        outcomes = write(connector, values)
        assert [outcomes[gsid].kind for gsid in ids] == ["confirmed"] + ["rejected"] * 49
        assert {outcomes[gsid].property for gsid in ids[1:]} == {SCORE}
        assert one.state.stats.requests - before <= 5


def test_values_that_refusals_quote_reach_neither_outcome_nor_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with tenant() as one:
        connector, ids = one.connector(), sorted(one.rows())[:4]
        connector.identity()
        one.post("field", {"object": "Company", "name": SCORE, "type": "PERCENTAGE"})
        outcomes = write(connector, {gsid: {SCORE: "987654"} for gsid in ids})
        assert {outcome.kind for outcome in outcomes.values()} == {"rejected"}
        assert "987654" not in repr(outcomes) + caplog.text
        assert all("GSOBJ_1008" in outcome.reason for outcome in outcomes.values())


def test_namesakes_are_never_mistaken_for_each_other() -> None:
    with tenant(unique_names=False, many_matches="all") as one:
        first, second = sorted(one.rows())[:2]
        one.post("edit", {"object": "Company", "id": second, "properties": {"Name": one.rows()[first]["Name"]}})
        write(one.connector(), {first: {SCORE: "12"}})
        assert (one.rows()[first].get(SCORE), one.rows()[second].get(SCORE)) == (12, None)


def test_the_rule_of_the_tenant_takes_our_score_into_its_scorecard() -> None:
    with tenant() as one:
        gsid = min(one.rows())
        write(one.connector(), {gsid: {SCORE: "64"}})
        assert one.post("rule", {"field": SCORE}) == {"companies": 1}
        scores = one.connector({"companies": StreamMap("account", ("CurrentScore__gr.Score",))})
        assert records(pull(scores))[gsid].properties == {"CurrentScore__gr.Score": 64}


def test_a_tenant_is_known_by_the_ids_of_its_companies_under_whatever_address() -> None:
    with tenant() as one:
        known = one.connector().identity()
        assert len(known) == 18
        assert all(gsid.startswith(known) for gsid in one.rows())


def test_two_addresses_of_one_tenant_draw_on_one_quota() -> None:
    with tenant() as one:
        held: list[set[str]] = []
        for host in ("127.0.0.1", "LOCALHOST", "localhost"):
            holders: set[str] = set()
            connector = one.connector(base_url=one.url.replace("127.0.0.1", host) + "/", holders=holders)
            connector.identity()
            held.append(set(holders))
            holders.clear()
            pull(connector)
            held.append(set(holders))
        assert len(held[1]) == 1, "once the tenant is known, all counts against it"
        assert held[1] == held[3] == held[5], "and it is the same one, whatever address leads to it"
        assert held[0] != held[2] == held[4], "until then it is the address, however it is spelled"
