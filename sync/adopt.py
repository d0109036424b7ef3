"""Taking a value into the ledger that is right already although we did not write it (a rebuilt store, a person's hand).

From then on it counts as ours: the next computed value may replace it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection

from mapping.records import Ref
from store import ledger
from store.intents import Intent
from sync.decide import Wanted

BECAUSE = "adopted: the CRM had the computed value already"


def adopt(c: Connection, ws: str, intents: Sequence[Intent], now: datetime) -> None:
    """Enter values that a guard read found in place; before and after are the same, so undoing changes nothing."""
    found = [replace(one, seen=one.want, because=BECAUSE) for one in intents]
    if found:
        ledger.record(c, ws, found, {one.id for one in found}, now)


def as_adopted(ref: Ref, wanted: Iterable[Wanted], *, run_id: str, model_version: str, number: int) -> list[Intent]:
    """Values of one record that a plan found in place; `number` keeps their ids apart from each other."""
    return [
        Intent(
            id=-(number + place),
            connection=ref.connection,
            object=ref.object,
            record_id=ref.id,
            field=one.field,
            property=one.property,
            base=one.value,
            want=one.value,
            because=BECAUSE,
            plan_id="",
            run_id=run_id,
            model_version=model_version,
            seq=0,
            state="unchanged",
            attempt=0,
            batch=None,
            token=None,
            seen=one.value,
            sent_at=None,
            deadline_at=None,
            reason="",
            code="",
        )
        for place, one in enumerate(wanted)
    ]
