"""Invariants about everything around: secrets, quotas, neighbours, and runs that have nothing to do."""

from __future__ import annotations

from collections.abc import Iterator

from tests.rig.evidence import Evidence


def secrets_nowhere(case: Evidence) -> Iterator[str]:
    """8: no credential is in the store, its log, reports, messages, or the bytes of any artefact."""
    places = {"the store": case.books.text, **case.writings}
    for number, secret in enumerate(case.secrets, start=1):
        for place, content in places.items():
            if secret in content:
                yield f"secret number {number} is in {place}"


def within_quota(case: Evidence) -> Iterator[str]:
    """13: no CRM had to refuse a request because of its quota."""
    for truth in case.truths:
        if truth.refused and not case.throttled:
            yield f"{truth.connection} refused {truth.refused} requests over its quota"


def neighbours_untouched(case: Evidence) -> Iterator[str]:
    """18: what other workspaces keep in the same store is as it was."""
    if case.foreign is None:
        return
    for name in sorted(case.foreign.keys() | case.books.foreign.keys()):
        if case.foreign.get(name) != case.books.foreign.get(name):
            yield f"{name} changed"


def idle_means_idle(case: Evidence) -> Iterator[str]:
    """20: a run after which nothing changed plans nothing, sends nothing and has no effect."""
    if case.idle is not None and (case.idle.effects or case.idle.writes or case.idle.planned):
        yield (
            f"a run with nothing to do planned {case.idle.planned} changes, sent {case.idle.writes} requests that "
            f"write and had {case.idle.effects} effects"
        )
