"""Each guard lets the usual through, refuses the unusual, and says number, limit and flag."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.freeze import Freeze, parse_moment
from config.limits import Limit, parse_percent
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
    assert "(50)" in message
    assert "--max-changes 60" in message, "the flag counts first writes too"
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


def flag(messages: list[str], name: str) -> str:
    """The value that every message gives for a flag; they must not contradict each other."""
    (value,) = {message.split(f"{name} ")[1].rstrip(".") for message in messages}
    return value


COUNTS = st.tuples(*[st.integers(0, 200)] * 3).map(sorted)
"""Three numbers of records, each part of the next."""


@given(st.lists(COUNTS, min_size=1, max_size=3), st.integers(0, 100))
def test_the_flag_that_a_refusal_of_changes_names_is_enough(counts: list[list[int]], limit: int) -> None:
    figures = [PlanFigures(f"crm{n}", c, changed=b, replaced=a) for n, (a, b, c) in enumerate(counts)]
    messages = guards.too_many_changes(figures, replace(LIMITS, max_changes=Limit(count=limit)))
    assert len(messages) == sum(one.replaced > limit for one in figures)
    if messages:
        given_then = Limit.parse(flag(messages, "--max-changes"))
        with_flag = replace(LIMITS, max_changes=given_then, count_first_writes=True)
        assert guards.too_many_changes(figures, with_flag) == []


@given(st.lists(COUNTS, min_size=1, max_size=3))
def test_the_flag_that_a_refusal_of_downgrades_names_is_enough(counts: list[list[int]]) -> None:
    figures = [PlanFigures(f"crm{n}", c, banded=b, dropped=a) for n, (a, b, c) in enumerate(counts)]
    messages = guards.mass_downgrade(figures, LIMITS)
    if messages:
        with_flag = replace(LIMITS, max_band_drops=Limit.parse(flag(messages, "--max-band-drops")))
        assert guards.mass_downgrade(figures, with_flag) == []


@given(st.lists(st.tuples(st.integers(1, 10_000), st.integers(0, 10_000)), min_size=1, max_size=4))
def test_the_flag_that_a_refusal_of_a_shrunken_pull_names_is_enough(counts: list[tuple[int, int]]) -> None:
    sizes = [StreamSize("crm", f"stream{n}", before, now) for n, (before, now) in enumerate(counts)]
    messages = guards.shrunken_pull(sizes, LIMITS)
    if messages:
        share = parse_percent(flag(messages, "--max-shrink"))
        assert guards.shrunken_pull(sizes, replace(LIMITS, max_shrink=share)) == []


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


ZONE = "Europe/Berlin"
CHRISTMAS = datetime(2026, 12, 25, 12, tzinfo=UTC)


def window(since: str, until: str, reason: str = "close") -> Freeze:
    return Freeze(since=parse_moment(since), until=parse_moment(until), reason=reason)


@pytest.mark.parametrize(
    ("now", "is_frozen"),
    [
        ("2026-12-20T22:59:59", False),  # 23:59:59 in Berlin
        ("2026-12-20T23:00:00", True),
        ("2027-01-03T22:59:59", True),  # the last day counts to its end
        ("2027-01-03T23:00:00", False),
    ],
)
def test_a_freeze_begins_and_ends_in_the_tenants_zone(now: str, is_frozen: bool) -> None:
    moment = datetime.fromisoformat(now).replace(tzinfo=UTC)
    assert bool(guards.frozen([window("2026-12-21", "2027-01-03")], ZONE, moment)) is is_frozen


def test_a_freeze_says_its_window_its_reason_and_its_end() -> None:
    (one,) = guards.frozen([window("2026-12-21", "2027-01-03", "close of the year")], ZONE, CHRISTMAS)
    assert one == (
        "2026-12-21 to 2027-01-03 is a freeze (close of the year), "
        "and runs write again from 2027-01-04 00:00 Europe/Berlin on"
    )


def test_freezes_that_follow_each_other_end_together() -> None:
    windows = [
        window("2026-12-30", "2027-01-06"),
        window("2026-12-20", "2026-12-27"),
        window("2026-12-26", "2026-12-29", "release"),
        window("2027-01-08", "2027-01-09"),
    ]
    (one,) = guards.frozen(windows, ZONE, CHRISTMAS)
    assert "from 2027-01-07 00:00" in one, "the day after that is free"
    both = guards.frozen([*windows, window("2026-12-25", "2026-12-25", "holiday")], ZONE, CHRISTMAS)
    assert ["(close)" in both[0], "(holiday)" in both[1]] == [True, True]
    assert guards.frozen([], ZONE, CHRISTMAS) == []


def test_refuse_raises_with_every_message() -> None:
    guards.refuse([])
    with pytest.raises(Refused, match="one\ntwo") as caught:
        guards.refuse(["one", "two"])
    assert caught.value.hint == "Nothing was written."
