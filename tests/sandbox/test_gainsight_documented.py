"""The page about the Gainsight sandbox names every object, call, option, fault and verb that there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sandbox.gainsight.app import create_app
from sandbox.gainsight.faults import KINDS
from sandbox.gainsight.options import SWITCHES, GainsightOptions
from sandbox.gainsight.state import GainsightState
from sandbox.world.generate import generate
from tests.sandbox.hubspot_portal import TODAY

PAGE = (Path(__file__).parents[2] / "docs/sandbox-gainsight.md").read_text()
NAMED = set(re.findall(r"`([^`\n]+)`", PAGE))
STATE = GainsightState.from_world(generate(3, 3, TODAY), GainsightOptions())
PATHS = sorted({route.path for route in create_app(STATE).routes})  # type: ignore[attr-defined]
LIMITS = {"per_minute", "per_day", "bulk_per_hour", "latency"}
"""Options that the page calls limits, and how slow the tenant is."""


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_fault_is_named(kind: str) -> None:
    assert kind in NAMED


@pytest.mark.parametrize("name", sorted(SWITCHES.keys() - LIMITS))
def test_every_switch_is_named(name: str) -> None:
    assert name in NAMED


@pytest.mark.parametrize("path", PATHS)
def test_every_call_is_named(path: str) -> None:
    """By its last fixed word at least, as the table shortens what a row has in common."""
    *_, last = [part for part in path.split("/") if not part.startswith("{")]
    assert re.search(rf"[/ `]{re.escape(last)}\b", PAGE), path


@pytest.mark.parametrize("name", sorted(STATE.tenant.tables))
def test_every_object_is_named(name: str) -> None:
    assert name in {one.lower() for one in NAMED}
