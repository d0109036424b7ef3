"""The second witness: the CRM is asked who set a value before it is held for somebody else's sake."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import requests

from store import plans, runs
from sync.engine import run_apply, run_plan
from sync.report import RunReport
from tests.flow.rig import Rig, rig

ASKED = "POST /oauth/v2/private-apps/get/access-token-info"


def by_our_app(made: Rig, record: str, **values: str) -> None:
    """A write with our own credentials that the store knows nothing of: one that came late, or before a backup."""
    answer = requests.patch(
        f"{made.crm.hubspot_url}/crm/v3/objects/companies/{record}",
        json={"properties": values},
        headers={"Authorization": f"Bearer {made.crm.hubspot_token}"},
        timeout=60,
    )
    answer.raise_for_status()


def held(made: Rig, report: RunReport) -> list[dict[str, Any]]:
    """What the plan of a run holds."""
    assert report.plan is not None
    with made.deps() as deps, deps.store.read() as c:
        found = plans.iter_records(c, "default", report.plan.plan_id)
        return [{"record": one.record_id, **value} for one in found for value in one.held]


NAME = "cs_health_reasons"
"""A property that takes any text."""


def test_a_write_of_ours_that_landed_late_is_not_taken_for_a_person(tmp_path: Path, either_store: str | None) -> None:
    with rig(tmp_path, store=either_store, synced=True) as made:
        record = made.some_company(NAME)
        ours = made.company(record)[NAME]
        by_our_app(made, record, cs_health_reasons="late")

        report = made.sync()

        assert (report.status, report.exit_code) == ("complete", 0), report.reason
        assert made.company(record)[NAME] == ours
        assert held(made, report) == []
        assert any("Keepwell itself wrote 1 of the values" in note for note in report.notes)
        assert made.sync().buckets().planned == 0


def test_a_store_that_knows_less_than_the_crm_takes_its_own_values_up_again(
    tmp_path: Path, either_store: str | None
) -> None:
    with rig(tmp_path, store=either_store) as made:
        record = str(min(made.crm.hubspot.portal.stores["companies"].live))
        by_our_app(made, record, cs_health_score="1.5", cs_health_reasons="long ago")

        report = made.sync()

        assert report.status == "complete", report.reason
        assert made.company(record)["cs_health_score"] != "1.5"
        assert made.company(record)["cs_health_reasons"] != "long ago"


def test_a_person_after_our_late_write_wins(tmp_path: Path) -> None:
    with rig(tmp_path, synced=True) as made:
        record = made.some_company(NAME)
        by_our_app(made, record, cs_health_reasons="late")
        made.person("edit", object="companies", id=record, properties={NAME: "theirs"}, user="900004")

        report = made.sync()

        assert (report.status, report.exit_code) == ("partial", 3)
        assert made.company(record)[NAME] == "theirs"
        (one,) = held(made, report)
        assert (one["record"], one["property"], one["reason"]) == (record, NAME, "human_edit")
        assert {key: one["told"][key] for key in ("by", "of", "kind", "who")} == {
            "by": "somebody",
            "of": "property",
            "kind": "person",
            "who": "900004",
        }
        assert one["told"]["at"].startswith("20")
        assert not any("itself wrote" in note for note in report.notes), "nothing was"
        assert made.crm.hubspot.stats.by_route[ASKED] == 0  # a person's edit needs no question which app we are


def test_what_the_crm_tells_of_another_value_than_the_one_seen_counts_for_nothing(tmp_path: Path) -> None:
    """HubSpot calculates some values without any history: the last version is then about an older value."""
    with rig(tmp_path, synced=True) as made:
        record = made.some_company(NAME)
        by_our_app(made, record, cs_health_reasons="late")
        portal = made.crm.hubspot.portal
        company = portal.stores["companies"].live[int(record)]
        portal.recalculate("companies", company, {NAME: "silent"})

        report = made.sync()

        (one,) = held(made, report)
        assert (one["seen"], one["reason"], one["told"]) == ("silent", "human_edit", None)
        assert made.company(record)[NAME] == "silent"


def test_salesforce_tells_of_the_record_only_and_so_the_value_stays_held(tmp_path: Path) -> None:
    with rig(tmp_path, salesforce=True) as made:
        assert made.crm.salesforce is not None
        made.sync()
        table = made.crm.salesforce.org.tables["Account"]
        at, gone = table.columns["CS_Health_Reasons__c"], table.columns["IsDeleted"]
        record = next(key for key, row in sorted(table.rows.items()) if row[at] and not row[gone])
        login = made.crm.salesforce.options.logins[0].username
        edit = {"object": "Account", "id": record, "properties": {"CS_Health_Reasons__c": "long ago"}}
        made.person("edit", at="salesforce", user=login, **edit)

        report = made.sync()

        assert report.status == "partial"
        (one,) = held(made, report)
        assert (one["record"], one["reason"]) == (record, "human_edit")
        assert (one["told"]["by"], one["told"]["of"]) == ("ours", "record")


def test_where_the_crm_cannot_be_asked_the_value_stays_held(tmp_path: Path) -> None:
    with rig(tmp_path, synced=True) as made:
        record = made.some_company(NAME)
        by_our_app(made, record, cs_health_reasons="late")
        made.fault(kind="502", method="POST", path="/oauth/v2/private-apps/get/access-token-info", times=0)

        report = made.sync()

        assert (report.status, report.exit_code) == ("partial", 3)
        assert any("who changed values (1) cannot be asked" in note for note in report.notes)
        assert made.company(record)[NAME] == "late"
        made.heal()
        assert made.sync().status == "complete"


@pytest.mark.parametrize("salesforce", [False, True], ids=["hubspot", "both"])
def test_an_ordinary_run_asks_nobody_and_the_estimate_holds(tmp_path: Path, *, salesforce: bool) -> None:
    with rig(tmp_path, salesforce=salesforce, synced=True) as made:
        made.sync()  # its window reaches back to the first run, which is a while ago on a busy machine
        quiet = _calls(made.sync())
        record = made.some_company(NAME)
        assert _calls(made.sync()) == quiet
        made.person("edit", object="companies", id=record, properties={NAME: "theirs"})
        made.sync()  # reads the edit
        once = _calls(made.sync())
        # The record, for it was written within the hour and a search index may lag; then who changed it.
        assert once["hubspot"] == quiet["hubspot"] + 2
        assert {name: once[name] for name in once if name != "hubspot"} == {
            name: quiet[name] for name in quiet if name != "hubspot"
        }
        with made.deps() as deps, deps.store.read() as c:
            (last,) = runs.list_runs(c, "default", 1)
        assert last.report is not None
        assert set(last.report["plan"]["cost"].values()) == {0}, "asking who it was is no part of carrying out"


def test_a_plan_that_asked_who_it_was_costs_what_it_says(tmp_path: Path) -> None:
    with rig(tmp_path, synced=True) as made:
        late, edited = made.some_company(NAME), made.some_company(NAME, skip=1)
        by_our_app(made, late, cs_health_reasons="late")
        made.person("edit", object="companies", id=edited, properties={NAME: "theirs"})

        plan = made.run(run_plan)
        assert plan.plan is not None
        assert (plan.plan.total("changes"), plan.plan.total("held")) == (2, 1)  # the value, and the time stamp
        plan_id = plan.plan.plan_id
        applied = made.run(lambda deps: run_apply(deps, plan_id))

        assert applied.buckets().confirmed == 2
        assert _calls(applied) == {name: one.cost for name, one in plan.plan.by_connection.items()}


def _calls(report: RunReport) -> dict[str, int]:
    return {name: use.requests for name, use in report.api.items()}
