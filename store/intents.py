"""The values of the outbox: what shall be written, how far it is, what became of it."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime
from typing import Literal

IntentState = Literal[
    "pending",
    "sent",
    "in_doubt",
    "confirmed",
    "unchanged",
    "rejected",
    "gone",
    "conflict",
    "held",
    "stuck",
    "superseded",
]

OPEN: tuple[IntentState, ...] = ("pending", "sent", "in_doubt")
FINAL: frozenset[IntentState] = frozenset(
    {"confirmed", "unchanged", "rejected", "gone", "conflict", "held", "stuck", "superseded"}
)
REFUSED: frozenset[IntentState] = frozenset({"rejected", "stuck"})


@dataclass(frozen=True, slots=True)
class NewIntent:
    """A value to write: `base` is what the plan saw there, `want` what it shall be (both canonical, None = empty).

    `undoes` is the run whose value it takes back, None where it is a computed one.
    """

    connection: str
    object: str
    record_id: str
    field: str
    property: str
    base: str | None
    want: str | None
    because: str
    undoes: str | None = None

    def key(self) -> tuple[str, str, str, str]:
        """The (record, property) that it is about."""
        return (self.connection, self.object, self.record_id, self.property)

    def columns(self) -> dict[str, str | None]:
        """Return its columns in the outbox."""
        return {item.name: getattr(self, item.name) for item in fields(self)}


@dataclass(frozen=True, slots=True)
class Intent:
    """An intent in the outbox; `seen` is what the guard read saw, `attempt` counts requests found not carried out."""

    id: int
    connection: str
    object: str
    record_id: str
    field: str
    property: str
    base: str | None
    want: str | None
    because: str
    plan_id: str
    run_id: str
    model_version: str
    seq: int
    state: IntentState
    attempt: int
    batch: str | None
    token: int | None
    seen: str | None
    sent_at: datetime | None
    deadline_at: datetime | None
    reason: str
    code: str
    undoes: str | None = None

    def key(self) -> tuple[str, str, str, str]:
        """The (record, property) that it is about."""
        return (self.connection, self.object, self.record_id, self.property)


COLUMNS: tuple[str, ...] = tuple(item.name for item in fields(Intent))


@dataclass(frozen=True, slots=True)
class Settlement:
    """What became of an intent; `verified` when its value was read back.

    `along` when it only went along with another value of its record, so that a refusal is that one's failure.
    """

    intent_id: int
    state: IntentState
    reason: str = ""
    code: str = ""
    verified: bool = False
    along: bool = False
