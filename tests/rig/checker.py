"""The checker: judges a workspace from outside, by the CRMs' journals, the store, the audit chain and what was logged.

It asks the engine nothing. There is one function an invariant of the write path, under the invariant's number; those
that no look from outside can judge name the tests that do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from tests.rig import on_effects, on_state, on_surroundings
from tests.rig.evidence import Evidence

Check = Callable[[Evidence], Iterator[str]]

CHECKS: Mapping[int, Check] = MappingProxyType(
    {
        1: on_effects.no_lost_update,
        2: on_effects.no_duplicate_effect,
        3: on_effects.human_wins,
        4: on_state.whole_data_only,
        5: on_state.exact_pull,
        6: on_state.cursor_behind,
        8: on_surroundings.secrets_nowhere,
        9: on_state.tokens_only_grow,
        10: on_effects.audit_first,
        11: on_state.sound_store,
        12: on_state.every_run_explained,
        13: on_surroundings.within_quota,
        18: on_surroundings.neighbours_untouched,
        20: on_surroundings.idle_means_idle,
        21: on_effects.one_task_an_alert,
    }
)
"""Invariant → what judges it."""

ELSEWHERE: Mapping[int, tuple[str, ...]] = MappingProxyType(
    {
        7: (  # a state that differs from an unbroken run's is found by comparing two, not by looking at one
            "tests/rig/test_crash.py::test_a_run_that_is_killed_ends_like_an_unbroken_one",
            "tests/flow/test_crash_pull.py::test_a_pull_that_is_killed_anywhere_ends_with_the_same_store",
        ),
        14: (
            "tests/rig/test_crash.py::test_what_was_in_doubt_is_decided_within_lease_and_grace",
            "tests/unit/connectors/test_hubspot_transport.py::test_a_server_that_says_nothing_is_given_up",
        ),
        13: ("tests/machines/test_machines.py::test_every_history_holds",),  # over all processes, window by window
        15: ("tests/flow/test_memory.py::test_a_pull_of_more_records_takes_no_more_memory",),
        16: (
            "tests/property/test_mapping_engine.py::test_number_of_threads_does_not_matter",
            "tests/property/test_mapping_engine.py::test_order_of_rows_does_not_matter",
        ),
        17: ("tests/faults/test_bytes.py::test_row_09_a_tls_error_is_never_answered_by_doing_without",),
        19: ("tests/unit/cli/test_terminal.py::test_hostile_names_do_nothing",),
    }
)
"""Invariant that no single look from outside can judge, or not all of it → the tests that do."""


@dataclass(frozen=True, slots=True)
class Violation:
    """An invariant that does not hold, and where."""

    invariant: int
    finding: str

    def __str__(self) -> str:
        check = CHECKS.get(self.invariant)
        name = check.__name__.replace("_", " ") if check is not None else "like an unbroken run"
        return f"{self.invariant} ({name}): {self.finding}"


def judge(case: Evidence) -> list[Violation]:
    """Evaluate every invariant; [] when all of them hold."""
    return [Violation(number, finding) for number, check in CHECKS.items() for finding in check(case)]
