"""Gainsight's pages name every setting, every behaviour has its test, and what they show can be loaded."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from config.fieldmaps import load_field_map
from connectors.gainsight.settings import GainsightSettings
from connectors.testing import CHECKS

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "connectors" / "gainsight.md").read_text()
BEHAVIOR = (ROOT / "connectors" / "gainsight" / "BEHAVIOR.md").read_text()
FOLDERS = {"unit": ROOT / "tests" / "unit" / "connectors", "contract": ROOT / "tests" / "contract"}


def test_every_behaviour_names_a_test_that_exists() -> None:
    pinned = re.findall(r"`(unit|contract): (\w+)::(\w+)`", BEHAVIOR)
    assert len(pinned) == len(re.findall(r"^\| G\d+ \|", BEHAVIOR, re.MULTILINE)) - 1
    for folder, file, name in pinned:
        source = (FOLDERS[folder] / f"test_gainsight_{file}.py").read_text()
        assert f"def {name}(" in source, f"{folder}/{file}::{name}"
    assert set(re.findall(r"`suite: (\w+)`", BEHAVIOR)) == {"lost_answer"} <= set(CHECKS)


def test_behaviours_are_numbered_without_gaps() -> None:
    numbers = [int(number) for number in re.findall(r"^\| G(\d+) \|", BEHAVIOR, re.MULTILINE)]
    assert numbers == list(range(1, len(numbers) + 1))


def test_what_the_page_shows_can_be_loaded() -> None:
    shown = [yaml.safe_load(part) for part in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)]
    connection = shown[0]["connections"]["gainsight"]
    for part in shown:
        settings = GainsightSettings.model_validate(connection | part.get("connections", {}).get("gainsight", {}))
        found = load_field_map("gainsight", part.get("fields", {}).get("gainsight"))
        assert found.streams["companies"].entity == "account"
        if settings.milestones is not None:
            assert found.streams["milestones"].rules.keys() >= {"account_ref", "key", "completed_on"}
            assert found.streams["contracts"].rules["end_at"].offset_days == -1


def test_every_stream_of_the_shipped_map_is_documented() -> None:
    for stream in load_field_map("gainsight"):
        assert f"`{stream.name}`" in PAGE
