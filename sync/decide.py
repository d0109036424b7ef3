"""The decision about one property of one record: computed value × value in the CRM × last written × policy.

Everything here is pure and works on canonical text (`mapping.canonical`): None means an empty property.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from mapping.records import STAMP_FIELD

HumanEdits = Literal["hold", "reclaim"]
HoldReason = Literal["human_edit", "not_ours", "in_doubt", "undone", "accepted", "refused"]
THEIRS: frozenset[str] = frozenset({"human_edit", "not_ours"})
"""Reasons that say somebody else set the value, as far as the store knows."""
OPEN_HOLDS: frozenset[str] = frozenset({"human_edit", "not_ours", "in_doubt", "undone"})
"""Reasons that wait for a decision: an accepted value has it, a refused one is counted with the failures."""
Action = Literal["nothing", "adopt", "write", "hold"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to do with one property; `reason` says why it is held."""

    action: Action
    reason: HoldReason | None = None


@dataclass(frozen=True, slots=True)
class Written:
    """What the ledger knows of one property: the value that Keepwell wrote last (None: it cleared it).

    `undone` is set where that write took back an earlier one, and says which value went.
    """

    value: str | None
    undone: Undone | None = None


@dataclass(frozen=True, slots=True)
class Undone:
    """The value that undoing a run removed: it is not written again because the same rules still compute it."""

    value: str | None


@dataclass(frozen=True, slots=True)
class Resolved:
    """What a person decided while the CRM showed `seen`: that value stands (accept), or ours replaces it (reclaim)."""

    verdict: Literal["accept", "reclaim"]
    seen: str | None


@dataclass(frozen=True, slots=True)
class Refusal:
    """A value that the CRM refused and that is not due for another attempt yet."""

    want: str | None


@dataclass(frozen=True, slots=True)
class Told:
    """What a CRM says of the last change of the value that it shows; `at` is an instant as text.

    Of a `record` it only names the last writer, who need not have touched this property. `kind` and `who` describe
    somebody else in the CRM's own terms.
    """

    by: Literal["ours", "somebody", "unknown"]
    of: Literal["property", "record"]
    kind: str = ""
    who: str = ""
    at: str | None = None

    @property
    def proves_ours(self) -> bool:
        """Whether this very value was written with our own credentials."""
        return self.by == "ours" and self.of == "property"


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of one property of one record beside what the CRM shows."""

    written: Written | None = None
    in_doubt: bool = False
    resolved: Resolved | None = None
    refusal: Refusal | None = None
    told: Told | None = None


NOTHING_KNOWN = Known()


@dataclass(frozen=True, slots=True)
class Wanted:
    """A computed value on its way to one property, and what the policy says where a person changed it."""

    field: str
    property: str
    value: str | None
    because: str = ""
    human_edits: HumanEdits = "hold"


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
    """One property that is not written, and why: a `HoldReason`, or what undoing a run found (`sync.undo.Skip`)."""

    field: str
    property: str
    seen: str | None
    last_written: str | None
    want: str | None
    reason: str
    told: Told | None = None


@dataclass(frozen=True, slots=True)
class RecordDecision:
    """Everything decided about one record; `adopted` are values that are right already but not in the ledger."""

    changes: tuple[PlannedChange, ...] = ()
    held: tuple[HeldValue, ...] = ()
    adopted: tuple[Wanted, ...] = ()


def decide(want: str | None, seen: str | None, known: Known, human_edits: HumanEdits) -> Verdict:
    """Decide about one property.

    The value in the CRM is ours when it is what we wrote last, or empty where we never wrote, or when the CRM itself
    says that we set it (a write that landed late, a store from a backup). Anything else was put there (or cleared) by
    somebody else and is theirs under `hold`, unless a person decided about this very value. A value that was accepted
    stays theirs even while it happens to be the computed one.
    """
    if known.in_doubt:
        return Verdict("hold", "in_doubt")  # nobody knows yet what the CRM will show
    written = known.written
    if want == seen:
        as_written = written is not None and written.value == want
        settled = as_written or (written is None and want is None) or _decided(known, seen) == "accept"
        return Verdict("nothing" if settled else "adopt")
    reason = _reason_to_hold(want, seen, known, human_edits)
    return Verdict("write") if reason is None else Verdict("hold", reason)


def _reason_to_hold(want: str | None, seen: str | None, known: Known, human_edits: HumanEdits) -> HoldReason | None:
    written = known.written
    decided = _decided(known, seen)
    ours = seen is None if written is None else seen == written.value
    ours = ours or (known.told is not None and known.told.proves_ours)
    if decided == "accept":
        return "accepted"
    if decided is None and not ours and human_edits == "hold":
        return "not_ours" if written is None else "human_edit"
    if decided is None and ours and written is not None and written.undone == Undone(want):
        return "undone"
    return "refused" if known.refusal == Refusal(want) else None


def _decided(known: Known, seen: str | None) -> Literal["accept", "reclaim"] | None:
    """What a person decided about the value that is there now."""
    return known.resolved.verdict if known.resolved is not None and known.resolved.seen == seen else None


def decide_record(
    wanted: Sequence[Wanted], seen: Mapping[str, str | None], known: Mapping[str, Known]
) -> RecordDecision:
    """Decide about every property of one record; `seen` and `known` are keyed by property name."""
    sheet = _Sheet(seen, known)
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
    known: Mapping[str, Known]
    changes: list[PlannedChange] = dataclasses.field(default_factory=list)
    held: list[HeldValue] = dataclasses.field(default_factory=list)
    adopted: list[Wanted] = dataclasses.field(default_factory=list)

    def file(self, item: Wanted) -> None:
        """Decide about one property and put it where it belongs."""
        name, seen = item.property, self.seen.get(item.property)
        known = self.known.get(name, NOTHING_KNOWN)
        verdict = decide(item.value, seen, known, item.human_edits)
        if verdict.action == "write":
            self.changes.append(PlannedChange(item.field, name, seen, item.value, item.because))
        elif verdict.action == "hold" and verdict.reason is not None:
            last = known.written.value if known.written is not None else None
            self.held.append(HeldValue(item.field, name, seen, last, item.value, verdict.reason, known.told))
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
