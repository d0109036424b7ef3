"""Milestones from the CRM's dates to a stage: kept, changed and gone as the records are."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

from sqlalchemy import select

from store.tables import ENTITY_TABLES
from sync.deps import RunOptions
from sync.engine import run_pull
from sync.explain import explain_account
from tests.flow.rig import Rig, rig

MAP = {"hubspot": {"companies": {"ms.transformation_started": "first_value_date", "ms.other": "churn_date"}}}


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


def test_another_name_in_the_field_map_is_read_from_the_store_again(tmp_path: Path) -> None:
    with rig(tmp_path, accounts=8) as made:
        assert made.sync().status == "complete"
        assert milestones(made) == {}
        before = made.crm.hubspot.stats.requests
        ours = Rig(made.crm, made.settings.model_copy(update={"fields": MAP}), made.events)
        with ours.deps() as deps:
            assert run_pull(deps).status == "complete"
        assert milestones(ours) != {}
        assert made.crm.hubspot.stats.requests - before < 60
