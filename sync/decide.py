"""The decision about one property of one record: computed value × value in the CRM × last written × policy.

Everything here is pure and works on canonical text (`mapping.canonical`): None means an empty property.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

HumanEdits = Literal["hold", "reclaim"]
HoldReason = Literal["human_edit", "not_ours", "in_doubt"]
Action = Literal["nothing", "adopt", "write", "hold"]

STAMP_FIELD = "scored_at"
"""Written only along with another change: by itself it would make every run write every record."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to do with one property; `reason` says why it is held."""

    action: Action
    reason: HoldReason | None = None


@dataclass(frozen=True, slots=True)
class Written:
    """What the ledger knows of one property: the value that Keepwell wrote last (None: it cleared it)."""

    value: str | None


@dataclass(frozen=True, slots=True)
class Wanted:
    """A computed value on its way to one property."""

    field: str
    property: str
    value: str | None
    because: str = ""


@dataclass(frozen=True, slots=True)
class PlannedChange:
    """One property to write: `before` is what the CRM shows now, `after` what it will show."""

    field: str
    property: str
    before: str | None
    after: str | None
    because: str = ""


@dataclass(frozen=True, slots=True)
class HeldValue:
    """One property that is not written because a value of somebody else is there."""

    field: str
    property: str
    seen: str | None
    last_written: str | None
    want: str | None
    reason: HoldReason


@dataclass(frozen=True, slots=True)
class RecordDecision:
    """Everything decided about one record; `adopted` are values that are right already but not in the ledger."""

    changes: tuple[PlannedChange, ...] = ()
    held: tuple[HeldValue, ...] = ()
    adopted: tuple[Wanted, ...] = ()


def decide(want: str | None, seen: str | None, written: Written | None, human_edits: HumanEdits) -> Verdict:
    """Decide about one property.

    The value in the CRM is ours when it is what we wrote last, or empty where we never wrote. Anything else was
    put there (or cleared) by somebody else and is theirs under `hold`.
    """
    if want == seen:
        known = written is not None and written.value == want
        return Verdict("nothing" if known or (written is None and want is None) else "adopt")
    if written is None:
        ours, reason = seen is None, "not_ours"
    else:
        ours, reason = seen == written.value, "human_edit"
    if ours or human_edits == "reclaim":
        return Verdict("write")
    return Verdict("hold", "not_ours" if reason == "not_ours" else "human_edit")


def decide_record(
    wanted: Sequence[Wanted],
    seen: Mapping[str, str | None],
    written: Mapping[str, Written],
    human_edits: HumanEdits,
    in_doubt: frozenset[str] = frozenset(),
) -> RecordDecision:
    """Decide about every property of one record; `seen`, `written` and `in_doubt` are keyed by property name.

    A property whose last write is still in doubt is held: nobody knows yet what the CRM will show.
    """
    sheet = _Sheet(seen, written, human_edits, in_doubt)
    stamps = [item for item in wanted if item.field == STAMP_FIELD]
    for item in wanted:
        if item.field != STAMP_FIELD:
            sheet.file(item)
    if sheet.changes:
        for item in stamps:
            sheet.file(item)
    return RecordDecision(tuple(sheet.changes), tuple(sheet.held), tuple(sheet.adopted))


@dataclass(slots=True)
class _Sheet:
    """One record while it is decided about."""

    seen: Mapping[str, str | None]
    written: Mapping[str, Written]
    human_edits: HumanEdits
    in_doubt: frozenset[str]
    changes: list[PlannedChange] = dataclasses.field(default_factory=list)
    held: list[HeldValue] = dataclasses.field(default_factory=list)
    adopted: list[Wanted] = dataclasses.field(default_factory=list)

    def file(self, item: Wanted) -> None:
        """Decide about one property and put it where it belongs."""
        name, seen, written = item.property, self.seen.get(item.property), self.written.get(item.property)
        last = written.value if written is not None else None
        if name in self.in_doubt:
            self.held.append(HeldValue(item.field, name, seen, last, item.value, "in_doubt"))
            return
        verdict = decide(item.value, seen, written, self.human_edits)
        if verdict.action == "write":
            self.changes.append(PlannedChange(item.field, name, seen, item.value, item.because))
        elif verdict.action == "hold" and verdict.reason is not None:
            self.held.append(HeldValue(item.field, name, seen, last, item.value, verdict.reason))
        elif verdict.action == "adopt":
            self.adopted.append(item)


Reading = Literal["unchanged", "send", "conflict"]


def compare_before_write(
    current: str | None, before: str | None, after: str | None, written: Written | None
) -> Reading:
    """Judge the guard read of one property: is the value still the one that the plan showed (or our own)?"""
    if current == after:
        return "unchanged"
    if current == before or (written is not None and current == written.value):
        return "send"
    return "conflict"


def compare_after_loss(
    current: str | None, before: str | None, after: str | None
) -> Literal["confirmed", "pending", "conflict"]:
    """Judge the read-back of one property whose answer was lost: did the write happen?"""
    if current == after:
        return "confirmed"
    return "pending" if current == before else "conflict"
