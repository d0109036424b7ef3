"""Each guard lets the usual through, refuses the unusual, and says number, limit and flag."""

from __future__ import annotations

from dataclasses import replace

import pytest

from config.limits import Limit
from sync import guards
from sync.errors import Refused
from sync.guards import Freshness, Limits, PlanFigures, StreamSize

LIMITS = Limits(max_changes=Limit(share=0.5), max_band_drops=Limit(share=0.2), max_shrink=0.2)


def test_filling_an_empty_crm_is_not_a_mass_change() -> None:
    first = PlanFigures("hubspot", records=100, changed=100, replaced=0)
    assert guards.too_many_changes([first], LIMITS) == []


def test_replacing_more_values_than_allowed_is_refused() -> None:
    figures = PlanFigures("hubspot", records=100, changed=60, replaced=51)
    (message,) = guards.too_many_changes([figures], LIMITS)
    assert "51 of 100" in message
    assert "50%" in message
    assert "--max-changes 51" in message
    assert guards.too_many_changes([replace(figures, replaced=50)], LIMITS) == []


def test_a_limit_given_on_the_command_line_counts_first_writes_too() -> None:
    figures = PlanFigures("hubspot", records=100, changed=60, replaced=0)
    strict = replace(LIMITS, max_changes=Limit(count=10), count_first_writes=True)
    (message,) = guards.too_many_changes([figures], strict)
    assert "60 of 100" in message
    assert "--max-changes 60" in message


@pytest.mark.parametrize(
    ("before", "after", "worse"),
    [
        ("green", "yellow", True),
        ("green", "red", True),
        ("yellow", "red", True),
        ("red", "unknown", True),
        ("green", None, True),
        ("red", "green", False),
        ("green", "green", False),
        (None, "red", False),
        ("unknown", "red", False),
    ],
)
def test_what_counts_as_a_band_drop(before: str | None, after: str | None, worse: bool) -> None:
    assert guards.drops_band(before, after) is worse


def test_a_mass_downgrade_is_refused() -> None:
    (message,) = guards.mass_downgrade([PlanFigures("salesforce", records=10, banded=10, dropped=3)], LIMITS)
    assert "3 of 10" in message
    assert "20%" in message
    assert "--max-band-drops 3" in message
    assert guards.mass_downgrade([PlanFigures("salesforce", records=10, banded=10, dropped=2)], LIMITS) == []


def test_a_shrunken_pull_is_refused_with_a_flag_that_is_enough() -> None:
    size = StreamSize("hubspot", "companies", before=100, now=79)
    (message,) = guards.shrunken_pull([size], LIMITS)
    assert "from 100 to 79" in message
    assert "--max-shrink 21%" in message
    assert guards.shrunken_pull([size], replace(LIMITS, max_shrink=0.21)) == []
    assert guards.shrunken_pull([replace(size, now=80)], LIMITS) == []
    assert guards.shrunken_pull([replace(size, now=500)], LIMITS) == []


def test_a_stream_that_was_not_read_to_its_end_is_refused() -> None:
    (message,) = guards.not_whole([Freshness("hubspot", "deals", used=None, latest=None, sealed=False)])
    assert "deals has not been read to its end" in message


def test_a_stream_that_was_read_again_makes_the_plan_stale() -> None:
    (message,) = guards.not_whole([Freshness("hubspot", "deals", used=3, latest=4)])
    assert "read again" in message
    assert guards.not_whole([Freshness("hubspot", "deals", used=4, latest=4)]) == []


def test_a_changed_framework_needs_consent() -> None:
    (message,) = guards.model_changed("aaa", "bbb", LIMITS)
    assert "aaa → bbb" in message
    assert "--accept-model-change" in message
    assert guards.model_changed("aaa", "bbb", replace(LIMITS, accept_model_change=True)) == []
    assert guards.model_changed(None, "bbb", LIMITS) == []
    assert guards.model_changed("bbb", "bbb", LIMITS) == []


def test_refuse_raises_with_every_message() -> None:
    guards.refuse([])
    with pytest.raises(Refused, match="one\ntwo"):
        guards.refuse(["one", "two"])
