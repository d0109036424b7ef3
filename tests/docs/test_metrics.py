"""docs/metrics.md has the metrics that there are, and those follow Prometheus' own rules for names."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dashboard.metrics import BANDS, METRICS, STATUSES
from sync import report

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "metrics.md").read_text(encoding="utf-8")


def test_the_page_is_what_the_code_has() -> None:
    rows = [
        f"| `{name}` | {one.kind} | {', '.join(f'`{label}`' for label in one.labels)} | {one.meaning} |"
        for name, one in METRICS.items()
    ]
    assert re.findall(r"^\| `keepwell_[a-z_]+` \|.*$", PAGE, re.MULTILINE) == rows


@pytest.mark.parametrize("name", METRICS)
def test_names_say_their_unit(name: str) -> None:
    about = METRICS[name]
    assert re.fullmatch(r"keepwell(_[a-z]+)+", name)
    assert (about.kind == "counter") == name.endswith("_total")
    assert ("timestamp" in name) <= name.endswith("_timestamp_seconds")
    assert "workspace" not in about.labels, "every metric has it"


def test_bands_and_statuses_are_those_of_a_report() -> None:
    assert set(BANDS) == set(report.BANDS)
    assert set(STATUSES) == set(report.Status.__args__)
