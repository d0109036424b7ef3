"""Which records are associated with which, and the type ids that each direction of a pair has."""

from __future__ import annotations

from bisect import bisect_left, insort
from dataclasses import dataclass, field

Pair = tuple[str, str]
End = tuple[str, int]  # object type, id

_FIRST_OWN_TYPE = 1_001

# Unlabelled and primary type id of each direction; a pair without a primary has None.
TYPE_IDS: dict[Pair, tuple[int, int | None]] = {
    ("deals", "companies"): (341, 5),
    ("companies", "deals"): (342, 6),
    ("tickets", "companies"): (339, 26),
    ("companies", "tickets"): (340, 25),
    ("contacts", "companies"): (279, 1),
    ("companies", "contacts"): (280, 2),
    ("tickets", "deals"): (28, None),
    ("deals", "tickets"): (27, None),
    ("deals", "contacts"): (3, None),
    ("contacts", "deals"): (4, None),
    ("meetings", "companies"): (188, None),
    ("companies", "meetings"): (187, None),
    ("meetings", "contacts"): (200, None),
    ("contacts", "meetings"): (199, None),
    ("meetings", "deals"): (212, None),
    ("deals", "meetings"): (211, None),
    ("meetings", "tickets"): (226, None),
    ("tickets", "meetings"): (225, None),
    ("feedback_submissions", "companies"): (928, None),
    ("companies", "feedback_submissions"): (929, None),
    ("feedback_submissions", "contacts"): (98, None),
    ("contacts", "feedback_submissions"): (97, None),
    ("calls", "companies"): (182, None),
    ("companies", "calls"): (181, None),
    ("emails", "companies"): (186, None),
    ("companies", "emails"): (185, None),
    ("notes", "companies"): (190, None),
    ("companies", "notes"): (189, None),
    ("tasks", "companies"): (192, None),
    ("companies", "tasks"): (191, None),
}
CHILD_TO_PARENT, PARENT_TO_CHILD = 14, 13


