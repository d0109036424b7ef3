"""Record ids: 15 characters with case, or the same with three more that survive case folding."""

from __future__ import annotations

import re

_SHAPE = re.compile(r"[A-Za-z0-9]{15}(?:[A-Z0-5]{3})?")
_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"


def is_id(text: str) -> bool:
    """Whether `text` has the shape of a record id and so may stand in a query."""
    return _SHAPE.fullmatch(text) is not None


def to18(record_id: str) -> str:
    """The 18-character form of a 15- or 18-character id; raises `ValueError` for anything else.

    An id that has 18 characters is the server's own and is kept, whatever its last three are.
    """
    if not is_id(record_id):
        raise ValueError(f"{record_id!r} is not a Salesforce id")
    if len(record_id) == 18:
        return record_id
    base = record_id[:15]
    suffix = (
        sum(1 << bit for bit, char in enumerate(base[start : start + 5]) if "A" <= char <= "Z") for start in (0, 5, 10)
    )
    return base + "".join(_ALPHABET[index] for index in suffix)
