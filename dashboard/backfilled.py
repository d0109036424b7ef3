"""What a backfill shows: how far it is, about how long the rest takes, and what comes next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from dashboard.text import inert, so_many

MINUTE, HOUR = 60, 3600


def time_left(seconds: float | None, basis: str) -> str:
    """`about 12 min left`, with what it is taken from where that is only the time range; never a number out of air."""
    if seconds is None:
        return "time left not known yet"
    return f"about {_duration(seconds)} left" + (", by the share of the dates" if basis == "time" else "")


def _duration(seconds: float) -> str:
    if seconds < MINUTE:
        return f"{max(1, round(seconds))} s"
    if seconds < HOUR:
        return f"{round(seconds / MINUTE)} min"
    return f"{seconds / HOUR:.1f} h"


def show_ranges(out: Console, lines: Sequence[Mapping[str, Any]]) -> None:
    """How far the backfill of each stream is, a line a stream."""
    for line in lines:
        out.print(Text(inert(f"{line['connection']} {line['stream']}: {_standing(line)}")))


def only_read(pull: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a run read, without the streams that it left alone: a backfill reads few of them."""
    return {
        connection: {name: counts for name, counts in streams.items() if counts["mode"]}
        for connection, streams in pull.items()
    }


def show_next_step(out: Console, plan: Mapping[str, Any]) -> None:
    """What would change in the CRMs now, and the command that writes it: a backfill itself does not."""
    if plan["changes"]:
        values, records = so_many(plan["changes"], "value"), so_many(plan["records"], "record")
        text = f"{values} on {records} would change in the CRMs. Nothing was written: "
        out.print(f"{text}the next `keepwell sync` does, or `keepwell apply {inert(plan['plan_id'])}`.")
    elif plan["plan_id"]:
        out.print("Nothing to write: the CRMs already show what was computed.")


def _standing(line: Mapping[str, Any]) -> str:
    whole = f"{line['since']} to {line['until']}"
    rows = f"{line['rows']} rows in {line['windows']} windows"
    if line["state"] != "reading":
        return f"{whole} read, {rows}."
    about = f" of about {line['expected']}" if line["expected"] is not None else ""
    left = time_left(line["seconds_left"], line["basis"])
    return f"{whole}: read back to {line['reached']}, {line['rows']} rows{about}; {left} when it goes on."
