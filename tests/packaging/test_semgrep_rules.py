"""Our semgrep rules: each has code in which it finds something and code in which it does not.

`make check` runs them on both (`semgrep test`); here is what it does not complain about.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "tests/semgrep"
RULES = [(path, rule) for path in sorted(FOLDER.glob("*.yaml")) for rule in yaml.safe_load(path.read_text())["rules"]]


@pytest.mark.parametrize(("path", "rule"), RULES, ids=[rule["id"] for _, rule in RULES])
def test_a_rule_is_tried_on_bad_and_on_good_code(path: Path, rule: dict[str, Any]) -> None:
    beside = "".join(one.read_text() for one in FOLDER.glob(f"{path.stem}.*") if one != path)
    for mark in ("ruleid", "ok"):
        assert re.search(rf"{mark}: {rule['id']}$", beside.replace(" -->", ""), re.MULTILINE), mark
    assert rule["message"].endswith(".")
    assert rule["severity"] == "ERROR"


@pytest.mark.parametrize(("path", "rule"), RULES, ids=[rule["id"] for _, rule in RULES])
def test_what_a_rule_leaves_out_is_there(path: Path, rule: dict[str, Any]) -> None:
    left_out = rule.get("paths", {}).get("exclude", [])
    assert [one for one in left_out if not (ROOT / one).exists()] == [], path.name


def test_the_check_asks_nobody() -> None:
    made = (ROOT / "Makefile").read_text()
    for word in (
        "--metrics=off",
        "--disable-version-check",
        "SEMGREP_SEND_METRICS=off",
        "SEMGREP_ENABLE_VERSION_CHECK=0",
    ):
        assert word in made
    assert "--config $(RULES)" in made
