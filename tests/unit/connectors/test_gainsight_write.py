"""Writing to Gainsight: all or nothing, bisected; what is refused before it is sent; what an answer proves."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import requests
import responses

from connectors.base import Change, FieldFinding, Outcome
from connectors.errors import CredentialsError, QuotaExhausted, SchemaDrift
from connectors.gainsight.connector import GainsightConnector
from mapping.records import FieldSpec, Ref, ValueType
from tests.unit.connectors.gainsight_kit import (
    COMPANY_FIELDS,
    COMPANY_URL,
    UNAUTHORIZED,
    Body,
    Table,
    companies,
    company_id,
    connector,
    describe_url,
    envelope,
    field,
    let_describe,
    picklist,
    refusal,
)
from tests.unit.connectors.kit import FakeClock

SCORE, STATUS = "CS_Health_Score__gc", "CS_Renewal_Status__gc"


@pytest.fixture
def tenant() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        let_describe(mock)
        yield mock


class Updates:
    """The update call: refuses a request whole for each record that `bad` says something about."""

    def __init__(self, mock: responses.RequestsMock, *, details: bool = True, **bad: str) -> None:
        self.details = details
        self.bad = {company_id(int(number.removeprefix("c"))): code for number, code in bad.items()}
        self.sent: list[list[Body]] = []
        self.stored: dict[str, Body] = {}
        mock.add_callback("PUT", f"{COMPANY_URL}?keys=Gsid", callback=self, content_type="application/json")

    def __call__(self, request: requests.PreparedRequest) -> tuple[int, dict[str, str], str]:
        records = json.loads(request.body or b"{}")["records"]
        self.sent.append(records)
        refused = [one for one in records if one["Gsid"] in self.bad]
        if not refused:
            self.stored |= {one["Gsid"]: one for one in records}
            return 200, {}, json.dumps(envelope({"count": len(records), "errors": None, "records": records}))
        first = refused[0]
        code = self.bad[first["Gsid"]]
        error = {"errorMessage": f"Invalid ({SCORE} = {first.get(SCORE)})", "errorCode": code, "fieldName": SCORE,
                 "invalidValue": first.get(SCORE)}  # fmt: skip
        errors = [[{"success": False, "parsedValue": first.get(SCORE), "errors": [error]}]] if self.details else None
        data = {"count": 0, "records": None, "errors": errors}
        return 400, {}, json.dumps(refusal(code, f"secret value {first.get(SCORE)}", data))


def change(number: int, **values: str | None) -> Change:
    """A change of company `number`."""
    named = {f"CS_{name}__gc": value for name, value in values.items()} or {SCORE: str(number)}
    return Change(Ref("gainsight", "Company", company_id(number)), named)


def by_number(outcomes: Sequence[Outcome]) -> dict[int, Outcome]:
    """Outcomes by the number of their company."""
    return {int(one.ref.id[18:]): one for one in outcomes}


def kinds(outcomes: Sequence[Outcome]) -> dict[str, int]:
    """How many outcomes there are of each kind."""
    return {kind: [one.kind for one in outcomes].count(kind) for kind in {one.kind for one in outcomes}}


def test_fifty_good_records_are_one_call(tenant: responses.RequestsMock) -> None:
    updates = Updates(tenant)
    outcomes = connector().write([change(number) for number in range(1, 51)])
    assert kinds(outcomes) == {"confirmed": 50}
    assert len(updates.sent) == 1
    assert updates.sent[0][4] == {"Gsid": company_id(5), SCORE: 5}


def test_a_bad_record_of_fifty_costs_three_calls_and_the_others_are_written(tenant: responses.RequestsMock) -> None:
    updates = Updates(tenant, c17="GSOBJ_1002")
    outcomes = by_number(connector().write([change(number) for number in range(1, 51)]))
    assert [number for number, one in outcomes.items() if one.kind != "confirmed"] == [17]
    assert (outcomes[17].kind, outcomes[17].code, outcomes[17].property) == ("rejected", "GSOBJ_1002", SCORE)
    assert [len(sent) for sent in updates.sent] == [50, 49, 1]


def test_a_bad_record_that_is_not_named_is_found_by_halves(tenant: responses.RequestsMock) -> None:
    updates = Updates(tenant, details=False, c17="GSOBJ_1008", c18="GSOBJ_1008")
    outcomes = by_number(connector().write([change(number) for number in range(1, 51)]))
    assert [number for number, one in outcomes.items() if one.kind == "rejected"] == [17, 18]
    assert len(updates.stored) == 48
    assert len(updates.sent) <= 20


def test_what_a_refusal_quotes_is_told_to_nobody(tenant: responses.RequestsMock) -> None:
    Updates(tenant, c1="GSOBJ_1006")
    (outcome,) = connector().write([change(1, Health_Score="4711")])
    assert outcome.kind == "rejected"
    assert "4711" not in outcome.reason
    assert "secret" not in outcome.reason
    assert outcome.reason == f"GSOBJ_1006: a date has a form that Gainsight does not read ({SCORE})"


@pytest.mark.parametrize(
    "quoted", ["GU_2400", "GU_1101", "GS_APIG_2401", "GSOBJ_1023", "object not found", "no data found"]
)
def test_a_quoted_value_that_looks_like_a_code_is_none(tenant: responses.RequestsMock, quoted: str) -> None:
    def answer(request: requests.PreparedRequest) -> tuple[int, dict[str, str], str]:
        records = json.loads(request.body or b"{}")["records"]
        if any(one["Gsid"] == company_id(1) for one in records):
            return 400, {}, json.dumps(refusal("GSOBJ_1001", f"the value {quoted} is too long"))
        return 200, {}, json.dumps(envelope({"count": len(records), "records": records}))

    tenant.add_callback("PUT", f"{COMPANY_URL}?keys=Gsid", callback=answer, content_type="application/json")
    Table(companies(3)).let_query(tenant)
    outcomes = by_number(connector().write([change(number) for number in range(1, 4)]))
    assert {number: one.kind for number, one in outcomes.items()} == {1: "rejected", 2: "confirmed", 3: "confirmed"}


@pytest.mark.parametrize(("named", "at_fault"), [("Gsid", None), ("Industry", None), ("cs_health_score__gc", SCORE)])
def test_a_refusal_is_of_a_value_only_where_it_names_one_that_was_sent(
    tenant: responses.RequestsMock, named: str, at_fault: str | None
) -> None:
    error = {"errorMessage": "no", "errorCode": "GSOBJ_1008", "fieldName": named, "invalidValue": "x"}
    data = {"count": 0, "records": None, "errors": [[{"success": False, "errors": [error]}]]}
    tenant.put(f"{COMPANY_URL}?keys=Gsid", json=refusal("GSOBJ_1008", "no", data), status=400)
    (outcome,) = connector().write([change(1)])
    assert (outcome.kind, outcome.property) == ("rejected", at_fault)
    assert named in outcome.reason


def test_records_that_are_gone_are_told_and_the_others_written(tenant: responses.RequestsMock) -> None:
    updates = Updates(tenant, details=False, c2="GSOBJ_1011")
    Table([row for row in companies(4) if row["Gsid"] != company_id(2)]).let_query(tenant)
    outcomes = by_number(connector().write([change(number) for number in range(1, 5)]))
    assert {number: one.kind for number, one in outcomes.items()} == {
        1: "confirmed", 2: "gone", 3: "confirmed", 4: "confirmed",
    }  # fmt: skip
    assert [len(sent) for sent in updates.sent] == [4, 3]


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"Nowhere": "1"}, "GSOBJ_1002"),
        ({"Health_Score": "high"}, "GSOBJ_1008"),
        ({"Renewal_Status": "not an item"}, "GSOBJ_1008"),
        ({"Stage_Entered_On": "2026-02-30"}, "GSOBJ_1008"),
        ({"Scored_At": "2026-02-01"}, "GSOBJ_1008"),
        ({"Health_Reasons": "x" * 21}, "GSOBJ_1008"),
    ],
)
def test_what_cannot_be_written_is_refused_before_it_is_sent(
    tenant: responses.RequestsMock, values: dict[str, str], code: str
) -> None:
    updates = Updates(tenant)
    bad, good = connector().write([change(1, **values), change(2)])
    assert (bad.kind, bad.code, bad.property) == ("rejected", code, f"CS_{next(iter(values))}__gc")
    assert next(iter(values.values())) not in bad.reason.replace(bad.property or "", "")
    assert good.kind == "confirmed"
    assert [len(sent) for sent in updates.sent] == [1]


@pytest.mark.parametrize("name", ["CurrentScore", "ModifiedDate", "Gsid"])
def test_what_gainsight_computes_is_never_sent(tenant: responses.RequestsMock, name: str) -> None:
    updates = Updates(tenant)
    (outcome,) = connector().write([Change(change(1).ref, {name: "1"})])
    assert (outcome.kind, outcome.property) == ("rejected", name)
    assert "read-only" in outcome.reason
    assert updates.sent == []


def test_values_go_out_in_gainsights_forms_and_clearing_is_a_null(tenant: responses.RequestsMock) -> None:
    updates = Updates(tenant)
    values = {"Health_Score": "71.5", "Renewal_Status": "on_track", "Stage_Entered_On": "2026-02-01",
              "Scored_At": "2026-02-01T10:00:00Z", "Health_Reasons": None}  # fmt: skip
    connector().write([change(1, **values)])
    assert updates.sent[0][0] == {
        "Gsid": company_id(1), SCORE: 71.5, STATUS: "On track", "CS_Stage_Entered_On__gc": "2026-02-01",
        "CS_Scored_At__gc": "2026-02-01T10:00:00Z", "CS_Health_Reasons__gc": None,
    }  # fmt: skip


def test_a_record_that_stands_twice_is_sent_once(tenant: responses.RequestsMock) -> None:
    updates = Updates(tenant)
    assert [one.kind for one in connector().write([change(1), change(1)])] == ["confirmed", "pending"]
    assert [len(sent) for sent in updates.sent] == [1]


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (envelope({"count": 1, "records": [{"Gsid": company_id(1)}]}), "confirmed"),
        (envelope({"count": 1, "errors": None}), "confirmed"),
        (envelope({"count": 2, "errors": None}), "in_doubt"),
        (envelope({"count": 1, "records": [{"Gsid": company_id(2)}]}), "in_doubt"),
        (envelope("Updated"), "in_doubt"),
        (refusal("GSOBJ_1008"), "rejected"),
        (refusal("GU_1101"), "in_doubt"),
    ],
)
def test_an_answer_proves_what_it_names_and_no_more(tenant: responses.RequestsMock, answer: Body, kind: str) -> None:
    tenant.put(f"{COMPANY_URL}?keys=Gsid", json=answer)
    assert connector().write([change(1)])[0].kind == kind


@pytest.mark.parametrize(
    ("answer", "kind", "calls"),
    [
        ({"json": refusal("GU_1101"), "status": 500}, "in_doubt", 1),
        ({"body": "<html>", "content_type": "text/html"}, "in_doubt", 1),
        ({"body": '{"resu', "content_type": "application/json"}, "in_doubt", 1),
        ({"json": refusal("GU_2400"), "status": 429}, "pending", 1),
        ({"body": requests.exceptions.ReadTimeout("x")}, "in_doubt", 1),
    ],
)
def test_a_write_is_sent_once_whatever_comes_back(
    tenant: responses.RequestsMock, answer: dict[str, Any], kind: str, calls: int
) -> None:
    tenant.put(f"{COMPANY_URL}?keys=Gsid", **answer)
    outcomes = connector().write([change(1), change(2)])
    assert {one.kind for one in outcomes} == {kind}
    assert sum(call.request.method == "PUT" for call in tenant.calls) == calls


def test_refused_credentials_and_a_used_up_day_are_raised_when_nothing_was_written(
    tenant: responses.RequestsMock,
) -> None:
    one = connector()
    tenant.put(f"{COMPANY_URL}?keys=Gsid", json=UNAUTHORIZED, status=401)
    with pytest.raises(CredentialsError, match="current key"):
        one.write([change(1)])
    tenant.replace("PUT", f"{COMPANY_URL}?keys=Gsid", json=refusal("GU_2400", "Daily limit"), status=429)
    with pytest.raises(QuotaExhausted):
        one.write([change(1)])


def test_minutes_between_which_a_request_was_looked_at_are_not_the_day(tenant: responses.RequestsMock) -> None:
    clock = FakeClock()
    for _ in range(4):
        tenant.put(f"{COMPANY_URL}?keys=Gsid", json=refusal("GU_2400", "Too many request"), status=429)
        tenant.put(f"{COMPANY_URL}?keys=Gsid", json=refusal("GSOBJ_1008"), status=400)
    one, became = connector(clock), []
    for _ in range(8):
        became += [outcome.kind for outcome in one.write([change(1)])]
        clock.pass_by(3600)
    assert became == ["pending", "rejected"] * 4


def test_after_a_part_was_written_a_refusal_is_pending(tenant: responses.RequestsMock) -> None:
    tenant.put(f"{COMPANY_URL}?keys=Gsid", json=refusal("GSOBJ_1008"), status=400)
    written = {"count": 1, "records": [{"Gsid": company_id(2)}]}
    tenant.put(f"{COMPANY_URL}?keys=Gsid", json=envelope(written))
    tenant.put(f"{COMPANY_URL}?keys=Gsid", json=UNAUTHORIZED, status=401)
    outcomes = by_number(connector().write([change(1), change(2)]))
    assert (outcomes[2].kind, outcomes[1].kind) == ("confirmed", "pending")


def test_current_values_are_those_that_we_would_write(tenant: responses.RequestsMock) -> None:
    row = {"Gsid": company_id(1), SCORE: 71.5, STATUS: "1I00On track", "CS_Scored_At__gc": 1_790_000_000_000}
    table = Table([row]).let_query(tenant)
    names = (SCORE, STATUS, "CS_Scored_At__gc")
    seen, missing = connector().read_values([change(1).ref, change(2).ref], names)
    assert seen.values == {SCORE: 71.5, STATUS: "on_track", "CS_Scored_At__gc": "2026-09-21T14:13:20Z"}
    assert missing.missing
    assert len(table.asked) == 2, "what is not shown is asked for once more before it is gone"
    with pytest.raises(SchemaDrift, match="no field X"):
        connector().read_values([change(1).ref], ["X"])


def test_the_last_writer_is_ours_only_where_the_connection_knows_its_user(tenant: responses.RequestsMock) -> None:
    rows = [{"Gsid": company_id(1), "ModifiedBy": "1P01OURS", "ModifiedDate": 1_790_000_000_000}]
    rows.append({"Gsid": company_id(2), "ModifiedBy": "1P01ANN", "ModifiedDate": 1_790_000_000_000})
    Table(rows).let_query(tenant)
    refs = [change(number).ref for number in (1, 2, 3)]
    assert [one.by for one in connector().last_changes(refs, [SCORE])] == ["unknown"] * 3
    told = connector(integration_user="1P01OURS").last_changes(refs, [SCORE])
    assert [(one.by, one.of, one.who) for one in told] == [
        ("ours", "record", "1P01OURS"), ("somebody", "record", "1P01ANN"), ("unknown", "record", ""),
    ]  # fmt: skip


NUMBER = FieldSpec("health_score", ValueType.NUMBER, "Health score", "0 to 100", decimals=1)
ENUM = FieldSpec(
    "renewal_status", ValueType.ENUM, "Renewal", "How it stands", (("on_track", "On track"), ("due", "Due"))
)
TEXT = FieldSpec("health_reasons", ValueType.TEXT, "Reasons", "Why", length=255)
DAY = FieldSpec("stage_entered_on", ValueType.DATE, "Since", "Day")


def planned(*fields: Body, spec: FieldSpec) -> FieldFinding:
    """What is said of `spec` in a tenant whose Company has `fields`."""
    with responses.RequestsMock() as mock:
        let_describe(mock, fields=(field("Gsid", "GSID"), *fields))
        return connector().fields().plan([spec])[0]


@pytest.mark.parametrize(
    ("there", "spec", "action", "says"),
    [
        ([], NUMBER, "by_hand", "NUMBER with 1 decimals"),
        ([], ENUM, "by_hand", "PICKLIST with the items on_track, due, or STRING"),
        ([], TEXT, "by_hand", "STRING of 255 characters"),
        ([], DAY, "by_hand", "DATE"),
        ([field(SCORE, "NUMBER")], NUMBER, "exists", ""),
        ([field(SCORE, "NUMBER", decimalPlaces=0)], NUMBER, "conflict", "keeps 0 decimals"),
        ([field(SCORE, "STRING")], NUMBER, "conflict", "STRING field"),
        ([field(SCORE, "NUMBER", readOnly=True)], NUMBER, "conflict", "read-only"),
        ([field(SCORE.lower(), "NUMBER")], NUMBER, "conflict", "is there as cs_health_score__gc"),
        ([picklist(STATUS, "On track", "Due")], ENUM, "exists", ""),
        ([picklist(STATUS, "On track")], ENUM, "conflict", "lacks due"),
        ([field(STATUS, "STRING")], ENUM, "exists", ""),
        ([field(STATUS, "NUMBER")], ENUM, "conflict", "NUMBER field"),
        ([field("CS_Health_Reasons__gc", length=100)], TEXT, "conflict", "holds 100 characters"),
        ([field("CS_Stage_Entered_On__gc", "DATETIME")], DAY, "conflict", "DATETIME field"),
    ],
)
def test_fields_are_compared_and_what_is_missing_is_for_an_admin(
    there: list[Body], spec: FieldSpec, action: str, says: str
) -> None:
    found = planned(*there, spec=spec)
    assert (found.action, found.property) == (action, connector().fields().property_name(spec))
    assert says in found.detail


def test_the_list_for_the_admin_is_a_file(tmp_path: Path) -> None:
    (path,) = connector().fields().export([NUMBER, ENUM], tmp_path / "gainsight")
    head, *lines = path.read_text().splitlines()
    assert head == "object,field name,label,type,decimals,length,items,description"
    assert lines[0] == "Company,CS_Health_Score__gc,Health score,NUMBER,1,,,0 to 100"
    assert lines[1].endswith("PICKLIST,,,on_track; due,How it stands")


def test_costs_are_those_of_a_guard_read_and_a_write_for_fifty() -> None:
    one: GainsightConnector = connector()
    assert one.write_cost(1000) == 40
    assert one.write_cost(1000, read_back=501) == 42
    assert not one.capabilities.partial_success


def test_doctor_says_what_is_missing_and_what_credentials_may_not() -> None:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        let_describe(mock)
        let_describe(mock, "gsuser", (field("Gsid", "GSID"), field("Name")))
        mock.get(describe_url("activity_timeline"),
                 json={"result": False, "title": "OBJECT_NOT_FOUND", "errorDesc": "no"}, status=400)  # fmt: skip
        Table([]).let_query(mock, "record_delete_log")
        found = {one.name: one for one in connector().checks()}
    assert {name: one.status for name, one in found.items()} == {
        "credentials": "ok", "clock": "ok", "objects": "ok", "own user": "ok", "delete log": "ok", "quota": "ok",
    }  # fmt: skip
    with responses.RequestsMock() as mock:
        address = describe_url("Company")
        mock.get(address, json=refusal("GS_APIG_2402"), status=403)
        (only,) = connector().checks()
    assert (only.status, only.name) == ("error", "credentials")
    assert "IP ranges" in only.hint


def test_an_answer_with_ids_of_no_kind_proves_nothing(tenant: responses.RequestsMock) -> None:
    tenant.put(f"{COMPANY_URL}?keys=Gsid", json=envelope({"count": 1, "records": [{"Gsid": ["x"]}, {"Gsid": None}, 3]}))
    assert connector().write([change(1)])[0].kind == "in_doubt"


def test_an_item_that_an_admin_renames_is_written_by_its_new_label(tenant: responses.RequestsMock) -> None:
    sent: list[list[str]] = []

    def update(request: requests.PreparedRequest) -> tuple[int, dict[str, str], str]:
        records = json.loads(request.body or b"{}")["records"]
        sent.append([one[STATUS] for one in records])
        if any(one[STATUS] != "On-track" for one in records):
            return 400, {}, json.dumps(refusal("GSOBJ_VDTPKLST1002"))
        return 200, {}, json.dumps(envelope({"count": len(records), "errors": None, "records": records}))

    tenant.add_callback("PUT", f"{COMPANY_URL}?keys=Gsid", callback=update, content_type="application/json")
    one = connector()
    one.fields().plan([])  # describes Company
    renamed = [one if one["fieldName"] != STATUS else picklist(STATUS, "On-track", "Due") for one in COMPANY_FIELDS]
    tenant.replace("GET", describe_url("Company"), json=envelope([{"objectName": "Company", "fields": renamed}]))
    outcomes = one.write([change(number, Renewal_Status="on_track") for number in range(1, 4)])
    assert kinds(outcomes) == {"confirmed": 3}
    assert sent == [["On track"] * 3, ["On-track"] * 3]
