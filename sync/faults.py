"""Named points at every store and network edge where a crash rig may stop the process.

`fp("apply.claimed")` does nothing unless a rig has armed a hook; the list `POINTS` is what the rig must hit.
"""

from __future__ import annotations

from collections.abc import Callable

POINTS: tuple[str, ...] = (
    "run.started",
    "lease.taken",
    "run.identified",
    "settle.recovered",
    "pull.page_read",
    "pull.page_stored",
    "pull.sealed",
    "normalise.chunk_stored",
    "evaluate.chunk_stored",
    "evaluate.stored",
    "plan.begun",
    "plan.chunk_stored",
    "plan.finished",
    "apply.begun",
    "apply.guard_read",
    "apply.claimed",
    "apply.sent",
    "apply.settled",
    "settle.waited",
    "settle.read_back",
    "settle.decided",
    "apply.forgotten",
    "apply.finished",
    "verify.begun",
    "verify.read_back",
    "verify.recorded",
    "verify.proven",
    "lease.released",
    "run.finished",
)
"""Every fault point of a run, about in the order in which it passes them: before and after each commit and request of
the write path, never inside a transaction, where a kill would only roll it back to the point before."""

_hook: Callable[[str], None] | None = None


def arm(hook: Callable[[str], None] | None) -> None:
    """Let `hook` run at every fault point; None disarms."""
    global _hook  # noqa: PLW0603 - one switch for the whole process is what a crash rig needs
    _hook = hook


def fp(name: str) -> None:
    """Pass the fault point `name`: a no-op unless a rig is armed."""
    if _hook is not None:
        _hook(name)
