"""What people are told: as plain data, and on a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, Protocol

from rich.console import Console
from rich.text import Text

from dashboard.terminal import show_news_counts, table
from dashboard.text import inert
from mapping.notification_life import State
from store import Store, notifications
from store.notifications import Notice

Data = Mapping[str, Any]
STYLES = {"waiting": "yellow", "sending": "yellow", "sent": "green", "given_up": "bold red"}


class Counts(Protocol):
    """How much was noted, sent, given up and is waiting."""

    noted: int
    sent: int
    given_up: int
    waiting: int


def notices_page(store: Store, states: Sequence[State], limit: int) -> dict[str, Any]:
    """The newest `limit` notifications in some states, and how many there are in each."""
    with store.read() as c:
        found = notifications.listed(c, store.workspace, states, limit=limit)
        counts = notifications.counts(c, store.workspace)
    return {"notifications": [_line(one) for one in found], "counts": counts}


def show_notices(out: Console, page: Data) -> None:
    """A line a notification: what, to which channel, how far it is."""
    rows, counts = page["notifications"], page["counts"]
    if rows:
        cells = [
            (
                row["id"],
                row["channel"],
                f"alert {row['alert_id']}" if row["alert_id"] else inert(f"run {row['run_id']}"),
                row["change"],
                _minute(row["noted_at"]),
                Text(row["state"], style=STYLES[row["state"]]),
                row["attempts"],
                _how_far(row),
            )
            for row in rows
        ]
        columns = ("number", "channel", "about", "change", "since (UTC)", "state", "attempts", "what happened")
        out.print(table("", columns, cells, right=("number", "attempts"), wrap=("what happened",)))
    told = ", ".join(f"{number} {state.replace('_', ' ')}" for state, number in counts.items() if number)
    out.print(told or "Nothing was to be told yet.")
    if counts["given_up"]:
        out.print("`keepwell notify retry [NUMBER]` lets what was given up be tried again.")


def told_data(counts: Counts, problems: Mapping[str, str]) -> dict[str, Any]:
    """What `notify send` did."""
    told = {name: getattr(counts, name) for name in ("noted", "sent", "given_up", "waiting")}
    return {**told, "problems": dict(problems)}


def show_told(out: Console, data: Data) -> None:
    """What was sent, and by channel what went wrong."""
    show_news_counts(out, data)
    for name, problem in data["problems"].items():
        out.print(Text(f"{name}: {inert(problem)}", style="yellow"))


def _line(one: Notice) -> dict[str, Any]:
    life = asdict(one.life)
    moments = {name: _utc(life.pop(name)) for name in ("next_at", "claimed_at", "settled_at")}
    return {
        "id": one.id,
        "channel": one.channel,
        "alert_id": one.alert_id or None,
        "run_id": one.about or None,
        "change": one.change,
        "critical": one.critical,
        "message": one.message,
        "noted_at": _utc(one.noted_at),
        **life,
        **moments,
    }


def _how_far(row: Data) -> str:
    if row["state"] == "sent":
        return f"sent {_minute(row['settled_at'])}" + (f"; {inert(row['error'])}" if row["error"] else "")
    error = inert(row["error"]) if row["error"] else ""
    if row["state"] == "waiting" and error:
        return f"{error}; again from {_minute(row['next_at'])} on"
    return error


def _utc(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _minute(moment: str) -> str:
    return f"{moment[:10]} {moment[11:16]}"
