"""What people decided about who is who: kept for ever, also once it was taken back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, and_, delete, func, select

from mapping.decisions import Decision, Kind
from store.sql import upsert
from store.tables import identity_decision

_D = identity_decision.c


@dataclass(frozen=True, slots=True)
class Made:
    """A decision as it was made: why, when, and when it was taken back."""

    decision: Decision
    reason: str
    made_at: datetime
    taken_back_at: datetime | None = None


def decide(c: Connection, ws: str, made: Made) -> None:
    """Enter a decision as it is now: made, made again, or taken back."""
    former = and_(_D.workspace == ws, _D.id == made.decision.former_id)
    if any(_decision(*row) == made.decision for row in c.execute(select(_D.kind, _D.refs).where(former))):
        c.execute(delete(identity_decision).where(former))
    row = {
        "workspace": ws,
        "id": made.decision.id,
        "kind": made.decision.kind,
        "refs": [list(key) for key in made.decision.records],
        "reason": made.reason,
        "made_at": made.made_at,
        "taken_back_at": made.taken_back_at,
    }
    c.execute(upsert(c, identity_decision), row)


def decisions(c: Connection, ws: str, *, everything: bool = False) -> list[Made]:
    """Return the decisions that count, the oldest first; with `everything` also those that were taken back."""
    query = select(_D.kind, _D.refs, _D.reason, _D.made_at, _D.taken_back_at).where(_D.workspace == ws)
    if not everything:
        query = query.where(_D.taken_back_at.is_(None))
    rows = c.execute(query.order_by(_D.made_at, _D.id))
    return [Made(_decision(row.kind, row.refs), *row[2:]) for row in rows]


def last_change(c: Connection, ws: str) -> datetime | None:
    """Return when a decision was made or taken back last."""
    query = select(func.max(_D.made_at), func.max(_D.taken_back_at)).where(_D.workspace == ws)
    return max((moment for moment in c.execute(query).one() if moment is not None), default=None)


def _decision(kind: Kind, refs: Sequence[Sequence[str]]) -> Decision:
    return Decision.about(kind, ((ref[0], ref[1]) for ref in refs))
