"""What every test has in common: in CI, Hypothesis tries the same cases each time; elsewhere it goes on searching."""

from __future__ import annotations

import gc
import os
import signal
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# How long a case takes says how busy the machine is, and nothing of what is tested.
settings.register_profile("here", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", settings.get_profile("here"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "here")

# A shell that starts the tests in the background lets them ignore Ctrl-C, and with them every process that they start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# A process that holds thousands of tests has much to look through and little garbage: a tenth of its time.
gc.set_threshold(50_000, 20, 20)

HERE = Path(__file__).parent
LONG = (
    "chaos",
    "sim",
    "rig/test_crash.py",
    "machines/test_machines.py",
    "pitfalls/test_reverts.py",
    "contract/test_foreign_clients.py",
    "docs/test_json_answers.py",
    "faults/test_server.py",
    "flow/test_backfill_kill.py",
    "flow/test_benchmarks.py",
    "flow/test_cli_demo.py",
    "flow/test_cli_guides.py",
    "flow/test_cli_readme.py",
    "flow/test_crash_pull.py",
    "flow/test_kill.py",
    "flow/test_memory.py",
)
"""Files and folders of long tests, in the sense of CONTRIBUTING.md; single ones are marked where they are."""
WHOLE_RUNS = ("faults", "flow", "pitfalls", "rig")
"""Folders whose tests each make CRMs and run against them: the first test of a file is not long, the others are."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that are long; runs before those that are not asked for are left out."""
    begun: set[Path] = set()
    for item in items:
        if _is_long(item.path) or (_is_of_whole_runs(item.path) and item.path in begun):
            item.add_marker(pytest.mark.long)
        if item.get_closest_marker("long") is None:
            begun.add(item.path)


@cache
def _is_long(file: Path) -> bool:
    return any(file.is_relative_to(HERE / name) for name in LONG)


@cache
def _is_of_whole_runs(file: Path) -> bool:
    return any(file.is_relative_to(HERE / name) for name in WHOLE_RUNS)
