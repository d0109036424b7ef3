"""Everything that a checker is shown, and how a finding reads."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property

from mapping.canonical import canonical
from store.sweep import FORGOTTEN
from tests.rig.books import Books, Row
from tests.rig.truth import Effect, Truth

MAY_HAVE_HAPPENED = frozenset({"sent", "in_doubt", "confirmed", "conflict", "gone"})
"""States of an intent that went out and whose request may have had its effect; of the others it surely had none."""
Place = tuple[str, str]
"""(record id, property)"""


@dataclass(frozen=True, slots=True)
class Idle:
    """What a run did that had nothing to do: effects in a CRM, requests that write, changes planned."""

    effects: int
    writes: int
    planned: int


@dataclass(frozen=True)
class Evidence:
    """A workspace and its CRMs at one moment.

    `quiet`: the last run came to its end, so nothing may be left open. `strict`: nobody ever agreed that his value may
    be replaced. `one_clock`: the CRMs' instants can be compared with the store's. `throttled`: refusals by a quota
    were part of the play. `residual` is how long before a request arrived a person may have changed what it replaces.
    `foreign` is what other workspaces had before, `secrets` must be in none of `writings`.
    """

    truths: Sequence[Truth]
    books: Books
    quiet: bool = True
    strict: bool = False
    one_clock: bool = False
    throttled: bool = False
    residual: timedelta = timedelta(seconds=12)
    foreign: Mapping[str, str] | None = None
    secrets: Sequence[bytes] = ()
    writings: Mapping[str, bytes] = field(default_factory=dict)
    idle: Idle | None = None

    @cached_property
    def explained(self) -> list[Explained]:
        """Every effect that we had, with the intent behind it."""
        return [
            one for truth in self.truths for one in _explained(truth, self.books.of(truth.connection, truth.object))
        ]


@dataclass(frozen=True, slots=True)
class Explained:
    """One of our effects, and the intent that can have caused it and no other effect; None is a finding."""

    truth: Truth
    effect: Effect
    value: str | None
    intent: Row | None

    @property
    def place(self) -> Place:
        return self.effect.id, str(self.effect.property)

    def __str__(self) -> str:
        one = self.effect
        return f"{self.truth.connection} {one.id} {one.property}: {one.old!r} → {one.new!r} (entry {one.seq})"


def value_of(truth: Truth, effect: Effect, raw: object) -> str | None:
    """Canonical text of a value in a journal."""
    return canonical(truth.specs[str(effect.property)], raw)


def _explained(truth: Truth, intents: Sequence[Row]) -> Iterator[Explained]:
    causes: defaultdict[tuple[str, str, str | None], list[Row]] = defaultdict(list)
    blanked: defaultdict[Place, list[Row]] = defaultdict(list)
    for row in intents:
        if row["sent_at"] is not None and row["state"] in MAY_HAVE_HAPPENED:
            if row["code"] == FORGOTTEN:
                blanked[row["record_id"], row["property"]].append(row)
            else:
                causes[row["record_id"], row["property"], row["want"]].append(row)
    for effect in truth.sets():
        if effect.ours:
            value = value_of(truth, effect, effect.new)
            place = (effect.id, str(effect.property))
            waiting = causes[(*place, value)] or blanked[place]
            yield Explained(truth, effect, value, waiting.pop(0) if waiting else None)
