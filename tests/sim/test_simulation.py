"""A slice of virtual time with every run of the tests; the long forms are `python -m tests.sim` and `make chaos`."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sync import faults
from tests.sim.judge import TIMING
from tests.sim.world import Figures, simulate

SEED, DAYS = 20, 0.75


@pytest.fixture(autouse=True)
def disarmed() -> Iterator[None]:
    yield
    faults.arm(None)


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Figures:
    return simulate(SEED, DAYS, tmp_path_factory.mktemp("sim"))


def test_whatever_goes_wrong_nothing_is_lost_doubled_unaudited_or_taken_from_a_person(lived: Figures) -> None:
    assert lived.violations == []


def test_enough_went_wrong_to_mean_something(lived: Figures) -> None:
    assert lived.share >= 0.30
    assert lived.kills >= 1
    assert lived.pauses >= 1
    assert lived.effects > 100
    assert lived.endings["busy"] >= 1
    assert any(kind.startswith("write: ") for kind in lived.faults)


def test_the_same_seed_gives_the_same_history_in_another_process(lived: Figures) -> None:
    command = [sys.executable, "-m", "tests.sim", "--days", str(DAYS), "--seed", str(SEED)]
    surroundings = {**os.environ, "PYTHONHASHSEED": "4321"}
    told = subprocess.run(command, capture_output=True, text=True, env=surroundings, check=False)
    assert f"history {lived.digest}" in told.stdout, told.stdout + told.stderr
    assert told.returncode == 0


def test_an_engine_that_looks_for_a_lost_request_too_early_is_caught(tmp_path: Path) -> None:
    assert caught(2, tmp_path, timing=replace(TIMING, grace=1.0))


def test_an_engine_that_sends_what_it_looked_up_long_ago_is_caught(tmp_path: Path) -> None:
    careless = replace(TIMING, guard_age=1e9, send_within=1e9)
    assert caught(3, tmp_path, timing=careless, points=("apply.claimed",))


def caught(number: int, folder: Path, **careless: Any) -> bool:
    """Whether one of a few short histories shows it: not in each of them the moment comes at which it matters."""
    for seed in range(23, 29):
        (folder / str(seed)).mkdir()
        found = simulate(seed, 0.3, folder / str(seed), **careless).violations
        if any(one.startswith(f"({number}) ") for one in found):
            return True
    return False
