"""Drift: every value that was written is compared with the CRMs; what differs is named, with who and when."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from connectors.errors import QuotaExhausted
from store.errors import PinMismatch
from sync import faults
from sync.conflicts import decide
from sync.drift import Difference, Drift, find_drift
from sync.errors import UsageError
from tests.flow.rig import Rig, rig

NAME = "cs_health_reasons"


def compared(made: Rig, select: str | None = None, **others: Any) -> Drift:
    with made.deps(**others) as deps:
        return find_drift(deps, select)


def edit(made: Rig, record: str, value: str = "theirs", name: str = NAME) -> None:
    made.person("edit", object="companies", id=record, properties={name: value}, user="900005")


def the_one(drift: Drift) -> Difference:
    (one,) = drift.differences
    return one


def account(made: Rig, field: str) -> str:
    """An account of Salesforce that shows a value in a field."""
    assert made.crm.salesforce is not None
    table = made.crm.salesforce.org.tables["Account"]
    at, gone = table.columns[field], table.columns["IsDeleted"]
    return min(key for key, row in table.rows.items() if row[at] and not row[gone])


def of_account(made: Rig, record: str, field: str) -> Any:
    assert made.crm.salesforce is not None
    table = made.crm.salesforce.org.tables["Account"]
    return table.rows[record][table.columns[field]]


def edit_account(made: Rig, record: str, field: str, value: object) -> None:
    made.person("edit", at="salesforce", object="Account", id=record, properties={field: value})


def test_after_a_run_nothing_has_drifted_and_looking_changes_nothing(tmp_path: Path, either_store: str | None) -> None:
    with rig(tmp_path, salesforce=True, store=either_store) as made:
        assert compared(made).connections["hubspot"].values == 0  # nothing was written yet
        first = made.sync()
        before = {name: len(made.journal(at=name)) for name in made.settings.connections}

        drift = compared(made)

        assert (drift.found, drift.differences) == (0, [])
        values = {name: one.values for name, one in drift.connections.items()}
        assert sum(values.values()) == first.buckets().confirmed
        assert all(values.values())
        assert {name: one.records for name, one in drift.connections.items()} == first.records_written
        assert {name: len(made.journal(at=name)) for name in made.settings.connections} == before
        assert made.sync().buckets().planned == 0


def test_a_value_that_somebody_changed_is_named_with_who_and_when(tmp_path: Path, either_store: str | None) -> None:
    with rig(tmp_path, salesforce=True, store=either_store, synced=True) as made:
        first = made.first
        company = made.some_company(NAME)
        ours = made.company(company)[NAME]
        edit(made, company)

        one = the_one(compared(made))

        assert (one.row.record_id, one.row.property, one.state) == (company, NAME, "changed")
        assert (one.row.written, one.now, one.row.run_id) == (ours, "theirs", first.run_id)
        assert one.told is not None
        assert (one.told.by, one.told.of, one.told.kind, one.told.who) == ("somebody", "property", "person", "900005")
        assert one.told.at is not None

        made.person("edit", object="companies", id=company, properties={NAME: ours})
        there = account(made, "CS_Health_Reasons__c")
        edit_account(made, there, "CS_Health_Reasons__c", None)  # cleared
        one = the_one(compared(made))
        assert (one.row.connection, one.row.record_id, one.now) == ("salesforce", there, None)
        assert one.told is not None
        assert (one.told.by, one.told.of, one.told.kind) == ("somebody", "record", "user")


def test_what_a_crm_alters_on_the_way_is_the_same_value(tmp_path: Path) -> None:
    """Blanks around a text, an option in its own spelling, a number with more zeros."""
    with rig(tmp_path, salesforce=True, synced=True) as made:
        there = account(made, "CS_Health_Score__c")
        score, band = (of_account(made, there, f"CS_Health_{name}__c") for name in ("Score", "Band"))
        assert isinstance(score, float)
        assert made.crm.salesforce is not None
        table = made.crm.salesforce.org.tables["Account"]
        row = list(table.rows[there])
        row[table.columns["CS_Health_Band__c"]] = str(band).title()
        table.put(row)
        company = made.some_company("cs_health_score")
        values = made.company(company)
        edit(made, company, f"  {values[NAME]} ")
        edit(made, company, f"{float(values['cs_health_score']):.4f}", "cs_health_score")

        drift = compared(made)

        assert (drift.found, drift.differences) == (0, [])
        assert made.sync().buckets().planned == 0

        edit(made, company, str(float(values["cs_health_score"]) + 0.04), "cs_health_score")
        assert the_one(compared(made)).row.property == "cs_health_score"  # a person's decimals are not rounded away


def test_records_that_are_gone_are_told_and_those_whose_end_is_known_are_not(tmp_path: Path) -> None:
    with rig(tmp_path, synced=True) as made:
        company = made.some_company(NAME)
        made.person("archive", object="companies", id=company)

        drift = compared(made)

        assert {(one.row.record_id, one.state, one.now, one.told) for one in drift.differences} == {
            (company, "gone", None, None)
        }
        assert drift.found == drift.connections["hubspot"].gone == len(drift.differences) > 1
        made.sync()  # which learns that the record is gone
        assert compared(made).found == 0


def test_one_account_is_looked_at_by_any_name_of_it(tmp_path: Path) -> None:
    with rig(tmp_path, salesforce=True, synced=True) as made:
        one, other = made.some_company(NAME), made.some_company(NAME, skip=1)
        for record in (one, other):
            edit(made, record)
        drift = compared(made, one)
        assert the_one(drift).row.record_id == one
        assert drift.connections["hubspot"].records == 1
        assert the_one(compared(made, made.company(other)["domain"])).row.record_id == other
        with pytest.raises(UsageError, match="There is no account"):
            compared(made, "nobody at all")


def test_an_accepted_value_is_listed_but_is_no_drift(tmp_path: Path) -> None:
    with rig(tmp_path, synced=True) as made:
        company = made.some_company(NAME)
        edit(made, company)
        made.sync()
        with made.deps() as deps:
            decide(deps, "accept", company, None)

        drift = compared(made)

        assert (drift.found, the_one(drift).state) == (0, "accepted")
        edit(made, company, "theirs again")
        assert (compared(made).found, the_one(compared(made)).state) == (1, "changed")


def test_a_run_at_work_meanwhile_makes_no_drift(tmp_path: Path, either_store: str | None) -> None:
    """A value is written between the look at the ledger and the look at the CRM: it is compared with the new one."""
    with rig(tmp_path, store=either_store) as made, made.deps() as deps:
        made.sync()
        company = made.some_company(NAME)
        edit(made, company)
        made.sync()
        with made.deps() as others:
            decide(others, "reclaim", company, None)
        inner = deps.connectors["hubspot"].read_values
        runs: list[str] = []

        class Between:
            """The connection, with a run just before values are read."""

            def __getattr__(self, name: str) -> Any:
                return getattr(deps.connectors["hubspot"], name)

            def read_values(self, *args: Any) -> Any:
                if not runs:
                    runs.append(made.sync().status)
                return inner(*args)

        edited = replace(deps, connectors={"hubspot": Between()})  # type: ignore[dict-item]
        drift = find_drift(edited)

        assert runs == ["complete"]
        assert (drift.found, drift.differences) == (0, [])


def test_what_is_in_doubt_is_counted_apart(tmp_path: Path) -> None:
    with rig(tmp_path, synced=True) as made:
        company = made.some_company(NAME)
        edit(made, company)
        made.sync()
        with made.deps() as deps:
            decide(deps, "reclaim", company, None)
        made.fault(kind="commit_then_drop", method="POST", path="/crm/v3/objects/companies/batch/update", times=1)

        class Died(Exception):
            """The process, before it could read back."""

        def at(point: str) -> None:
            if point == "settle.read_back":
                raise Died

        faults.arm(at)
        try:
            with pytest.raises(Died):
                made.sync()
        finally:
            faults.arm(None)

        drift = compared(made)

        assert drift.found == 0
        assert drift.connections["hubspot"].under_way in (1, 2)  # the value; the time stamp, if of another second
        assert made.sync().status == "complete"
        assert compared(made).connections["hubspot"].under_way == 0


def test_another_crm_account_a_used_up_quota_and_a_lacking_property_are_said(tmp_path: Path) -> None:
    with rig(tmp_path, synced=True) as made:
        del made.crm.hubspot.portal.schemas["companies"].properties["cs_segment"]
        numbers = compared(made).connections["hubspot"]
        assert (numbers.no_property, numbers.changed) == (["cs_segment"], 0)

        made.fault(kind="daily", method="POST", path="/crm/v3/objects/companies/batch/read", times=0)
        with pytest.raises(QuotaExhausted):
            compared(made)
        made.heal()

    elsewhere = tmp_path / "other"
    elsewhere.mkdir()
    with rig(elsewhere) as made:
        made.sync()
        made.crm.hubspot.switch({"portal_id": 77})
        with pytest.raises(PinMismatch):
            compared(made)
