"""Milestones from the CRM's dates to a stage: kept, changed and gone as the records are."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
import requests
from sqlalchemy import select

from config.frameworks import load_framework_file
from config.settings import Settings
from store import quarantine
from store.tables import ENTITY_TABLES
from sync.deps import RunOptions
from sync.engine import run_pull
from sync.explain import explain_account
from tests.flow.rig import Rig, rig, settings_data

MAP = {"hubspot": {"companies": {"ms.transformation_started": "first_value_date", "ms.other": "contract_signed_date"}}}


def milestones(made: Rig) -> dict[tuple[str, str], date]:
    table = ENTITY_TABLES["milestone"]
    with made.deps() as deps, deps.store.read() as c:
        rows = c.execute(select(table.c.account_ref, table.c.key, table.c.completed_on)).all()
    return {(row.account_ref, row.key): row.completed_on for row in rows}


def stage(made: Rig, record: str) -> dict[str, Any]:
    with made.deps() as deps:
        explained = explain_account(deps, record)
    return dict(explained["explanation"]["lifecycle"])


def test_a_milestone_that_a_person_records_moves_the_stage(tmp_path: Path, either_store: str | None) -> None:
    with rig(tmp_path, accounts=8, store=either_store, provision=False) as made:
        settings = made.settings.model_copy(update={"framework": "account_management", "fields": MAP})
        ours = Rig(made.crm, settings, made.events)
        ours.provision()
        grown = made.some_company("go_live_date")
        dates = {
            "go_live_date": "2023-01-10",
            "contract_end_date": "2099-01-01",
            "first_value_date": "",
            "churn_date": "",
        }
        made.person("edit", object="companies", id=grown, properties=dates)
        assert ours.sync().status == "complete"
        assert stage(ours, grown)["stage"] == "nurture_growth"
        assert (grown, "transformation_started") not in milestones(ours)

        made.person("edit", object="companies", id=grown, properties={"first_value_date": "2026-01-15"})
        assert ours.sync().status == "complete"
        assert milestones(ours)[grown, "transformation_started"] == date(2026, 1, 15)
        assert made.company(grown)["cs_lifecycle_stage"] == "evolve_transform"
        (rule,) = [one for one in stage(ours, grown)["rules"] if one["id"] == "evolve_transform"]
        assert rule["inputs"]["transformation_started_on"] == "2026-01-15"

        made.person("edit", object="companies", id=grown, properties={"first_value_date": ""})
        assert ours.sync().status == "complete"
        assert made.company(grown)["cs_lifecycle_stage"] == "nurture_growth"

        told = {key for key in milestones(ours) if key[0] != grown}
        assert told, "other companies have a first value too"
        gone = min(told)[0]
        made.person("archive", object="companies", id=gone)
        ours.sync(RunOptions(max_shrink=1.0, max_changes=None))
        assert not [key for key in milestones(ours) if key[0] == gone]


def test_the_last_task_of_a_stage_moves_the_account_to_the_next(tmp_path: Path, either_store: str | None) -> None:
    with rig(tmp_path, accounts=8, store=either_store, provision=False) as made:
        ours = Rig(made.crm, made.settings.model_copy(update={"framework": "onboarding_journey"}), made.events)
        ours.provision()
        one = made.some_company("go_live_date")
        tasks = {f"{task.key}_date": "" for task in load_framework_file("onboarding_journey").spec.checklists}
        dates = {"contract_start_date": "2026-01-05", "contract_end_date": "2099-01-01", "churn_date": ""}
        done = {"blog_migrated_date": "2026-01-07", "crm_integrated_date": "2026-01-09"}
        made.person("edit", object="companies", id=one, properties={**tasks, **dates, **done})
        assert ours.sync().status == "complete"
        assert made.company(one)["cs_lifecycle_stage"] == "technical_setup"

        made.person("edit", object="companies", id=one, properties={"site_code_deployed_date": "2026-01-13"})
        assert ours.sync().status == "complete"
        assert (made.company(one)["cs_lifecycle_stage"], made.company(one)["cs_stage_entered_on"]) == (
            "active",
            "2026-01-13",
        )
        with ours.deps() as deps:
            first, second, *_ = explain_account(deps, one)["explanation"]["milestones"]
        assert (first["due_on"], first["timeliness"], first["days_late"]) == ("2026-01-12", "late", 1)
        assert (second["done"], [item["done"] for item in second["checklists"]]) == (False, [False] * 3)


def test_another_name_in_the_field_map_is_read_from_the_store_again(tmp_path: Path) -> None:
    with rig(tmp_path, accounts=8, synced=True) as made:
        assert "other" not in {key for _, key in milestones(made)}
        before = made.crm.hubspot.stats.requests
        ours = Rig(made.crm, made.settings.model_copy(update={"fields": MAP}), made.events)
        with ours.deps() as deps:
            assert run_pull(deps).status == "complete"
        assert "other" in {key for _, key in milestones(ours)}
        assert made.crm.hubspot.stats.requests - before < 60


def tickets(made: Rig) -> set[str]:
    table = ENTITY_TABLES["ticket"]
    with made.deps() as deps, deps.store.read() as c:
        return set(c.execute(select(table.c.id).where(table.c.connection == "hubspot")).scalars())


def test_tickets_of_an_onboarding_are_milestones_and_no_tickets(tmp_path: Path, either_store: str | None) -> None:
    with rig(tmp_path, accounts=12, store=either_store, provision=False) as made:
        assert made.run(run_pull).status == "complete"
        before = tickets(made)
        with made.deps() as deps, deps.store.read() as c:
            table = ENTITY_TABLES["ticket"].c
            here = (table.connection == "hubspot") & table.account_ref.is_not(None) & table.subject.is_not(None)
            one = c.execute(select(table.id, table.account_ref, table.subject).where(here).order_by(table.id)).first()
        assert one is not None
        step = {"tickets": {"milestone": {"property": "subject", "values": {one.subject: "kick_off"}}}}
        ours = Rig(made.crm, made.settings.model_copy(update={"fields": {"hubspot": step}}), made.events)
        assert ours.run(run_pull).status == "complete"
        assert (one.account_ref, "kick_off") in milestones(ours)
        assert one.id in before - tickets(ours)

        made.person("edit", object="tickets", id=one.id, properties={"subject": "Login fails"})
        assert ours.run(run_pull).status == "complete"
        assert one.id in tickets(ours)

        assert made.run(run_pull).status == "complete"
        assert tickets(made) == before
        assert "kick_off" not in {key for _, key in milestones(made)}


def told_by_tasks(made: Rig) -> dict[tuple[str, str], date]:
    """Without the days that the accounts themselves tell of."""
    return {one: on for one, on in milestones(made).items() if one[1] in (None, "kick_off")}


def test_milestones_are_records_of_an_object_of_salesforce(tmp_path: Path, either_store: str | None) -> None:
    with rig(tmp_path, accounts=12, salesforce=True, store=either_store, provision=False) as made:
        data = settings_data(made.crm, made.settings.store)
        data["connections"]["salesforce"]["milestones"] = {"object": "Task", "where": "TaskSubtype = 'Task'"}
        steps = {
            "account_ref": "AccountId",
            "key": {"property": "Subject", "values": {"Kick-off held": "kick_off"}},
            "due_on": "ActivityDate",
            "completed_on": "CompletedDateTime",
        }
        ours = Rig(made.crm, Settings(**data, fields={"salesforce": {"milestones": steps}}), made.events)
        account = min(made.crm.salesforce.org.tables["Account"].rows)
        task = {"Subject": "Kick-off held", "WhatId": account, "Status": "Completed", "ActivityDate": "2026-11-01"}
        one = made.person("create", at="salesforce", object="Task", properties=task)["id"]
        lunch = {"Subject": "Lunch", "WhatId": account}
        made.person("create", at="salesforce", object="Task", properties=lunch)
        assert ours.run(run_pull).status == "complete"
        reached = told_by_tasks(ours)
        assert reached[account, "kick_off"] is not None
        assert set(reached) == {(account, "kick_off"), (account, None)}
        with ours.deps() as deps, deps.store.read() as c:
            assert quarantine.count(c, deps.settings.workspace, connection="salesforce", stream="milestones") == 1

        made.person("delete", at="salesforce", object="Task", id=one)
        assert ours.run(run_pull).status == "complete"
        assert set(told_by_tasks(ours)) == {(account, None)}


@pytest.mark.parametrize(("framework", "lacks"), [("net_new_engagement", True), ("cradle_to_grave", False)])
def test_a_portal_lacks_a_milestone_only_where_the_framework_asks_for_it(
    tmp_path: Path, framework: str, lacks: bool
) -> None:
    with rig(tmp_path, accounts=4, provision=False) as made:
        bearer = {"Authorization": f"Bearer {made.crm.hubspot_token}"}
        url = f"{made.crm.hubspot_url}/crm/v3/properties/companies/iic_date"
        requests.delete(url, headers=bearer, timeout=60).raise_for_status()
        ours = Rig(made.crm, made.settings.model_copy(update={"framework": framework}), made.events)
        with ours.deps() as deps:
            assert ("ms.iic" in deps.connectors["hubspot"].not_connected()["companies"]) is lacks
