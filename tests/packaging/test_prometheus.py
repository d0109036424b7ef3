"""Prometheus' own tool reads the alert rules, and they fire when they should and not before."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.services import absent

ROOT = Path(__file__).resolve().parents[2]
RULES = ROOT / "deploy" / "prometheus" / "keepwell.rules.yaml"
CASES = Path(__file__).with_name("keepwell.rules.test.yaml")


@pytest.mark.parametrize("words", [("check", "rules", str(RULES)), ("test", "rules", str(CASES))], ids=" ".join)
def test_promtool_finds_nothing(words: tuple[str, ...]) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        absent("promtool is not installed (apt-get install prometheus)")
    done = subprocess.run([promtool, *words], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_rule_that_looks_back_in_time_has_a_case() -> None:
    """Those are the ones whose expression can be wrong without being wrong to read."""
    rules = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"][0]["rules"]
    cases = yaml.safe_load(CASES.read_text(encoding="utf-8"))["tests"]
    tried = {one["alertname"] for case in cases for one in case["alert_rule_test"]}
    in_time = ("offset", "time()", "min_over_time", "absent")
    assert {rule["alert"] for rule in rules if any(word in rule["expr"] for word in in_time)} <= tried
