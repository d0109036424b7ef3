"""The arithmetic of a backfill: which window comes next, how wide it is, and how long the rest will take.

A range is read from its end to its beginning: what changed lately matters most to a health score, so a backfill that
the daily quota ends has done the better half. Windows touch: both connectors read a window with its two ends, so a row
on the border of two comes twice, which costs a row, and none falls between them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Literal

from store.backfills import Job

FIRST = timedelta(days=7)
SHORTEST = timedelta(hours=1)
LONGEST = timedelta(days=365)
ROWS_A_WINDOW = 20_000
"""What a window should bring: a minute or two at half of a CRM's quota."""
MOST_STRETCH = 4
"""How much wider or narrower than its predecessor a window may be: one empty week does not make an empty year."""
SHORTEST_MEASURE = 5.0
"""Seconds of reading before which a rate says nothing."""


def opened(job: Job, width: timedelta) -> Job:
    """The job with its next window, unless one is open: the `width` below what is read, cut at the range's begin."""
    if job.window_since is not None:
        return job
    begins = max(job.since, job.reached - width)
    return replace(job, window_since=begins, position=None, window_rows=0)


def paged(job: Job, position: str | None, rows: int) -> Job:
    """The job after a page of its window."""
    return replace(
        job, position=position, window_rows=job.window_rows + rows, rows=job.rows + rows, pages=job.pages + 1
    )


def closed(job: Job) -> Job:
    """The job after the last page of its window; `read` when that was the last window."""
    reached = job.window_since or job.since
    state: Literal["reading", "read"] = "read" if reached <= job.since else "reading"
    return replace(
        job, state=state, reached=reached, window_since=None, position=None, window_rows=0, windows=job.windows + 1
    )


def next_width(width: timedelta, rows: int) -> timedelta:
    """How wide the window after one of `width` with `rows` should be, so that it brings what a window should."""
    stretch = min(MOST_STRETCH, max(1 / MOST_STRETCH, ROWS_A_WINDOW / max(rows, 1)))
    return min(LONGEST, max(SHORTEST, timedelta(seconds=round(width.total_seconds() * stretch))))


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a job is: `done` is a share from 0 to 1, `seconds_left` about what the rest takes.

    `basis` says what both are taken from: the `rows` that the CRM said the range has, or, where it did not say or was
    wrong, the `time` range. What is not known is None.
    """

    done: float | None
    seconds_left: float | None
    basis: Literal["rows", "time"]


@dataclass(frozen=True, slots=True)
class Measure:
    """What this process did of a job so far: `began` is the job as it found it, `seconds` the time it read."""

    began: Job
    seconds: float


def progress(job: Job, measure: Measure) -> Progress:
    """How far `job` is and how long the rest takes, at the rate that this process measured itself."""
    if job.state != "reading":
        return Progress(1.0, 0.0, "rows" if job.expected is not None else "time")
    if job.expected is not None and job.rows <= job.expected:
        total, done, before = float(job.expected), float(job.rows), float(measure.began.rows)
        return Progress(done / total if total else None, _seconds(total, done, before, measure.seconds), "rows")
    total = (job.until - job.since).total_seconds()
    done, before = ((job.until - one.reached).total_seconds() for one in (job, measure.began))
    return Progress(done / total if job.windows else None, _seconds(total, done, before, measure.seconds), "time")


def _seconds(total: float, done: float, before: float, seconds: float) -> float | None:
    gained = done - before
    if gained <= 0 or seconds < SHORTEST_MEASURE:
        return None
    return (total - done) * seconds / gained
