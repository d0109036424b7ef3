"""Whatever the range and whatever its windows bring: they tile it exactly, and no estimate promises nonsense."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from store.backfills import Job
from sync import windows
from sync.windows import Measure

BEGIN = datetime(2020, 1, 1, tzinfo=UTC)
seconds = st.integers(0, 20 * 366 * 86_400)
counts = st.integers(0, 3_000_000)


def job(span: int, expected: int | None = None) -> Job:
    until = BEGIN + timedelta(seconds=span)
    return Job(
        1, "w", "crm", "deals", "reading", BEGIN, until, None, until, None, None, 0, 0, 0, 0, expected, BEGIN, None
    )


@given(seconds, st.lists(counts, max_size=30))
def test_windows_tile_the_range_from_its_end_to_its_begin(span: int, brought: list[int]) -> None:
    standing, width, edges = job(span), windows.FIRST, []
    while standing.state == "reading":
        rows = brought.pop() if brought else 0
        standing = windows.opened(standing, width)
        assert standing.window_since is not None
        assert windows.opened(standing, width * 2) == standing, "an open window stays as it is"
        edges.append((standing.window_since, standing.reached))
        width = windows.next_width(standing.reached - standing.window_since, rows)
        standing = windows.closed(windows.paged(standing, None, rows))
    assert edges[0][1] == standing.until
    assert edges[-1][0] == standing.since == standing.reached
    assert all(below[1] == above[0] for above, below in pairwise(edges))
    assert all(begin < end for begin, end in edges) or span == 0
    assert all(moment.microsecond == 0 for edge in edges for moment in edge)
    assert standing.windows == len(edges)
    assert standing.pages == len(edges)


@given(seconds, counts)
def test_a_width_follows_what_the_last_window_brought(span: int, rows: int) -> None:
    before = max(windows.SHORTEST, min(windows.LONGEST, timedelta(seconds=span)))
    after = windows.next_width(before, rows)
    assert windows.SHORTEST <= after <= windows.LONGEST
    if rows > windows.ROWS_A_WINDOW:
        assert after <= before
    if rows < windows.ROWS_A_WINDOW:
        assert after >= before
    assert before / windows.MOST_STRETCH <= after + timedelta(seconds=1) <= before * 4 + timedelta(seconds=2)


@given(seconds, st.none() | counts, counts, counts, st.floats(0, 1e6))
def test_an_estimate_is_never_nonsense(
    span: int, expected: int | None, before: int, gained: int, elapsed: float
) -> None:
    began = replace(job(span, expected), rows=before)
    found = windows.progress(replace(began, rows=before + gained), Measure(began, elapsed))
    assert found.done is None or 0 <= found.done <= 1
    assert found.seconds_left is None or found.seconds_left >= 0
    if elapsed < windows.SHORTEST_MEASURE or not gained:
        assert found.seconds_left is None, "no number without a measure"
    if expected is None or before + gained > expected:
        assert found.basis == "time", "what the CRM said was wrong, or nothing"


def test_the_rest_takes_as_long_as_the_measured_part_did_for_its_share() -> None:
    began = replace(job(864_000, 1_000), rows=100)
    found = windows.progress(replace(began, rows=400), Measure(began, 30.0))
    assert (found.done, found.seconds_left, found.basis) == (0.4, 60.0, "rows")
    began = job(864_000)
    half = windows.closed(windows.opened(began, timedelta(days=5)))
    found = windows.progress(half, Measure(began, 30.0))
    assert (found.done, found.seconds_left, found.basis) == (0.5, 30.0, "time")
    assert windows.progress(windows.opened(half, timedelta(1)), Measure(half, 30.0)).seconds_left is None
    over = windows.closed(windows.opened(half, timedelta(days=5)))
    assert windows.progress(over, Measure(began, 60.0)).done == 1.0
