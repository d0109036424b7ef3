"""Bugs planted into a copy of the project: each must be noticed by every test that is named for it.

`python -m tests.rig.planted` (`make planted`) plants all of them; words behind it choose those whose names have one.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence

from tests.altered import Alteration, Case, try_all
from tests.rig.bug import Bug
from tests.rig.bugs import BUGS

ENVIRONMENT: Mapping[str, str] = {"CI": "1", "KEEPWELL_HISTORIES": "400"}
"""State machines try the same histories each time, many of them, and look for no shorter one that goes wrong."""


def cases(bug: Bug) -> list[Case]:
    """One case for each test that has to notice."""
    alteration = Alteration(bug.file, bug.old, bug.new)
    return [Case(f"{bug.why} [{_short(test)}]", alteration, _arguments(test), test) for test in bug.tests]


def _short(test: str) -> str:
    return test.rpartition("/")[2].removeprefix("test_").replace(".py::", " ")


def _arguments(test: str) -> tuple[str, ...]:
    """A test by its id; by the beginning of its name, all tests of the file whose names contain that."""
    file, _, name = test.partition("::")
    return (test,) if "[" in name else (file, "-k", name)


def _all_of(tests: Sequence[str]) -> list[str]:
    """What runs all of these tests, and hardly any other one."""
    names = {test.partition("::")[2].replace("[", " and ").replace("-", " and ").rstrip("]") for test in tests}
    files = sorted({test.partition("::")[0] for test in tests})
    return [*files, "-k", " or ".join(f"({name})" for name in sorted(names))]


def main(words: Sequence[str]) -> int:
    """Plant what was asked for; returns 1 unless all of it is noticed."""
    chosen = [one for one in BUGS if not words or any(word in one.why for word in words)]
    unaltered = _all_of([test for one in chosen for test in one.tests])
    return try_all([case for one in chosen for case in cases(one)], unaltered, ENVIRONMENT)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
