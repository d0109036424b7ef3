"""Every effect the portal ever had on a record, in order, for checkers of lost, doubled and overwritten values."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

Change = tuple[str, str | None, str | None]  # property, old value, new value
USER = "userId:"
"""What history puts before the id of a person; an app is only its number."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: `api:<token name>` or `user`, the request it came with, and what property history calls it."""

    name: str
    request_id: str = ""
    source_id: str | None = None

    @property
    def source_type(self) -> str:
        """Return how property history names this actor."""
        return "CRM_UI" if self.name == "user" else "INTEGRATION"


@dataclass(frozen=True, slots=True)
class Effect:
    """One change: `action` is set, create, archive, restore, purge or merge; only `set` has a property and values."""

    seq: int
    time: str
    action: str
    object: str
    id: str
    property: str | None
    old: str | None
    new: str | None
    actor: str
    request_id: str


@dataclass(slots=True)
class Journal:
    """The append-only list of effects."""

    effects: list[Effect] = field(default_factory=list)

    def note(
        self, time: str, action: str, kind: str, record_id: int, actor: Actor, *, change: Change = ("", None, None)
    ) -> None:
        """Append one effect."""
        name, old, new = (text or None for text in change)
        number = len(self.effects) + 1
        self.effects.append(
            Effect(number, time, action, kind, str(record_id), name, old, new, actor.name, actor.request_id)
        )

    def as_json(self, since: int = 0) -> list[dict[str, Any]]:
        """Return the effects after number `since`."""
        return [asdict(effect) for effect in self.effects[since:]]
