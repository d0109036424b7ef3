"""Values that Keepwell leaves alone, and what was decided about them: as plain data, and on a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from itertools import groupby
from typing import Any, Literal

from rich.console import Console
from rich.text import Text
from sqlalchemy import Connection

from dashboard.changedby import sentence, with_names
from dashboard.reasons import REASONS
from dashboard.terminal import table
from dashboard.text import inert, shown_value, so_many
from store import Store, conflicts
from store.conflicts import Conflict
from store.names import Names, account_names

Data = Mapping[str, Any]
State = Literal["open", "reclaimed", "accepted"]
_SHOWN = 200
"""So many values are shown one by one; `--json` has all."""


def conflicts_page(store: Store, *, everything: bool = False) -> dict[str, Any]:
    """What waits for a decision or for the run that carries it out; with `everything` what was accepted, too.

    `plan_id` and `planned_at` are those of the plan that found it, None before the first.
    """
    with store.read() as c:
        found = conflicts.standing(c, store.workspace)
        rows = lines(c, store.workspace, found.conflicts)
    accepted = sum(row["state"] == "accepted" for row in rows)
    shown = [row for row in rows if everything or row["state"] != "accepted"]
    planned_at = found.planned_at.isoformat(timespec="seconds") if found.planned_at is not None else None
    return {"plan_id": found.plan_id, "planned_at": planned_at, "conflicts": shown, "accepted": accepted}


def lines(c: Connection, ws: str, found: Iterable[Conflict]) -> list[dict[str, Any]]:
    """Conflicts as rows of data, with the account's name and the names of people where the store knows them."""
    found = list(found)
    names = account_names(c, ws, (one.account_id for one in found))
    return with_names(c, ws, [_line(one, names) for one in found])


def state_of(one: Conflict) -> State:
    """What was decided about a value; one that a plan knows as accepted has no decision of its own any more."""
    if one.verdict == "accept" or (one.verdict is None and one.reason == "accepted"):
        return "accepted"
    return "reclaimed" if one.verdict == "reclaim" else "open"


def _line(one: Conflict, names: Names) -> dict[str, Any]:
    row = asdict(one)
    decided_at = row.pop("decided_at")
    del row["verdict"]
    return row | {
        "account": names.get((one.connection, one.record_id)),
        "reason": REASONS.get(one.reason, one.reason),
        "reason_code": one.reason,
        "found_at": one.found_at.isoformat(timespec="seconds"),
        "state": state_of(one),
        "decided_at": decided_at.isoformat(timespec="seconds") if decided_at is not None else None,
    }


def show_conflicts(out: Console, page: Data) -> None:
    """Each value below its record: what is there, what would be, who changed it, what was decided."""
    rows: Sequence[Data] = page["conflicts"]
    if page["plan_id"] is None and not rows:
        out.print("There is no plan yet: `keepwell plan` or `keepwell sync` makes one.")
        return
    if not rows:
        out.print("No conflicts: nobody changed a value that Keepwell wrote." + _accepted(page))
        return
    show_values(out, rows[:_SHOWN])
    if len(rows) > _SHOWN:
        out.print(f"… and {len(rows) - _SHOWN} more; `--json` has all of them.")
    if any(row["state"] == "open" and row["reason_code"] != "in_doubt" for row in rows):
        out.print("To let a value stand: keepwell conflicts accept RECORD [--property P]")
        out.print("To let the next run replace it: keepwell conflicts reclaim RECORD [--property P]")
    if any(row["state"] == "reclaimed" for row in rows):
        out.print("What is reclaimed is written by the next `keepwell sync`.")
    if _accepted(page) and not any(row["state"] == "accepted" for row in rows):
        out.print(_accepted(page).strip())


def show_values(out: Console, rows: Sequence[Data]) -> None:
    """The values themselves, record by record."""
    for (connection, record_id), values in groupby(rows, key=lambda row: (row["connection"], row["record_id"])):
        for index, row in enumerate(values):
            if index == 0:
                out.print(Text(f"{connection} {inert(record_id)} {inert(row['account'], 40)}".rstrip(), style="bold"))
            seen, last, want = (shown_value(row[key]) for key in ("seen", "last_written", "want"))
            out.print(Text(f"  {inert(row['property'])}: in the CRM {seen}, written last {last}, computed {want}"))
            out.print(Text(f"    {_why(row)}", style="dim"))
            if who := sentence(row):
                out.print(Text(f"    {who}", style="dim"))


def show_decided(out: Console, page: Data) -> None:
    """What was decided just now, a line a value, and what comes next."""
    rows: Sequence[Data] = page["decided"]
    columns = ("record", "account", "property", "in the CRM", "computed")
    cells = [
        (
            f"{row['connection']}:{row['record_id']}",
            inert(row["account"], 30),
            row["property"],
            inert(shown_value(row["seen"]), 40),
            inert(shown_value(row["want"]), 40),
        )
        for row in rows[:_SHOWN]
    ]
    number = so_many(len(rows), "value")
    verdict = "accepted" if page["verdict"] == "accept" else "reclaimed"
    out.print(table(f"{number} {verdict}", columns, cells, wrap=("account", "in the CRM", "computed")))
    if len(rows) > _SHOWN:
        out.print(f"… and {len(rows) - _SHOWN} more; `--json` has all of them.")
    if page["verdict"] == "accept":
        out.print("These values stand and make no run partial, until somebody changes them again.")
        out.print("To take that back: keepwell conflicts reclaim RECORD [--property P]")
    else:
        out.print("The next run replaces exactly these values; one that somebody changes before that is held again.")
        out.print("Next: keepwell sync (`keepwell plan` shows it first)")


def _why(row: Data) -> str:
    decided = f"{row['state']}: " if row["state"] != "open" else "left alone: "
    return f"{decided}{inert(row['reason'])}"


def _accepted(page: Data) -> str:
    number = page["accepted"]
    if not number:
        return ""
    return f" {number} accepted {'value stands' if number == 1 else 'values stand'}; `--all` shows them."
