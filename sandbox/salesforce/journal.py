"""The append-only record of every effect on the org, in the shape that the HubSpot server uses too."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from sandbox.salesforce.fields import Value


@dataclass(frozen=True, slots=True)
class Effect:
    """A change that is not yet final; `action` is create, set, archive, purge, restore or merge.

    Only `create` and `set` name a property; a merge carries the survivor's id as `new`.
    """

    time: str
    action: str
    object: str
    id: str
    property: str | None
    old: Value
    new: Value


@dataclass(frozen=True, slots=True)
class Entry(Effect):
    """A final change: its number, who made it (`api:<user id>` or `user`), and the request it came with."""

    seq: int
    actor: str
    request_id: str


class Journal:
    """All effects since the org was seeded, numbered from 1."""

    def __init__(self) -> None:
        self._entries: list[Entry] = []

    def append(self, effects: list[Effect], actor: str, request_id: str) -> None:
        """Record effects in order."""
        for effect in effects:
            seq = len(self._entries) + 1
            self._entries.append(Entry(**asdict(effect), seq=seq, actor=actor, request_id=request_id))

    def as_json(self, since: int = 0) -> list[dict[str, object]]:
        """Return the entries after number `since`, oldest first."""
        return [asdict(entry) for entry in self._entries[since:]]