@dataclass(slots=True)
class Links:
    """Associations of the whole portal, both directions kept, ids sorted."""

    _to: dict[Pair, dict[int, list[int]]] = field(default_factory=dict)
    _primary: dict[Pair, dict[int, int]] = field(default_factory=dict)  # child direction only
    _parents: dict[int, int] = field(default_factory=dict)
    _own: dict[tuple[End, End], list[str]] = field(default_factory=dict)  # labels that users made, by sorted ends
    _own_ids: dict[str, int] = field(default_factory=dict)

    def join(self, from_type: str, from_id: int, to_type: str, to_id: int, *, primary: bool = False) -> None:
        """Associate two records; `primary` makes the company the main one of the child."""
        _put(self._to.setdefault((from_type, to_type), {}), from_id, to_id)
        _put(self._to.setdefault((to_type, from_type), {}), to_id, from_id)
        if primary:
            self._primary.setdefault((from_type, to_type), {})[from_id] = to_id

    def join_as(self, start: tuple[str, int], end: tuple[str, int], type_id: int) -> None:
        """Associate two (object type, id) with one of the type ids of their direction."""
        if type_id == PARENT_TO_CHILD:
            self.adopt(end[1], start[1])
        elif type_id == CHILD_TO_PARENT:
            self.adopt(start[1], end[1])
        else:
            primary = type_id == TYPE_IDS[(start[0], end[0])][1]
            if primary and end[0] != "companies":  # the label belongs to the child's side
                start, end = end, start
            self.join(*start, *end, primary=primary)

    def label(self, start: End, end: End, text: str) -> None:
        """Put a label that users made on an association."""
        self._own_ids.setdefault(text, _FIRST_OWN_TYPE + len(self._own_ids))
        labels = self._own.setdefault(_sorted_ends(start, end), [])
        if text not in labels:
            labels.append(text)

    def unlabel(self, start: End, end: End, text: str) -> None:
        """Take a label that users made off an association."""
        labels = self._own.get(_sorted_ends(start, end), [])
        if text in labels:
            labels.remove(text)

    def own(self, start: End, end: End) -> list[tuple[int, str]]:
        """Return (type id, label) of the labels that users made for an association."""
        return [(self._own_ids[text], text) for text in self._own.get(_sorted_ends(start, end), [])]

    def part(self, start: tuple[str, int], end: tuple[str, int]) -> None:
        """Remove every association of two (object type, id)."""
        self._own.pop(_sorted_ends(start, end), None)
        for (from_type, from_id), (to_type, to_id) in ((start, end), (end, start)):
            row = self._to.get((from_type, to_type), {}).get(from_id, [])
            if to_id in row:
                row.remove(to_id)
            mains = self._primary.get((from_type, to_type), {})
            if mains.get(from_id) == to_id:
                del mains[from_id]
            if from_type == to_type == "companies" and self._parents.get(from_id) == to_id:
                del self._parents[from_id]

    def adopt(self, child: int, parent: int) -> None:
        """Make one company the parent of another."""
        self.join("companies", child, "companies", parent)
        self._parents[child] = parent

    def of(self, from_type: str, from_id: int, to_type: str) -> list[int]:
        """Return the ids associated with a record, ascending."""
        return self._to.get((from_type, to_type), {}).get(from_id, [])

    def parent(self, company: int) -> int | None:
        """Return the parent company's id."""
        return self._parents.get(company)

    def types(self, from_type: str, from_id: int, to_type: str, to_id: int) -> list[tuple[int, str | None]]:
        """Return (type id, label) of one association, the primary one first."""
        if from_type == to_type == "companies":
            up = self._parents.get(from_id) == to_id
            return [(CHILD_TO_PARENT if up else PARENT_TO_CHILD, None)]
        plain, primary = TYPE_IDS[(from_type, to_type)]
        types: list[tuple[int, str | None]] = [(plain, None)]
        child, company = (from_id, to_id) if to_type == "companies" else (to_id, from_id)
        direction = (from_type, to_type) if to_type == "companies" else (to_type, from_type)
        if primary is not None and self._primary.get(direction, {}).get(child) == company:
            types.insert(0, (primary, "Primary"))
        return types

    def move(self, kind: str, old: int, new: int) -> None:
        """Give every association of `old` to `new`, as a merge does."""
        for (from_type, to_type), table in list(self._to.items()):
            if from_type != kind:
                continue
            for other in table.pop(old, []):
                back = self._to[(to_type, from_type)].get(other, [])
                back[:] = sorted((set(back) - {old}) | {new})
                _put(table, new, other)
                primary = self._primary.get((to_type, from_type), {})
                if primary.get(other) == old:
                    primary[other] = new
        self._move_own((kind, old), (kind, new))
        for mains in self._primary.values():
            if old in mains:
                mains[new] = mains.pop(old)
        if old in self._parents:
            self._parents[new] = self._parents.pop(old)
        for child, parent in self._parents.items():
            if parent == old:
                self._parents[child] = new

    def _move_own(self, old: End, new: End) -> None:
        for ends in [ends for ends in self._own if old in ends]:
            other = ends[1] if ends[0] == old else ends[0]
            self._own[_sorted_ends(new, other)] = self._own.pop(ends)


def _sorted_ends(start: End, end: End) -> tuple[End, End]:
    return (start, end) if start <= end else (end, start)


def type_ids(kind: str, other: str) -> dict[int, str | None]:
    """Return the type ids of a direction and their labels, empty when the pair knows no associations."""
    if kind == other == "companies":
        return {PARENT_TO_CHILD: None, CHILD_TO_PARENT: None}
    plain, primary = TYPE_IDS.get((kind, other), (None, None))
    known = {primary: "Primary", plain: None}
    return {number: label for number, label in known.items() if number is not None}


def _put(table: dict[int, list[int]], key: int, value: int) -> None:
    row = table.setdefault(key, [])
    place = bisect_left(row, value)
    if place == len(row) or row[place] != value:
        insort(row, value)
