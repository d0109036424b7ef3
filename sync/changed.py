"""What made an account's evaluation another one than the last stored one that differs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from mapping.delta import change
from mapping.engine import Evaluation
from mapping.frames import AsOf
from store import evaluations
from sync.deps import Deps
from sync.documents import canonical_frame, computed, values_hashes

LOOK_BACK = 10
"""So many evaluations are looked at; neighbours have the same values only where history was filled in."""


def since_before(deps: Deps, evaluation: Evaluation, account_id: str, detail: Mapping[str, Any]) -> dict[str, Any]:
    """The change against the newest stored evaluation before this one that has other values; empty without one.

    What a run has just stored is what explains itself; what came before it is what a reader compares with.
    """
    specs = [spec for spec in deps.specs if spec.writable]
    own = computed(evaluation, specs).filter(pl.col("account_id") == account_id)
    (found,) = values_hashes(canonical_frame(own, specs))
    with deps.store.read() as c:
        rows = evaluations.newest_before(c, deps.workspace, account_id, evaluation.at.utc, limit=LOOK_BACK)
        before = next((row for row in rows if row.values_hash != found), None)
        if before is None:
            return {}
        health = dict(evaluations.healths(c, deps.workspace, [before.id]))[before.id]
    version = evaluation.framework.version
    told = change(
        health, detail["health"], evaluation.framework, evaluation.at, same_model=before.model_version == version
    )
    return {
        "since": AsOf(before.as_of, evaluation.at.zone).date.isoformat(),
        "run_id": before.run_id,
        "model_version": {"before": before.model_version, "after": version},
        **told,
    }
