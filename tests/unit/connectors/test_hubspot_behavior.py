from __future__ import annotations

import re
from pathlib import Path

import pytest

from connectors.testing import CHECKS

PAGE = Path("connectors/hubspot/BEHAVIOR.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| (H\d+) \|.*\| `(unit|contract|suite|pitfall): ([^`]+)` \|$", PAGE, re.MULTILINE)
FOLDERS = {"unit": Path("tests/unit/connectors"), "contract": Path("tests/contract"), "pitfall": Path("tests/pitfalls")}


def test_the_numbers_run_through():
    assert [number for number, _where, _test in ROWS] == [f"H{count}" for count in range(1, len(ROWS) + 1)]
    assert len(ROWS) == len(re.findall(r"^\| H\d+", PAGE, re.MULTILINE))


@pytest.mark.parametrize(("number", "where", "test"), ROWS, ids=[row[0] for row in ROWS])
def test_each_behaviour_names_a_test_that_exists(number: str, where: str, test: str):
    if where == "suite":
        assert test in CHECKS
        return
    file, _, name = test.partition("::")
    assert f"def {name}(" in (FOLDERS[where] / file).read_text(encoding="utf-8"), number
