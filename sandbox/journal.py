"""Every effect that a server had on its records, in order, for checkers of lost, doubled and overwritten values."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

Value = str | int | float | bool | None
Change = tuple[str, Value, Value]  # property, old value, new value


class Named(Protocol):
    """Who acts: `api:<name of the access>` or `user`, and the request it came with."""

    @property
    def name(self) -> str:
        """The name."""
        ...

    @property
    def request_id(self) -> str:
        """The request."""
        ...


@dataclass(frozen=True, slots=True)
class Effect:
    """One change: `action` is set, create, archive, restore, purge or merge; only `set` has a property and values."""

    seq: int
    time: str
    action: str
    object: str
    id: str
    property: str | None
    old: Value
    new: Value
    actor: str
    request_id: str


@dataclass(slots=True)
class Journal:
    """The append-only list of effects; an empty text counts as no value."""

    effects: list[Effect] = field(default_factory=list)

    def note(
        self, time: str, action: str, kind: str, record_id: int | str, actor: Named, *,
        change: Change = ("", None, None),
    ) -> None:  # fmt: skip
        """Append one effect."""
        name, old, new = change
        number = len(self.effects) + 1
        self.effects.append(
            Effect(
                number, time, action, kind, str(record_id), name or None, None if old == "" else old,
                None if new == "" else new, actor.name, actor.request_id,
            )
        )  # fmt: skip

    def as_json(self, since: int = 0) -> list[dict[str, Any]]:
        """Return the effects after number `since`."""
        return [asdict(effect) for effect in self.effects[since:]]
