"""Guards on whole runs: a changed framework, a CRM that lost its records, a mass downgrade."""

from __future__ import annotations

import re
from datetime import timedelta
from functools import cache
from pathlib import Path

from config.frameworks import framework_path
from config.limits import Limit, parse_percent
from config.yamlfile import read_yaml
from mapping.framework import Framework, load_framework
from store import runs
from sync.deps import RunOptions
from sync.engine import run_apply, run_plan
from sync.report import RunReport
from tests.flow.rig import TODAY, rig


@cache
def changed_framework() -> Framework:
    data = dict(read_yaml(framework_path("cradle_to_grave")).data)
    score = dict(data["score"])
    score["bands"] = [{**band, "min": min(99, band["min"] + 15) if band["min"] else 0} for band in score["bands"]]
    return load_framework(data | {"score": score}, "cradle_to_grave")


def test_a_changed_framework_needs_consent_and_a_mass_downgrade_too(tmp_path: Path) -> None:
    with rig(tmp_path, synced=True) as made:
        other = changed_framework()
        refused = made.sync(framework=other)
        assert (refused.status, refused.exit_code) == ("refused", 5)
        assert refused.reason is not None
        assert "--accept-model-change" in refused.reason
        assert "--max-changes" in refused.reason
        again = made.sync(framework=other)
        assert again.status == "refused", "asking twice changes nothing"
        before = len(made.ours())

        accepted = RunOptions(accept_model_change=True, max_changes=Limit(share=1.0), max_band_drops=Limit(share=1.0))
        assert made.sync(accepted, framework=other).status == "complete"
        assert len(made.ours()) > before


def flags(report: RunReport) -> RunOptions:
    """What the message of a refused run says to add."""
    named = dict(re.findall(r"--([a-z-]+)(?: (\d+%?))?", report.reason or ""))
    assert named.keys() <= {"accept-model-change", "max-changes", "max-band-drops", "max-shrink", "full"}
    return RunOptions(
        accept_model_change="accept-model-change" in named,
        max_changes=Limit.parse(named["max-changes"]) if "max-changes" in named else None,
        max_band_drops=Limit.parse(named["max-band-drops"]) if "max-band-drops" in named else None,
        max_shrink=parse_percent(named["max-shrink"]) if "max-shrink" in named else None,
    )


def test_the_flags_that_the_message_names_are_enough_in_both_crms(tmp_path: Path) -> None:
    with rig(tmp_path, salesforce=True, synced=True) as made:
        refused = made.sync(framework=changed_framework())
        assert (refused.status, refused.exit_code) == ("refused", 5)
        for name in ("hubspot", "salesforce"):
            for guard in ("max_changes 50% allows (", "max_band_drops 20% allows ("):
                assert re.search(rf"{name}: .* \d+ of \d+ records.*{re.escape(guard)}", refused.reason or ""), guard
        before = len(made.ours())
        agreed = made.sync(flags(refused), framework=changed_framework())
        assert agreed.status == "complete", agreed.reason
        assert len(made.ours()) > before


def test_a_mass_downgrade_is_refused_by_itself(tmp_path: Path) -> None:
    with rig(tmp_path, salesforce=True, synced=True) as made:
        before = len(made.ours())
        allowed = RunOptions(accept_model_change=True, max_changes=Limit(share=1.0))
        refused = made.sync(allowed, framework=changed_framework())
        assert (refused.status, refused.exit_code) == ("refused", 5)
        assert "--max-band-drops" in (refused.reason or "")
        assert "--max-changes" not in (refused.reason or "")
        assert len(made.ours()) == before


def test_however_often_a_run_was_refused_the_measure_stays(tmp_path: Path) -> None:
    """An hourly schedule that is refused for weeks must not let the plan through in the end."""
    with rig(tmp_path, accounts=6, synced=True) as made:
        with made.deps() as deps, deps.store.write() as c:
            for number in range(300):
                name, now = f"refused-{number:03}", deps.clock.now()
                runs.start(c, "default", name, "sync", as_of=now, version="0", now=now)
                runs.finish(c, "default", name, status="refused", reason="no", report={"pull": {}}, now=now)
        refused = made.sync(framework=changed_framework())
        assert (refused.status, refused.exit_code) == ("refused", 5)
        assert "--accept-model-change" in (refused.reason or "")


def test_a_plan_of_one_crm_is_refused_while_another_was_never_read(tmp_path: Path) -> None:
    with rig(tmp_path, accounts=6, salesforce=True) as made:
        both = made.settings
        only = {"connections": {"hubspot": both.connections["hubspot"]}}
        made.settings = both.model_copy(update=only)
        planned = made.run(run_plan)
        assert planned.plan is not None
        plan_id = planned.plan.plan_id
        made.settings = both
        refused = made.run(lambda deps: run_apply(deps, plan_id))
        assert (refused.status, refused.exit_code, refused.hint) == ("refused", 5, "Nothing was written.")
        assert "salesforce: accounts has not been read to its end; run `keepwell pull`" in (refused.reason or "")
        assert made.ours() == []


def test_a_crm_that_lost_its_records_is_refused_until_somebody_agrees(tmp_path: Path) -> None:
    with rig(tmp_path, synced=True) as made:
        first = made.first
        for skip in range(first.accounts // 2):
            made.person("archive", object="companies", id=made.some_company(skip=0), user=str(900_001 + skip))
        for _ in range(2):
            refused = made.sync()
            assert (refused.status, refused.exit_code) == ("refused", 5)
            assert refused.reason is not None
            assert "--max-shrink" in refused.reason
            assert re.search(r"companies went from \d+ to \d+ records, more than max_shrink 20% allows", refused.reason)
        assert made.sync(flags(refused)).status == "complete"
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
    with rig(tmp_path, accounts=6, synced=True) as made:
        other = changed_framework()
        for _ in range(2):
            assert made.run(run_plan, framework=other).status == "refused"
