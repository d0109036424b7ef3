"""SIGKILL in the middle of a first pull: the next pull makes the store that an unbroken one makes.

A sample of the points; `make crash-pull` takes them all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import get_args

import pytest

from tests.flow.crash_pull import Crashes, crashes, sqlite_files
from tests.flow.killed_run import Kill, killing
from tests.flow.one_crm import Vendor

SAMPLE = 4
"""Points a way of reading, the two stores in turn."""


@pytest.fixture(scope="module")
def killed() -> Iterator[Kill]:
    """Carries out an order in a process of its own; returns how that ended."""
    with killing() as kill:
        yield kill


@pytest.fixture(scope="module", params=get_args(Vendor))
def crashing(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crashes]:
    """Each way of reading in turn, with what an unbroken pull makes of it."""
    with crashes(tmp_path_factory.mktemp(request.param), request.param) as made:
        yield made


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_pull_that_is_killed_anywhere_ends_with_the_same_store(
    crashing: Crashes, killed: Kill, kind: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> None:
    make: Callable[[], str] = sqlite_files(tmp_path_factory.mktemp("stores"))
    if kind == "postgresql":
        make = request.getfixturevalue("databases")
    points = crashing.points(at_most=SAMPLE)
    assert len(points) == SAMPLE
    for point, nth in points[0 if kind == "sqlite" else 1 :: 2]:
        crashing.survive(killed, make(), point, nth)
