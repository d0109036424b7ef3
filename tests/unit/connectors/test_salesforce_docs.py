"""The pages about Salesforce say what there is, and name tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from connectors.salesforce.settings import (
    ClientCredentialsAuth,
    JwtAuth,
    PasswordAuth,
    PullSettings,
    SalesforceSettings,
    TokenAuth,
)
from connectors.testing import CHECKS

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "connectors" / "salesforce.md").read_text()
BEHAVIOR = (ROOT / "connectors" / "salesforce" / "BEHAVIOR.md").read_text()
FOLDERS = {
    "unit": ROOT / "tests" / "unit" / "connectors",
    "contract": ROOT / "tests" / "contract",
    "pitfall": ROOT / "tests" / "pitfalls",
}


@pytest.mark.parametrize(
    "model", [SalesforceSettings, PullSettings, JwtAuth, ClientCredentialsAuth, PasswordAuth, TokenAuth]
)
def test_every_setting_is_documented(model: type[BaseModel]) -> None:
    missing = [name for name in model.model_fields if not re.search(rf"\b{name}\b", PAGE)]
    assert missing == []


def test_every_behaviour_names_a_test_that_exists() -> None:
    pinned = re.findall(r"`(unit|contract|pitfall): (\w+)::(\w+)`", BEHAVIOR)
    assert len(pinned) > 35
    for folder, file, name in pinned:
        whose = "" if folder == "pitfall" else "salesforce_"
        source = (FOLDERS[folder] / f"test_{whose}{file}.py").read_text()
        assert f"def {name}(" in source, f"{folder}/{file}::{name}"
    assert set(re.findall(r"`suite: (\w+)`", BEHAVIOR)) <= set(CHECKS)


def test_behaviours_are_numbered_without_gaps() -> None:
    numbers = [int(number) for number in re.findall(r"^\| S(\d+) \|", BEHAVIOR, re.MULTILINE)]
    assert numbers == list(range(1, len(numbers) + 1))
