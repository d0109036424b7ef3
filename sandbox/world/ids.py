"""Which id an account of the portfolio has in each CRM, so that both servers can seed cross links without talking.

The formulas are fixed: account *key* of the world is HubSpot company `10_000_000_000 + 7 * key` and the Salesforce
Account whose record number is *key*. A record created later by a client gets a number above every seeded one.
"""

from __future__ import annotations

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
ACCOUNT_PREFIX = "001"
INSTANCE = "kW0"

_HUBSPOT_BASE = 10_000_000_000
_HUBSPOT_STEP = 7
_CHECK = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
_NUMBER_DIGITS = 9


def base62(number: int) -> str:
    """Write a non-negative number in the 62 digits that Salesforce record numbers use."""
    digits = ""
    while number or not digits:
        number, rest = divmod(number, 62)
        digits = ALPHABET[rest] + digits
    return digits


def to18(id15: str) -> str:
    """Extend a 15-character Salesforce id with the three characters that encode its letter case."""
    head = id15[:15]
    chunks = (head[start : start + 5] for start in (0, 5, 10))
    return head + "".join(_CHECK[sum(1 << bit for bit, c in enumerate(chunk) if "A" <= c <= "Z")] for chunk in chunks)


def salesforce_id(prefix: str, number: int) -> str:
    """Make the 18-character id of record *number* of the object whose three-character key prefix is given."""
    return to18(prefix + INSTANCE + base62(number).rjust(_NUMBER_DIGITS, "0"))


def salesforce_account_id(key: int) -> str:
    """Return the 18-character Salesforce Account id of the world account *key*."""
    return salesforce_id(ACCOUNT_PREFIX, key)


def hubspot_company_id(key: int) -> str:
    """Return the HubSpot company id, as the decimal text HubSpot uses, of the world account *key*."""
    return str(_HUBSPOT_BASE + key * _HUBSPOT_STEP)


def hubspot_company_key(identity: int) -> int | None:
    """Return the world account behind a HubSpot company id, None for a company that was not seeded."""
    key, rest = divmod(identity - _HUBSPOT_BASE, _HUBSPOT_STEP)
    return key if rest == 0 and 0 < key < _HUBSPOT_BASE // _HUBSPOT_STEP // 2 else None


def salesforce_number(record_id: str) -> int:
    """Return the record number of a Salesforce id; an account's number is its key."""
    number = 0
    for digit in record_id[6:15]:
        number = number * 62 + ALPHABET.index(digit)
    return number
