"""One portfolio, two stores: what is computed and stored is equal to the byte, with every shipped framework."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from config.frameworks import shipped_frameworks
from mapping import engine
from store import evaluations
from store.tables import evaluation
from store.types import dump_json
from sync.engine import run_plan
from sync.looking import look
from sync.portfolio import Portfolio
from tests.flow.rig import Frozen, Rig, rig


@pytest.fixture(scope="module")
def portfolio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with rig(tmp_path_factory.mktemp("same"), accounts=25, salesforce=True) as made:
        yield made


def stored(made: Rig) -> list[str]:
    """Every evaluation with its health and its explanation as text, in order of the accounts."""
    e = evaluation.c
    query = select(e.id, e.account_id, e.values_hash, e.score, e.band, e.stage, e.outputs).order_by(e.account_id)
    with made.deps(clock=Frozen()) as deps:
        with deps.store.read() as c:
            rows = c.execute(query).all()
            health = dict(evaluations.healths(c, deps.workspace, [row.id for row in rows]))
        session, (ids,) = look(deps, "explain", None)
        frames = Portfolio.open(session, asking=False).frames(ids)
        details = dict(engine.evaluate(frames, deps.framework, session.at).details())
        return [dump_json([*row[1:], health[row.id], details[row.account_id]]) for row in rows]


@pytest.mark.parametrize("framework", shipped_frameworks())
def test_both_stores_give_the_same_answers(portfolio: Rig, database: str, tmp_path: Path, framework: str) -> None:
    found = []
    for store in (f"sqlite:///{tmp_path}/keepwell.db", database):
        settings = portfolio.settings.model_copy(update={"framework": framework, "store": store})
        made = Rig(portfolio.crm, settings)
        # Partial: the CRMs have the lists of one framework only, which says nothing about what is computed.
        report = made.run(run_plan, clock=Frozen())
        assert report.status in ("complete", "partial"), report.to_dict()
        found.append(stored(made))
    assert len(found[0]) > 20
    assert found[0] == found[1]
