"""What earlier runs left that nobody takes up: runs whose process died, half-made plans, state that was damaged."""

from __future__ import annotations

from sqlalchemy import select

from store import plans, repair, runs
from store.sql import now as database_now
from store.tables import lease
from sync.session import Session

LOOK_BACK = 50


def close_dead_runs(session: Session) -> None:
    """Note them as interrupted, so that `runs list` does not show them as under way for ever; drop their drafts."""
    with session.deps.store.write() as c:
        plans.discard_drafts(c, session.ws)
        held = select(lease.c.owner).where(lease.c.workspace == session.ws, lease.c.expires_at > database_now(c))
        alive = set(c.execute(held).scalars())
        for run in runs.list_runs(c, session.ws, LOOK_BACK):
            if run.status == "running" and run.id != session.run_id and run.id not in alive:
                runs.take_for_dead(c, session.ws, run.id, now=session.deps.clock.now())


def forget_damaged(session: Session) -> None:
    """For a run that reads everything from the start: remove damaged state that it makes anew, and say so."""
    with session.write() as c:
        told = repair.forget_damaged(c, session.ws)
    for sentence in told:
        session.note(f"Made anew by reading from the start: {sentence}")
