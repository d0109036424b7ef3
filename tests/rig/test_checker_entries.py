"""What is wrong with entries on timelines is found by the checker."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from sync.forget import Asked, forget
from tests.flow.called import called
from tests.flow.checker import evidence_of
from tests.flow.told import OBJECT, Told, told
from tests.rig.checker import judge
from tests.rig.evidence import Evidence
from tests.rig.test_checker import (
    Spoil,
    a_second_task,
    a_task_after_its_removal,
    a_task_that_is_not_there,
    with_table,
)


@pytest.fixture(scope="module")
def with_entries(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Evidence]:
    """A workspace where a fall of health became an entry."""
    with told(tmp_path_factory.mktemp("entries")) as it:
        it.fall()
        assert it.times_made() == 1
        yield evidence_of(it.rig)


def an_entry_of_no_fall(case: Evidence) -> Evidence:
    return with_table(case, "timeline_entry", [])


def an_entry_that_nobody_announced(case: Evidence) -> Evidence:
    return with_table(case, "intent", [row for row in case.books.tables["intent"] if row["object"] != OBJECT])


SPOILED: tuple[tuple[int, Spoil], ...] = (
    (21, a_second_task),
    (21, an_entry_of_no_fall),
    (21, an_entry_that_nobody_announced),
    (21, a_task_after_its_removal),
    (21, a_task_that_is_not_there),
    (1, a_task_that_is_not_there),
    (2, an_entry_that_nobody_announced),
)


def test_a_sound_workspace_with_entries_passes(with_entries: Evidence) -> None:
    assert judge(with_entries) == []
    assert any(one.truth.makes == "timeline_entry" for one in with_entries.explained)


@pytest.mark.parametrize(("invariant", "spoil"), SPOILED, ids=[f"{number}-{one.__name__}" for number, one in SPOILED])
def test_what_is_wrong_with_entries_is_found(with_entries: Evidence, invariant: int, spoil: Spoil) -> None:
    assert invariant in {violation.invariant for violation in judge(spoil(with_entries))}


@pytest.mark.long
@pytest.mark.parametrize("make", [told, called])
def test_what_was_made_for_a_forgotten_account_is_still_known_by_its_intents(
    tmp_path: Path, make: Callable[[Path], AbstractContextManager[Told]]
) -> None:
    with make(tmp_path) as it:
        it.fall()
        it.sound()
        with it.rig.deps(clock=it.clock) as deps:
            assert {"timeline_entry", "alert_task"} & forget(deps, Asked(account=it.gsid))["held"].keys()
        # Its companies are still in the CRMs, which is all that is missing from the store.
        assert {violation.invariant for violation in judge(evidence_of(it.rig))} == {5}
