"""Row 51 of the fault table: whoever watches a run and stops reading does not hold it up."""

from __future__ import annotations

import fcntl
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from dashboard.aside import Aside
from dashboard.logs import Unhurried
from dashboard.progress import Bars
from sync import events
from sync.engine import run_sync
from tests.faults.writing import written
from tests.flow.one_crm import Vendor

SMALLEST = 4096
"""Bytes that a pipe holds at least."""


@contextmanager
def unread_pipe() -> Iterator[tuple[int, int]]:
    """A small pipe: the end to read from, which nobody does, and the end to write to."""
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, SMALLEST)
    try:
        yield reader, writer
    finally:
        os.close(reader)
        os.close(writer)


@pytest.mark.parametrize("vendor", ["hubspot", "salesforce"])
def test_row_51_a_log_that_nobody_reads_does_not_hold_up_a_run(tmp_path: Path, vendor: Vendor) -> None:
    logger = logging.Logger("watched")
    told: list[str] = []
    with (
        written(tmp_path, vendor) as crm,
        unread_pipe() as (_, writer),
        open(writer, "w", closefd=False) as stream,
    ):
        handler = Unhurried(stream)
        logger.addHandler(handler)

        def observe(event: events.Event) -> None:
            told.append(type(event).__name__)
            logger.warning("%s %s", event, "x" * SMALLEST)

        with crm.made.deps() as deps:
            before = time.monotonic()
            report = run_sync(replace(deps, observer=observe))
            spent = time.monotonic() - before
        crm.assert_ended(report, "complete", None)
        assert report.buckets().confirmed > 0
        assert told[-1] == "RunFinished"
        assert spent < 120
        before = time.monotonic()
        handler.close()
        assert time.monotonic() - before < 30, "nor does the end of a command wait for ever"
        crm.assert_sound()


def test_row_51_lines_that_find_no_room_are_dropped_counted_and_told_once_somebody_reads() -> None:
    logger = logging.Logger("watched")
    with unread_pipe() as (reader, writer), open(writer, "w", closefd=False) as stream:
        handler = Unhurried(stream, most=20)
        logger.addHandler(handler)
        before = time.monotonic()
        for number in range(500):
            logger.warning("line %d %s", number, "x" * 100)
        assert time.monotonic() - before < 30
        read = ""
        while "499" not in read and "dropped" not in read:
            read += os.read(reader, SMALLEST).decode()
            handler.flush()
            logger.warning("the end")
        handler.close()
        read += os.read(reader, 10 * SMALLEST).decode()
    told = [line for line in read.splitlines() if "were dropped because nobody read them" in line]
    dropped = sum(int(line.split()[0]) for line in told)
    shown = sum(1 for line in read.splitlines() if line.startswith("line "))
    assert dropped > 0
    assert dropped + shown >= 500
    assert "the end" in read


def test_row_51_a_terminal_that_stands_still_does_not_hold_up_who_tells_it_the_progress() -> None:
    master, slave = os.openpty()
    try:
        with open(slave, "w", closefd=False) as terminal:
            bars = Bars(Console(file=terminal, force_terminal=True, color_system=None, width=100))
            watched = Aside(bars.observe)
            before = time.monotonic()
            for number in range(5_000):
                watched.put(events.Noted(f"note {number} " + "x" * 80))
            watched.close(0.2)
            assert time.monotonic() - before < 30
            assert watched.dropped() > 0
            shown = os.read(master, 65_536)
            assert b"note 0 " in shown
            while not watched.flush(0.05):  # let go whoever is stuck in the terminal
                os.read(master, 65_536)
    finally:
        os.close(master)
        os.close(slave)


def test_row_51_what_goes_wrong_while_watching_changes_nothing() -> None:
    taken: list[int] = []

    def take(number: int) -> None:
        if number == 1:
            raise OSError("the terminal is gone")
        taken.append(number)

    watched = Aside(take)
    for number in range(3):
        watched.put(number)
    assert watched.flush()
    watched.close()
    watched.put(3)
    assert (taken, watched.dropped()) == ([0, 2], 1)
