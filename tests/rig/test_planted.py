"""Each planted bug stands where it can be planted, and some are noticed; `make planted` plants all."""

from __future__ import annotations

import pytest

from tests.altered import ROOT, assert_noticed, copied
from tests.rig.bug import Bug
from tests.rig.bugs import BUGS
from tests.rig.planted import ENVIRONMENT, cases

QUICK = ("tests/unit/", "tests/store/test_leases.py")
SAMPLE = [case for bug in BUGS for case in cases(bug) if case.failing.startswith(QUICK)][::4]
"""Some of those that take no second each."""


def test_there_are_enough_of_them() -> None:
    assert len(BUGS) >= 25
    assert len({bug.why for bug in BUGS}) == len(BUGS)
    assert len(SAMPLE) >= 4


@pytest.mark.parametrize("bug", BUGS, ids=lambda one: one.why)
def test_each_bug_stands_exactly_once_in_the_code_and_names_tests_that_exist(bug: Bug) -> None:
    for case in cases(bug):
        assert case.alteration.times() == 1
        file, _, name = case.failing.partition("::")
        assert f"def {name.partition('[')[0]}" in (ROOT / file).read_text(encoding="utf-8")


@pytest.mark.long
def test_a_sample_of_them_is_noticed() -> None:
    with copied(ENVIRONMENT) as attempt:
        for case in SAMPLE:
            assert_noticed(attempt, case)
