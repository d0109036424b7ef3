"""Every worked example of the domain specification has a test that names its number.

As a function, `test_example_9_…`, or in the file of tests beside a framework, `name: "example 9: …"`.
"""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import yaml

TESTS = Path(__file__).parents[2]
FRAMEWORKS = TESTS.parent / "config" / "frameworks"
NUMBERS = range(1, 44)
_NAMED = re.compile(r"test_example_(\d+)(?:_|$)")
_WRITTEN = re.compile(r"example (\d+): ")


@cache
def named() -> dict[int, list[str]]:
    """Number → names of the tests that hold it."""
    found: dict[int, list[str]] = {}
    for path in sorted(TESTS.rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and (number := _NAMED.match(node.name)):
                found.setdefault(int(number[1]), []).append(f"{path.name}::{node.name}")
    for path in sorted(FRAMEWORKS.glob("*.tests.yaml")):
        for test in yaml.safe_load(path.read_text(encoding="utf-8"))["tests"]:
            if number := _WRITTEN.match(test["name"]):
                found.setdefault(int(number[1]), []).append(f"{path.name}: {test['name']}")
    return found


def test_every_worked_example_has_a_test_that_names_it() -> None:
    assert [number for number in NUMBERS if number not in named()] == []


def test_no_test_names_an_example_that_there_is_not() -> None:
    assert [number for number in named() if number not in NUMBERS] == []
