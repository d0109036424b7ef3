"""Rows 38 to 41 of the fault table: values of any size, any characters, formulas, and numbers that are none."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from mapping.normalise import LONGEST_TEXT
from mapping.outputs import output_fields
from mapping.records import FieldSpec, ValueType
from sandbox.hubspot.records import Record
from store.tables import evaluation, quarantine, raw_record
from sync.documents import canonical_text
from sync.engine import run_plan
from sync.errors import InvariantError
from sync.planbook import find_plan
from sync.planfile import save_plan
from tests.faults.writing import Writing, written
from tests.flow.one_crm import Vendor

ODD_NAMES = {
    "emoji": "Nordlicht \U0001f469\u200d\U0001f680 GmbH",
    "right to left": "\u202eשלום\u202c עולם",
    "combining": "Z\u0351\u036b\u0343a\u0300lgo",
    "control": "line\r\nbreak\tand \x1b[2J",
    "quotes": "a \"quoted\", comma; and 'single'",
}
FORMULAS = (
    '=HYPERLINK("http://127.0.0.1:9/?x="&A1,"click")',
    "+1+1",
    "-2+3",
    "@SUM(A1:A9)",
    "\t=1+2",
    "=cmd|' /C calc'!A0",
)
NOT_NUMBERS = ("NaN", "Infinity", "-inf", "1e400", "-1e999", "1,5", "0x10", "1_000", "twelve")


@pytest.fixture
def hubspot(tmp_path: Path, either_store: str | None) -> Iterator[Writing]:
    """HubSpot on each store."""
    with written(tmp_path, "hubspot", either_store, accounts=8) as made:
        yield made


def companies(crm: Writing) -> list[Record]:
    """The live companies, by id."""
    live = crm.made.crm.hubspot.portal.stores["companies"].live
    return [live[one] for one in sorted(live)]


def quarantined(crm: Writing) -> dict[tuple[str, str], str]:
    """(record, field) → why its value was set aside."""
    with crm.made.deps() as deps, deps.store.read() as c:
        return {(one.id, one.field_name): one.reason for one in c.execute(select(quarantine))}


def stored(crm: Writing, stream: str) -> dict[str, dict[str, Any]]:
    """Records of a stream as they were read."""
    with crm.made.deps() as deps, deps.store.read() as c:
        return {one.id: one.payload for one in c.execute(select(raw_record).where(raw_record.c.stream == stream))}


@pytest.mark.parametrize("length", [LONGEST_TEXT + 1, 3_000_000])
def test_row_38_a_huge_value_is_set_aside_and_the_others_go_on(hubspot: Writing, length: int) -> None:
    record = companies(hubspot)[2]
    name = record.values["name"]
    record.values["name"] = "x" * length
    report = hubspot.sync()
    hubspot.assert_ended(report, "complete", None)
    assert quarantined(hubspot)[str(record.id), "name"] == f"is longer than {LONGEST_TEXT:,} characters"
    assert stored(hubspot, "companies")[str(record.id)]["name"] == "x" * length, "what was read is kept as it is"
    assert all(len(str(one["new"])) < 10_000 for one in hubspot.effects())
    hubspot.assert_sound()
    hubspot.made.person("edit", object="companies", id=str(record.id), properties={"name": name})
    hubspot.sync()
    assert (str(record.id), "name") not in quarantined(hubspot)


def test_row_38_a_text_of_the_longest_length_is_read(hubspot: Writing) -> None:
    record = companies(hubspot)[2]
    record.values["name"] = "x" * LONGEST_TEXT
    hubspot.assert_ended(hubspot.sync(), "complete", None)
    assert (str(record.id), "name") not in quarantined(hubspot)


def test_row_38_ten_thousand_properties_change_nothing(hubspot: Writing) -> None:
    properties = hubspot.made.crm.hubspot.portal.schemas["companies"].properties
    pattern = properties["phone"]
    for number in range(10_000):
        properties[f"extra_{number}"] = replace(pattern, name=f"extra_{number}", label=f"Extra {number}")
    for record in companies(hubspot):
        record.values.update({f"extra_{number}": "x" * 20 for number in range(10_000)})
    report = hubspot.sync()
    hubspot.assert_ended(report, "complete", None)
    assert report.buckets().confirmed > 0
    assert all(len(payload) < 500 for payload in stored(hubspot, "companies").values()), "only what is mapped is read"
    hubspot.assert_caught_up()


@pytest.mark.parametrize("depth", [300, 1_000, 200_000])
def test_row_38_a_value_that_is_nested_deeply_costs_itself_or_ends_the_run_by_name(
    hubspot: Writing, depth: int
) -> None:
    record = companies(hubspot)[2]
    record.values["name"] = "DEEP"
    nested = b'{"a":' * depth + b"1" + b"}" * depth
    with hubspot.proxy() as between:
        between.alters = lambda body: body.replace(b'"name":"DEEP"', b'"name":' + nested)
        report = hubspot.sync()
    if depth > 1_024:  # no parser takes it: the answer is none
        hubspot.assert_ended(report, "failed", "crm_answer", "truncated or malformed")
        assert hubspot.effects() == []
    else:
        hubspot.assert_ended(report, "complete", None)
        assert quarantined(hubspot)[str(record.id), "name"] == "expected text, found an object"
    record.values["name"] = "Flat again"
    record.updated_ms += 1
    hubspot.leases_end()
    hubspot.assert_caught_up()


@pytest.mark.parametrize("kind", ODD_NAMES)
def test_row_39_names_of_any_script_come_through_as_they_are(hubspot: Writing, kind: str) -> None:
    record = companies(hubspot)[2]
    record.values["name"] = ODD_NAMES[kind]
    report = hubspot.sync()
    hubspot.assert_ended(report, "complete", None)
    assert stored(hubspot, "companies")[str(record.id)]["name"] == ODD_NAMES[kind]
    assert record.values["name"] == ODD_NAMES[kind]
    assert (str(record.id), "name") not in quarantined(hubspot)
    hubspot.assert_caught_up()


@pytest.mark.parametrize("escaped", [r"a\u0000b", r"half \ud83d", r"\udc00 alone", r"\ud83d\u0000\ud83d"])
def test_row_39_nul_and_halves_of_characters_cost_no_page(hubspot: Writing, escaped: str) -> None:
    record = companies(hubspot)[2]
    record.values["name"] = "PLACEHOLDER"
    with hubspot.proxy() as between:
        between.alters = lambda body: body.replace(b"PLACEHOLDER", escaped.encode())
        report = hubspot.sync()
        hubspot.assert_ended(report, "complete", None)
        assert report.buckets().confirmed == report.buckets().planned > 0
        assert str(record.id) in {str(one["id"]) for one in hubspot.effects()}
        kept = stored(hubspot, "companies")[str(record.id)]["name"]
        assert kept == json.loads(f'"{escaped}"').encode("utf-8", "replace").decode(), (
            "a half is read as a question mark"
        )
        hubspot.assert_caught_up()


@pytest.mark.parametrize("vendor", ["hubspot", "salesforce", "bulk"])
def test_row_40_a_formula_in_a_name_stays_what_it_is(tmp_path: Path, vendor: Vendor) -> None:
    with written(tmp_path, vendor, accounts=8) as crm:
        chosen = dict(zip(crm.accounts(), FORMULAS, strict=False))
        name = "name" if crm.name == "hubspot" else "Name"
        for record, formula in chosen.items():
            crm.person("edit", record, properties={name: formula})
        kept = {record: _name(crm, record) for record in chosen}
        report = crm.sync()
        crm.assert_ended(report, "complete", None)
        read = stored(crm, "companies" if crm.name == "hubspot" else "accounts")
        assert {record: read[record][name] for record in chosen} == kept
        assert {record: _name(crm, record) for record in chosen} == kept, "and it is the same in the CRM"
        owned = ("cs_", "CS_")
        assert all(one["property"].startswith(owned) for one in crm.effects())
        crm.assert_caught_up()


def _name(crm: Writing, record: str) -> object:
    if crm.name == "hubspot":
        return crm.made.company(record)["name"]
    assert crm.made.crm.salesforce is not None
    table = crm.made.crm.salesforce.org.tables["Account"]
    return table.rows[record][table.columns["Name"]]


@pytest.mark.parametrize("value", NOT_NUMBERS)
def test_row_41_what_is_no_finite_number_is_set_aside_and_never_leaves(tmp_path: Path, value: str) -> None:
    with written(tmp_path, "hubspot", accounts=6) as crm:
        for record in companies(crm):
            record.values.update({"annual_recurring_revenue": value, "numberofemployees": value})
        deals = crm.made.crm.hubspot.portal.stores["deals"].live.values()
        for deal in deals:
            deal.values["amount"] = value
        report = crm.sync()
        assert (report.status, report.reason_code) in (("complete", None), ("partial", "values_left")), report.reason
        reasons = quarantined(crm)
        assert all((str(one.id), "employees") in reasons for one in companies(crm))
        assert {reasons[str(deal.id), "amount"] for deal in deals} <= {
            "is not a number",
            "is not a finite number",
            "is too large or too small to be real",
        }
        assert_finite(crm)
        crm.assert_caught_up()


def assert_finite(crm: Writing) -> None:
    """Whatever was written into a number is one, and no text has the words for what is none."""
    numbers = {f"cs_{spec.name}" for spec in _specs(crm) if spec.type is ValueType.NUMBER}
    assert numbers
    for one in crm.effects():
        if one["property"] in numbers and one["new"] not in (None, ""):
            assert math.isfinite(float(one["new"])), one
    with crm.made.deps() as deps, deps.store.read() as c:
        assert all(score is None or math.isfinite(score) for score in c.execute(select(evaluation.c.score)).scalars())


def _specs(crm: Writing) -> tuple[FieldSpec, ...]:
    with crm.made.deps() as deps:
        return output_fields(deps.framework)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_row_41_a_computed_value_that_is_no_number_stops_the_run_instead_of_being_sent(value: float) -> None:
    spec = FieldSpec("health_score", ValueType.NUMBER, "Health score", "")
    with pytest.raises(InvariantError, match=r"health_score is .*nothing was written"):
        canonical_text(spec, value)
    assert canonical_text(spec, -0.0) == "0"


def test_row_41_a_plan_file_has_no_word_for_what_is_no_number(tmp_path: Path) -> None:
    with written(tmp_path, "hubspot", accounts=6) as crm, crm.made.deps() as deps:
        for record in companies(crm):
            record.values["annual_recurring_revenue"] = "NaN"
        report = run_plan(deps)
        assert report.plan is not None
        save_plan(deps.store, find_plan(deps.store, report.plan.plan_id), tmp_path / "plan.json")

        def refuse(word: str) -> object:
            raise AssertionError(word)

        assert json.loads((tmp_path / "plan.json").read_text("utf-8"), parse_constant=refuse)
