"""What an entry on a customer's timeline says when its health fell: its fields, and their values from what is known."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

from mapping.records import FieldSpec, ValueType

ENTRY_KEY = FieldSpec(
    "entry_key",
    ValueType.TEXT,
    "Key",
    "The fall that this entry is about; it is used once and never again.",
    length=64,
    unique=True,
)
ACCOUNT, SUBJECT, NOTES, AT, AUTHOR, KIND = (
    "entry_account", "entry_subject", "entry_notes", "entry_at", "entry_author", "entry_type",
)  # fmt: skip
FIELDS = (
    FieldSpec(SUBJECT, ValueType.TEXT, "Subject", "From which band to which.", length=250),
    FieldSpec(NOTES, ValueType.TEXT, "Notes", "The scores and the main reasons.", length=1_000),
    FieldSpec(ACCOUNT, ValueType.TEXT, "Account", "The account's record."),
    FieldSpec(AT, ValueType.DATETIME, "Time", "When the fall was seen."),
    FieldSpec(AUTHOR, ValueType.TEXT, "Author", "Who is named as its author."),
    FieldSpec(KIND, ValueType.TEXT, "Type", "The type of the entry."),
    ENTRY_KEY,
)
"""The fields of an entry in the order in which they are shown; all are set when it is made, and none is changed."""


@dataclass(frozen=True, slots=True)
class Seen:
    """The health of an account as one evaluation has it."""

    at: datetime
    score: float | None
    band: str


@dataclass(frozen=True, slots=True)
class Fall:
    """A fall from one band to a worse one, by the evaluations before it and after it."""

    before: Seen
    after: Seen


def last_fall(history: Sequence[Seen], bands: Sequence[str], since: datetime) -> Fall | None:
    """The latest fall of `history` (oldest first) that came at `since` or later and still stands.

    `bands` are ordered from the best to the worst. What an unknown band turns into is no fall; a fall is over once the
    band gets better or is not known any more.
    """
    rank = {band: place for place, band in enumerate(bands)}
    found: Fall | None = None
    for before, after in pairwise(history):
        was, now = rank.get(before.band), rank.get(after.band)
        if now is None or (was is not None and now < was):
            found = None
        elif was is not None and now > was:
            found = Fall(before, after)
    return found if found is not None and found.after.at >= since else None


def entry_key(workspace: str, account_id: str, as_of: datetime) -> str:
    """The key of the entry about a fall that the evaluation of `as_of` saw: the same however often it is asked for."""
    text = "\0".join(("timeline", workspace, account_id, as_of.astimezone(UTC).isoformat()))
    return f"kw-{hashlib.blake2b(text.encode(), digest_size=12).hexdigest()}"


def entry_because(fall: Fall) -> str:
    """Why there is an entry: the fall in words."""
    return f"Health fell from {fall.before.band} to {fall.after.band}"


def entry_values(fall: Fall, *, reasons: str | None, zone: str) -> Mapping[str, str]:
    """Canonical values of a new entry, without its key, account, author and type; `reasons` as on the account."""
    seen = fall.after.at.astimezone(ZoneInfo(zone))
    text = f"{entry_because(fall)} on {seen:%Y-%m-%d}"
    if fall.before.score is not None and fall.after.score is not None:
        text += f": the score went from {fall.before.score:g} to {fall.after.score:g}"
    text += "."
    if reasons:
        text += f" Main reasons: {reasons.rstrip('. ')}."
    return {
        SUBJECT: entry_because(fall)[:250],
        NOTES: " ".join(f"{text} Written by Keepwell.".split())[:1_000].strip(),
        AT: fall.after.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
