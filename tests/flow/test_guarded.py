"""Guards on whole runs: a changed framework, a CRM that lost its records, a mass downgrade."""

from __future__ import annotations

from datetime import timedelta
from functools import cache
from pathlib import Path

from config.frameworks import framework_path
from config.yamlfile import read_yaml
from mapping.framework import Framework, load_framework
from sync.deps import RunOptions
from sync.engine import run_plan
from tests.flow.rig import TODAY, rig


@cache
def changed_framework() -> Framework:
    data = dict(read_yaml(framework_path("cradle_to_grave")).data)
    score = dict(data["score"])
    score["bands"] = [{**band, "min": min(99, band["min"] + 15) if band["min"] else 0} for band in score["bands"]]
    return load_framework(data | {"score": score}, "cradle_to_grave")


def test_a_changed_framework_needs_consent_and_a_mass_downgrade_too(tmp_path: Path) -> None:
    with rig(tmp_path) as made:
        assert made.sync().status == "complete"
        other = changed_framework()
        refused = made.sync(framework=other)
        assert (refused.status, refused.exit_code) == ("refused", 5)
        assert refused.reason is not None
        assert "--accept-model-change" in refused.reason
        assert "--max-changes" in refused.reason
        again = made.sync(framework=other)
        assert again.status == "refused", "asking twice changes nothing"
        before = len(made.ours())

        from config.limits import Limit

        accepted = RunOptions(accept_model_change=True, max_changes=Limit(share=1.0), max_band_drops=Limit(share=1.0))
        assert made.sync(accepted, framework=other).status == "complete"
        assert len(made.ours()) > before


def test_a_crm_that_lost_its_records_is_refused_until_somebody_agrees(tmp_path: Path) -> None:
    with rig(tmp_path) as made:
        first = made.sync()
        for skip in range(first.accounts // 2):
            made.person("archive", object="companies", id=made.some_company(skip=0), user=str(900_001 + skip))
        for _ in range(2):
            refused = made.sync()
            assert (refused.status, refused.exit_code) == ("refused", 5)
            assert refused.reason is not None
            assert "--max-shrink" in refused.reason
        assert made.sync(RunOptions(max_shrink=1.0)).status == "complete"
        assert made.sync().status == "complete"


def test_a_day_that_has_not_come_cannot_be_planned(tmp_path: Path) -> None:
    with rig(tmp_path, accounts=4) as made, made.deps() as deps:
        report = run_plan(deps, RunOptions(as_of=deps.clock.now().date() + timedelta(days=2)))
        assert report.exit_code == 2


def test_a_past_day_is_evaluated_as_of_its_end(tmp_path: Path) -> None:
    with rig(tmp_path) as made:
        today = made.run(run_plan)
        past = made.run(lambda deps: run_plan(deps, RunOptions(as_of=TODAY - timedelta(days=200))))
        assert past.as_of == (TODAY - timedelta(days=200)).isoformat()
        assert past.plan is not None
        assert today.plan is not None
        assert past.plan.plan_id != today.plan.plan_id
        again = made.run(run_plan)
        assert again.plan is not None
        assert again.plan.plan_id == today.plan.plan_id, "looking back changes nothing today"


def test_a_refused_plan_is_not_the_measure_of_the_next(tmp_path: Path) -> None:
    with rig(tmp_path, accounts=6) as made:
        made.sync()
        other = changed_framework()
        for _ in range(2):
            assert made.run(run_plan, framework=other).status == "refused"
