"""What the policy says about people's values counts for each field, and a field that is not there is a mistake."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.errors import ConfigFileError
from config.settings import HumanEdits, Policy
from sync.engine import run_plan
from sync.planbook import find_plan, records
from tests.flow.checker import assert_sound
from tests.flow.rig import Rig, rig


def with_policy(made: Rig, **by_field: HumanEdits) -> None:
    policy = made.settings.policy.model_copy(update={"human_edits_by_field": by_field})
    made.settings = made.settings.model_copy(update={"policy": policy})


def edit(made: Rig) -> tuple[str, dict[str, str]]:
    """A person changes segment, score and framework of a company; returns its id and what they set."""
    record = made.some_company("cs_health_score")
    segment = "strategic" if made.company(record)["cs_segment"] == "standard" else "standard"
    theirs = {"cs_segment": segment, "cs_health_score": "1", "cs_framework": "mine"}
    made.person("edit", object="companies", id=record, properties=theirs)
    return record, theirs


def held(made: Rig) -> list[tuple[str, str]]:
    with made.deps() as deps:
        report = run_plan(deps)
        assert report.plan is not None
        plan = find_plan(deps.store, report.plan.plan_id)
        return sorted((one["property"], one["reason"]) for row in records(deps.store, plan) for one in row.held)


def test_one_field_is_reclaimed_and_the_others_are_held(tmp_path: Path, either_store: str | None) -> None:
    with rig(tmp_path, store=either_store, synced=True) as made:
        record = made.some_company("cs_health_score")
        computed = dict(made.company(record))
        record, theirs = edit(made)
        with_policy(made, segment="reclaim")
        report = made.sync()
        assert report.plan is not None
        assert (report.status, report.plan.total("held")) == ("partial", 2)
        now = made.company(record)
        assert now["cs_segment"] == computed["cs_segment"]
        assert (now["cs_health_score"], now["cs_framework"]) == (theirs["cs_health_score"], theirs["cs_framework"])
        assert held(made) == [("cs_framework", "human_edit"), ("cs_health_score", "human_edit")]
        assert_sound(made)


def test_one_field_is_held_and_the_others_are_reclaimed(tmp_path: Path) -> None:
    with rig(tmp_path) as made:
        made.settings = made.settings.model_copy(update={"policy": Policy(human_edits="reclaim")})
        assert made.sync().status == "complete"
        record, theirs = edit(made)
        with_policy(made, health_score="hold")
        report = made.sync()
        assert report.plan is not None
        assert (report.status, report.plan.total("held")) == ("partial", 1)
        now = made.company(record)
        assert now["cs_health_score"] == theirs["cs_health_score"]
        assert now["cs_segment"] != theirs["cs_segment"]
        assert now["cs_framework"] != theirs["cs_framework"]
        assert held(made) == [("cs_health_score", "human_edit")]
        assert_sound(made)


def test_a_run_with_a_policy_for_a_field_that_is_not_written_does_not_begin(tmp_path: Path) -> None:
    with rig(tmp_path, accounts=3, provision=False) as made:
        with_policy(made, renewal_status_override="reclaim")
        with pytest.raises(ConfigFileError, match="renewal_status_override is no field that Keepwell writes"):
            made.sync()
