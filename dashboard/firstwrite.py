"""Asks a person at a terminal before the first values get to a CRM: how many, which, a sample, and what it costs."""

from __future__ import annotations

import select
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol, TextIO

from rich.console import Console
from rich.text import Text

from dashboard.pages import plan_page
from dashboard.terminal import show_changes, table
from dashboard.text import inert, so_many
from store import Store
from store.plans import PlanRecord

SAMPLE = 3
"""So many records are shown with their values."""
PATIENCE = 15 * 60.0
"""Seconds after which no answer is a no: the run holds its leases, and a terminal need not have anybody before it."""
_LOOK_SECONDS = 0.2


class Stopped(Protocol):
    """Whether somebody asked the run to stop."""

    @property
    def asked(self) -> bool: ...


def show_first(
    out: Console, store: Store, records: Iterable[PlanRecord], new: Mapping[str, str], cost: Mapping[str, int]
) -> None:
    """What a plan writes to the connections of `new` (name → account): values by property, a sample, API calls."""
    counts: Counter[tuple[str, str]] = Counter()
    changed: Counter[str] = Counter()
    made: Counter[str] = Counter()
    sample: dict[str, list[PlanRecord]] = {name: [] for name in new}
    for record in records:
        if record.connection not in new or not record.changes:
            continue
        changed[record.connection] += 1
        made[record.connection] += record.kind == "create"
        counts.update((record.connection, str(one["property"])) for one in record.changes)
        if len(sample[record.connection]) < SAMPLE:
            sample[record.connection].append(record)
    for name, account in new.items():
        place = f"{name} (account {inert(account, 60)})" if account else name
        out.print(Text(f"This is the first time that Keepwell writes to {place}.", style="bold"))
        values = sum(number for (where, _), number in counts.items() if where == name)
        new_ones = f", {made[name]} of them new" if made[name] else ""
        calls = so_many(cost.get(name, 0), "API call")
        out.print(f"{so_many(values, 'value')} on {so_many(changed[name], 'record')}{new_ones}; {calls}.")
        rows = [(prop, number) for (where, prop), number in sorted(counts.items()) if where == name]
        out.print(table("", ("property", "values"), rows, right=("values",)))
        shown = plan_page(store, sample[name], None)["shown"]
        if changed[name] > len(sample[name]):
            out.print(f"The first {len(sample[name])} of these records:")
        show_changes(out, shown)
    out.print("`keepwell plan --out FILE` saves all of it, with the reasons.", style="dim")


def agreed(
    out: Console, given: TextIO, stop: Stopped, question: str, clock: Callable[[], float] = time.monotonic
) -> bool:
    """Whether somebody answers yes; anything else, the end of the input, no answer, and a wish to stop are a no.

    Waits for a line without being stuck in it: while a run is under way Ctrl-C only asks to stop. `clock` tells
    seconds.
    """
    out.print(Text(f"{question} [y/N] ", style="bold"), end="")
    out.file.flush()
    until = clock() + PATIENCE
    while not stop.asked and clock() < until:
        if select.select([given], [], [], _LOOK_SECONDS)[0]:
            return given.readline().strip().casefold() in ("y", "yes")
    out.print("" if stop.asked else f"no answer for {PATIENCE / 60:.0f} minutes")
    return False
