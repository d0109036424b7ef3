"""Each pitfall has a test that fails when its answer is undone: the first revert of each; `make pitfalls` tries all."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.altered import ROOT, Try, assert_noticed, copied
from tests.pitfalls.reverts import PITFALLS, REVERTS, Revert
from tests.pitfalls.undone import case, first_of_each, target


@pytest.fixture(scope="module")
def attempt() -> Iterator[Try]:
    """A copy of the project in which one answer at a time is undone."""
    with copied() as made:
        yield made


@pytest.mark.parametrize("revert", first_of_each(), ids=lambda one: one.pitfall)
def test_a_pitfall_whose_answer_is_undone_is_noticed(attempt: Try, revert: Revert) -> None:
    assert_noticed(attempt, case(revert))


def test_every_pitfall_has_tests_of_its_name_and_a_revert() -> None:
    files = {path.name.split("_")[1] for path in Path(__file__).parent.glob("test_p[0-9]*.py")}
    assert files == set(PITFALLS)
    assert {one.pitfall for one in REVERTS} == set(PITFALLS)
    for path in Path(__file__).parent.glob("test_p[0-9]*.py"):
        names = re.findall(r"^def (test_\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)
        assert names
        assert all(name.startswith(f"test_{path.name.split('_')[1]}_") for name in names), path.name


@pytest.mark.parametrize("revert", REVERTS, ids=lambda one: f"{one.pitfall} {one.why}")
def test_each_revert_stands_exactly_once_in_the_code(revert: Revert) -> None:
    assert case(revert).alteration.times() == 1
    file, name = target(revert)
    assert f"def {name}" in (ROOT / file).read_text(encoding="utf-8")
