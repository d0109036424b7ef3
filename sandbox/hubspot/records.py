"""Records of one object type: live ones, the recycle bin, and the ids that merges retired."""

from __future__ import annotations

from bisect import bisect_left, insort
from dataclasses import dataclass, field

Version = tuple[int, str, str, str | None]  # milliseconds, value, source type, source id


@dataclass(slots=True)
class Record:
    """One record; `values` holds only non-empty properties and is replaced, never changed, by a write.

    The search index keeps a reference to the dictionary it last saw, which is how it can lag behind.
    """

    id: int
    values: dict[str, str]
    created_ms: int
    updated_ms: int
    archived_ms: int | None = None
    history: dict[str, list[Version]] = field(default_factory=dict)


class Store:
    """The records of one type; ids only grow, so listing by id is a stable order."""

    def __init__(self, first_new_id: int) -> None:
        self.live: dict[int, Record] = {}
        self.archived: dict[int, Record] = {}
        self.retired: dict[int, int] = {}  # id merged away -> id of the record that holds its data now
        self._orders: dict[bool, list[int]] = {False: [], True: []}
        self._new_id = first_new_id

    def new_id(self) -> int:
        """Return an id that no record has had."""
        self._new_id += 1
        return self._new_id - 1

    def add(self, record: Record) -> None:
        """Put a record where its state says: live or in the recycle bin."""
        binned = record.archived_ms is not None
        (self.archived if binned else self.live)[record.id] = record
        order = self._orders[binned]
        if not order or order[-1] < record.id:
            order.append(record.id)
        else:
            insort(order, record.id)

    def archive(self, record: Record, now: int) -> None:
        """Move a live record into the recycle bin."""
        self._take(record.id)
        record.archived_ms = now
        self.add(record)

    def restore(self, record: Record) -> None:
        """Move a record out of the recycle bin."""
        self.forget(record)
        record.archived_ms = None
        self.add(record)

    def retire(self, record: Record, survivor: int) -> None:
        """Remove a record that was merged into `survivor`; ids that led to it lead there too."""
        self._take(record.id)
        for old, target in self.retired.items():
            if target == record.id:
                self.retired[old] = survivor
        self.retired[record.id] = survivor

    def forget(self, record: Record) -> None:
        """Remove a record for good, wherever it is."""
        binned = record.archived_ms is not None
        (self.archived if binned else self.live).pop(record.id)
        order = self._orders[binned]
        del order[bisect_left(order, record.id)]

    def find(self, identity: int, *, archived: bool = False) -> Record | None:
        """Return the record of an id, following merges."""
        pool = self.archived if archived else self.live
        return pool.get(identity) or pool.get(self.retired.get(identity, -1))

    def page(self, after: int, limit: int, *, archived: bool) -> tuple[list[Record], int | None]:
        """Return up to `limit` records from id `after` on, and the id at which the next page starts."""
        order = self._orders[archived]
        pool = self.archived if archived else self.live
        start = bisect_left(order, after)
        following = order[start + limit] if start + limit < len(order) else None
        return [pool[identity] for identity in order[start : start + limit]], following

    def _take(self, identity: int) -> None:
        del self.live[identity]
        order = self._orders[False]
        del order[bisect_left(order, identity)]
