"""GSIDs: 36 upper-case letters and digits, of which the first eighteen are the object's and the rest say nothing."""

from __future__ import annotations

import hashlib
import re
from functools import cache

PREFIXES = {
    "gsuser": "1P01",
    "company": "1P02",
    "relationship": "1P05",
    "person": "1C00",
    "company_person": "1C01",
    "call_to_action": "1S01",
    "cs_task": "1S02",
    "cta_group": "1S03",
    "activity_timeline": "1T01",
    "activity_attendee": "1T02",
    "scorecard_scheme": "1S0A",
    "da_picklist": "1I00",
}
_CUSTOM = "1Z02"
_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_GSID = re.compile(r"[0-9A-Z]{36}")
_OBJECT_DIGITS, _RECORD_DIGITS = 14, 18


def gsid(object_name: str, number: int | str) -> str:
    """Return the GSID of record `number` of an object; the order of GSIDs is not the order of creation."""
    return key_prefix(object_name) + _digits(f"{object_name}/{number}", _RECORD_DIGITS)


@cache
def key_prefix(object_name: str) -> str:
    """Return the eighteen characters with which every GSID of an object begins."""
    return PREFIXES.get(object_name, _CUSTOM) + _digits(object_name, _OBJECT_DIGITS)


def is_gsid(value: object) -> bool:
    """Whether a value has the form of a GSID."""
    return isinstance(value, str) and _GSID.fullmatch(value) is not None


def _digits(text: str, length: int) -> str:
    number, found = int.from_bytes(hashlib.sha256(text.encode()).digest(), "big"), ""
    while len(found) < length:
        number, rest = divmod(number, len(_ALPHABET))
        found += _ALPHABET[rest]
    return found
