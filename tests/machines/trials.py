"""What may happen around a run that writes: drawn by Hypothesis, carried out by the machine of the write path."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, get_args

from hypothesis import strategies as st

from store.resolutions import Verdict
from tests.machines.writer import FATES, SCORE, SEGMENT, TOO_LATE, Fate

Key = tuple[str, str]
RECORDS = ("c1001", "c1002", "c1003")
KEYS: tuple[Key, ...] = tuple((record, name) for record in RECORDS for name in (SCORE, SEGMENT))
VALUES = ("1", "2", "3", "4", "5", "6", None)
POINTS = (
    "plan.finished", "crm.read", "apply.begun", "apply.guard_read", "apply.claimed", "crm.write", "crm.written",
    "apply.sent", "apply.settled", "apply.forgotten", "settle.recovered", "settle.waited", "settle.read_back",
    "settle.decided",
)  # fmt: skip
"""Between two of these no other process can see what a run does; those of `crm` are the CRM's own."""
ALWAYS = 6
"""So many of them come in every run that writes, up to its first request."""
WAITS = (200.0, 600.0, 70.0, 130.0, 90_000.0, 0.0)
Event = tuple[str, float, Key, str | None]
Script = Sequence[tuple[str, int, Event]]


@dataclass(frozen=True, slots=True)
class Trial:
    """What comes before a run (time, edits, decisions, other computed values) and what happens while it is under way.

    `amends` is whether people give away before it what is held for them, and have refused values tried again; without
    that little would be written soon.
    """

    wait: float
    edits: dict[Key, str | None]
    verdicts: dict[Key, Verdict]
    amends: bool
    news: dict[Key, str | None]
    script: Script
    fates: list[Fate]


PICKS = st.tuples(st.booleans(), st.integers(0, len(KEYS) - 1))
"""A property: whether it is one of those with news, and which."""
Pick = tuple[bool, int]
# Strategies are made once: Hypothesis takes longer to look through a new one than to draw from it.
NEWS = st.dictionaries(st.sampled_from(KEYS), st.sampled_from(VALUES), max_size=4)
EDIT = st.tuples(st.just("edit"), st.just(0.0), PICKS, st.sampled_from(VALUES))
PAUSE = st.tuples(st.just("pause"), st.sampled_from([1.0, 5.0, 15.0, 100.0, 300.0]), st.just((False, 0)), st.none())
DIE = st.just(("die", 0.0, (False, 0), None))
OTHER = st.just(("other run", 0.0, (False, 0), None))
DELETE = st.just(("delete", 0.0, (False, len(KEYS) - 1), None))
EVENTS = st.one_of(EDIT, EDIT, EDIT, EDIT, PAUSE, PAUSE, DIE, OTHER, DELETE)
WHERE = st.sampled_from(POINTS[:ALWAYS]) | st.sampled_from(POINTS)
SCRIPTS = st.lists(st.tuples(WHERE, st.sampled_from([1, 1, 1, 2]), EVENTS), min_size=1, max_size=4)


def trial(
    news: dict[Key, str | None],
    script: list[tuple[str, int, tuple[str, float, Pick, str | None]]],
    edits: dict[Pick, str | None],
    verdicts: dict[Pick, Verdict],
    **others: Any,
) -> Trial:
    """A trial in which properties are picked among those that have news."""
    candidates = sorted(news) or KEYS

    def picked(pick: Pick) -> Key:
        of_news, place = pick
        return candidates[place % len(candidates)] if of_news else KEYS[place]

    return Trial(
        news=news,
        script=[
            (where, nth, (what, seconds, picked(pick), value)) for where, nth, (what, seconds, pick, value) in script
        ],
        edits={picked(pick): value for pick, value in edits.items()},
        verdicts={picked(pick): verdict for pick, verdict in verdicts.items()},
        **others,
    )


TRIALS = st.builds(
    trial,
    news=NEWS,
    script=SCRIPTS,
    edits=st.dictionaries(PICKS, st.sampled_from(VALUES), max_size=2),
    fates=st.lists(st.sampled_from((*FATES, TOO_LATE)), min_size=1, max_size=4),
    verdicts=st.dictionaries(PICKS, st.sampled_from(get_args(Verdict)), max_size=1),
    wait=st.sampled_from(WAITS),
    amends=st.booleans(),
)
"""Mostly people edit what is about to be written, and things happen where every run comes to."""
