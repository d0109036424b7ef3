"""Bugs that a write path can have, planted into ours one at a time, and the tests that must notice each.

`old` stands exactly once in `file`. With `new` in its place every one of `tests` has to fail.
"""

from __future__ import annotations

from dataclasses import dataclass

STORE, SYNC = "store/", "sync/"
HUBSPOT, SALESFORCE = "connectors/hubspot/", "connectors/salesforce/"


@dataclass(frozen=True, slots=True)
class Bug:
    """One planted bug; `tests` are ids of tests, or what the ids of parametrised ones begin with."""

    why: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]


def machine(name: str) -> str:
    """The test of a state machine, by its name in `tests.machines.table`."""
    return f"tests/machines/test_machines.py::test_every_history_holds[{name}-sqlite]"


WRITEPATH, OUTBOX, LEASE, CURSOR = machine("writepath"), machine("outbox"), machine("lease"), machine("cursor")
CASES = "tests/machines/test_cases.py::"
DECIDE = "tests/unit/sync/test_decide.py::"
PEOPLE, TROUBLE = "tests/flow/test_people.py::", "tests/flow/test_trouble.py::"
STANDSTILL = "tests/flow/test_standstill.py::"
