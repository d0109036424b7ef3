"""Tests of a copy of the project in which one answer is undone.

`python -m tests.pitfalls.undone` (`make pitfalls`) tries all reverts; names of pitfalls (`p06`) behind it choose some.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from tests.altered import Alteration, Case, try_all
from tests.pitfalls.reverts import PITFALLS, REVERTS, Revert


def target(revert: Revert) -> tuple[str, str]:
    """File of the tests of a revert, and what the failing ones begin with."""
    file, _, name = revert.test.partition("::")
    return f"tests/pitfalls/test_{file}.py", name


def case(revert: Revert) -> Case:
    """What it takes to see that a revert is noticed."""
    file, name = target(revert)
    alteration = Alteration(revert.file, revert.old, revert.new)
    return Case(f"{revert.pitfall} {revert.why}", alteration, (file, "-k", name), f"{file}::{name}")


def first_of_each() -> list[Revert]:
    """One revert a pitfall."""
    return [next(one for one in REVERTS if one.pitfall == pitfall) for pitfall in PITFALLS]


def main(wanted: Sequence[str]) -> int:
    """Try every revert, or those of the `wanted` pitfalls."""
    chosen = [one for one in REVERTS if not wanted or one.pitfall in wanted]
    return try_all([case(one) for one in chosen], sorted({target(one)[0] for one in chosen}))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
