"""Going round a long archive: a few pages an increment, and nothing that was archived is missed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.errors import ConfigError
from connectors.hubspot.archive import Round, archived_since
from connectors.hubspot.records import to_millis

START = datetime(2026, 1, 1, tzinfo=UTC)


def row(number: int, at: datetime) -> dict[str, object]:
    return {"id": str(number), "archived": True, "archivedAt": at.isoformat(), "properties": {}}


@settings(max_examples=200, deadline=None)
@given(
    already=st.integers(0, 30),
    arriving=st.lists(st.tuples(st.integers(0, 11), st.integers(0, 1000)), max_size=30),
    most=st.integers(1, 4),
)
def test_what_is_archived_is_seen_within_two_rounds_wherever_it_stands(
    already: int, arriving: list[tuple[int, int]], most: int
) -> None:
    """Twelve hourly windows; records are archived between them at any place of the list, pages hold three."""
    archive = {number * 1000: START - timedelta(days=90) for number in range(already)}
    seen: set[int] = set()
    carry: str | None = None

    def window(hour: int, carry: str | None) -> str | None:
        since = START + timedelta(hours=hour - 1, minutes=-10)
        walk = Round.for_window(to_millis(since), carry)
        after = walk.after
        for _ in range(most):
            ids = sorted(one for one in archive if after is None or one > int(after))
            found = archived_since([row(one, archive[one]) for one in ids[:3]], walk.since)
            seen.update(int(record.id) for record in found)
            after = str(ids[2]) if len(ids) > 3 else None
            if after is None:
                break
        return Round(after, walk.since, walk.began).carried(to_millis(since))

    fresh: set[int] = set()
    for hour in range(12):
        for at, place in arriving:
            if at == hour:
                archive[place * 37 + 1] = START + timedelta(hours=hour, minutes=-30)
                fresh.add(place * 37 + 1)
        carry = window(hour, carry)
    rounds = 2 * (-(-len(archive) // (3 * most)) + 1)
    for hour in range(12, 12 + rounds):
        carry = window(hour, carry)
    assert fresh <= seen


def test_a_short_archive_leaves_nothing_to_carry() -> None:
    since = to_millis(START)
    assert Round(None, since, since).carried(since) is None


def test_what_was_archived_long_ago_is_no_news_and_what_has_no_date_is() -> None:
    rows = [row(1, START - timedelta(days=1)), row(2, START), {"id": "3", "archived": True, "properties": {}}]
    assert [record.id for record in archived_since(rows, to_millis(START))] == ["2", "3"]
    assert len(archived_since(rows, None)) == 3


@pytest.mark.parametrize("carry", ["", "[]", '{"after": 1}', "x"])
def test_a_damaged_carry_is_named(carry: str) -> None:
    with pytest.raises(ConfigError, match="--full"):
        Round.for_window(0, carry)
