"""Text for a terminal: what a CRM says may show anything, but not move the cursor or turn lines around; numbers."""

from __future__ import annotations

import unicodedata

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
# Cc: escape sequences, line breaks, bells; Cf: bidirectional marks, zero-width and tag characters; Cs: half characters
# that no terminal can encode; Zl and Zp: line breaks in disguise.
_ACTIVE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_JOINERS = frozenset("\u200c\u200d")  # needed by Persian, Indic scripts and emoji; they draw nothing by themselves


def inert(value: object, limit: int | None = None) -> str:
    """`value` as text on one line, every character that acts on a terminal replaced; cut to `limit` characters."""
    text = "" if value is None else str(value)
    if not text.isascii() or not text.isprintable():
        text = "".join(_shown(character) for character in text)
    if limit is not None and len(text) > limit:
        text = text[: limit - 1].rstrip() + "…"
    return text


def shown_value(value: object) -> str:
    """A property's value as `inert` text; a dash stands for an empty one."""
    return "–" if value is None or value == "" else inert(value)


def so_many(number: int, what: str) -> str:
    """A number and what is counted: "1 value", "3 values"."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def _shown(character: str) -> str:
    if character in "\t\n\r":
        return " "
    if unicodedata.category(character) in _ACTIVE and character not in _JOINERS:
        return REPLACEMENT
    return character
