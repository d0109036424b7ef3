"""Where the CRMs do not show what Keepwell wrote: as plain data, and on a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from rich.console import Console
from rich.text import Text

from dashboard.changedby import moment, sentence, with_names
from dashboard.text import inert, shown_value, so_many
from store import Store
from store.names import account_names

Data = Mapping[str, Any]
SHOWN = 200
"""So many values are shown one by one; `--json` has more."""


def drift_page(store: Store, drift: Data) -> dict[str, Any]:
    """What `sync.drift` found, with the names of accounts and people where the store knows them."""
    rows: Sequence[Data] = drift["drift"]
    with store.read() as c:
        names = account_names(c, store.workspace, (row["account_id"] for row in rows))
        named = [{**row, "account": names.get((row["connection"], row["record_id"]))} for row in rows]
        return {**drift, "drift": with_names(c, store.workspace, named)}


def show_drift(out: Console, page: Data) -> None:
    """Each value that differs below its record, then what was compared in numbers."""
    rows: Sequence[Data] = page["drift"]
    for (connection, record_id), values in groupby(rows[:SHOWN], key=lambda row: (row["connection"], row["record_id"])):
        for index, row in enumerate(values):
            if index == 0:
                out.print(Text(f"{connection} {inert(record_id)} {inert(row['account'], 40)}".rstrip(), style="bold"))
            _show_value(out, row)
    beyond = max(0, len(rows) - SHOWN) + page["hidden"]
    if beyond:
        out.print(f"… and {beyond} more; `--json` lists the first {len(rows)}.")
    for name, one in page["connections"].items():
        out.print(Text(f"{name}: {_numbers(one)}"))
    if page["found"]:
        out.print("The next `keepwell sync` decides about them: what a person set is held (`keepwell conflicts list`).")
    else:
        out.print("No drift: the CRMs show what Keepwell wrote.")


def _show_value(out: Console, row: Data) -> None:
    written = f"{shown_value(row['written'])} written {moment(row['written_at'])}"
    if row["state"] == "gone":
        out.print(Text(f"  {inert(row['property'])}: {written}, the record is not there any more"))
        return
    out.print(Text(f"  {inert(row['property'])}: {written}, now {shown_value(row['now'])}"))
    notes = [sentence(row), "accepted" if row["state"] == "accepted" else ""]
    if said := "; ".join(note for note in notes if note):
        out.print(Text(f"    {said}", style="dim"))


def _numbers(one: Data) -> str:
    parts = [
        f"{so_many(one['values'], 'value')} of {so_many(one['records'], 'record')} compared",
        f"{one['changed']} changed",
    ]
    named = {"accepted": "accepted", "gone": "of records that are gone", "under_way": "being written or in doubt"}
    parts += [f"{one[key]} {words}" for key, words in named.items() if one[key]]
    if one["no_property"]:
        parts.append(f"not compared, because the CRM lacks them: {', '.join(map(inert, one['no_property']))}")
    parts.append(f"{one['requests']} API calls")
    return ", ".join(parts) + "."
