"""A slice of the bad line with every run of the tests; the long form is `python -m tests.chaos` and `make chaos`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.chaos.runs import QUICK, VENDORS, Vendor, run


@pytest.mark.parametrize("vendor", VENDORS)
def test_whatever_happens_to_the_bytes_nothing_is_lost_doubled_unaudited_or_taken_from_a_person(
    tmp_path: Path, vendor: Vendor
) -> None:
    outcome = run(1, vendor, tmp_path)
    assert outcome.findings == []
    assert outcome.share >= 0.15
    assert any(kind.startswith("write: ") for kind in outcome.broken)
    assert outcome.confirmed > 50


def test_an_engine_that_looks_for_a_late_request_too_early_is_caught(tmp_path: Path) -> None:
    for seed in range(4):
        (tmp_path / str(seed)).mkdir()
        careless = replace(QUICK, grace=0.0)
        outcome = run(seed, "hubspot", tmp_path / str(seed), timing=careless, kinds={"late": 1.0}, rounds=2)
        if any(finding.startswith("2 ") for finding in outcome.findings):
            return
    pytest.fail("nobody noticed")
