"""What a plan says it will cost is what carrying it out spends, whatever its size and however often it ran before."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sync.deps import RunOptions
from sync.engine import run_apply, run_plan
from sync.report import RunReport
from tests.flow.rig import Rig, rig


@pytest.fixture(scope="module")
def portfolio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with rig(tmp_path_factory.mktemp("cost"), accounts=205, salesforce=True) as made:
        yield made


def planned_and_applied(made: Rig, options: RunOptions | None = None) -> tuple[RunReport, RunReport]:
    with made.deps() as deps:
        plan = run_plan(deps, options)
    assert plan.plan is not None
    with made.deps() as deps:
        return plan, run_apply(deps, plan.plan.plan_id)


@pytest.mark.parametrize("accounts", [1, 99, 101])
def test_a_plan_costs_what_it_says(portfolio: Rig, accounts: int) -> None:
    """The first of these reads everything back, the others a sample; every call of `apply` is counted."""
    plan, applied = planned_and_applied(portfolio, RunOptions(limit=accounts))
    assert plan.plan is not None
    assert applied.buckets().confirmed == plan.plan.total("changes") > 0
    said = {name: one.cost for name, one in plan.plan.by_connection.items()}
    spent = {name: use.requests for name, use in applied.api.items()}
    assert spent == said


def test_a_plan_without_changes_costs_nothing(tmp_path: Path) -> None:
    with rig(tmp_path, salesforce=True) as made:
        made.sync()
        with made.deps() as deps:
            again = run_plan(deps)
        assert again.plan is not None
        assert again.plan.total("cost") == 0
