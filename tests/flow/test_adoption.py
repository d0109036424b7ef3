"""A value that a person set is Keepwell's own once it is the computed one: by the rules, data and day in force."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from config.limits import Limit
from sync.deps import RunOptions
from sync.engine import run_plan
from sync.planbook import find_plan, records
from sync.report import RunReport
from tests.flow.checker import assert_sound
from tests.flow.rig import TODAY, Rig, rig
from tests.flow.test_guarded import changed_framework

BAND = "cs_health_band"
ALL = RunOptions(max_changes=Limit(share=1.0), max_band_drops=Limit(share=1.0))


def by_another_framework(made: Rig) -> RunReport:
    return made.run(run_plan, framework=changed_framework())


def of_a_day_that_is_over(made: Rig) -> RunReport:
    return made.run(lambda deps: run_plan(deps, replace(ALL, as_of=TODAY - timedelta(days=100))))


def another_band(made: Rig, report: RunReport) -> tuple[str, str]:
    """A company, and the band that the plan would give it."""
    assert report.plan is not None
    with made.deps() as deps:
        plan = find_plan(deps.store, report.plan.plan_id)
        return next(
            (record.record_id, str(one["after"]))
            for record in records(deps.store, plan)
            for one in record.changes
            if one["property"] == BAND
        )


@pytest.mark.parametrize("look", [by_another_framework, of_a_day_that_is_over])
def test_a_plan_that_only_looks_makes_no_value_of_a_person_keepwells(
    tmp_path: Path, look: Callable[[Rig], RunReport]
) -> None:
    with rig(tmp_path, synced=True) as made:
        record, theirs = another_band(made, look(made))
        made.person("edit", object="companies", id=record, properties={BAND: theirs})
        held = made.sync()
        assert (held.status, made.company(record)[BAND]) == ("partial", theirs)

        look(made)

        report = made.sync()
        assert report.plan is not None
        assert (report.status, report.plan.total("held")) == ("partial", 1)
        assert made.company(record)[BAND] == theirs
        assert_sound(made)
