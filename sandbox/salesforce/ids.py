"""Record ids: 15 characters in which case matters, or 18 that carry the case in a suffix."""

from __future__ import annotations

from sandbox.world.ids import ALPHABET, salesforce_id, to18

KEY_PREFIXES = {
    "Account": "001",
    "Contact": "003",
    "User": "005",
    "Opportunity": "006",
    "OpportunityHistory": "008",
    "OpportunityFieldHistory": "017",
    "Case": "500",
    "Contract": "800",
    "Task": "00T",
    "Event": "00U",
    "EventRelation": "0RE",
    "OpportunityStage": "01J",
    "Organization": "00D",
    "CurrencyType": "01L",
    "Group": "00G",
    "Profile": "00e",
    "PermissionSet": "0PS",
    "FieldPermissions": "01k",
    "PermissionSetAssignment": "0Pa",
    "CustomField": "00N",
    "Job": "750",
    "QueryLocator": "0r8",
}

_CHARACTERS = frozenset(ALPHABET)


def make_id(object_name: str, number: int) -> str:
    """Return the 18-character id of record *number* of an object."""
    return salesforce_id(KEY_PREFIXES[object_name], number)


def canonical_id(text: object) -> str | None:
    """Return the 18-character form of a 15- or 18-character id, or None if it is not one.

    An 18-character id whose suffix contradicts its letter case is refused: somebody changed the case.
    """
    if not isinstance(text, str) or len(text) not in (15, 18) or not _CHARACTERS.issuperset(text):
        return None
    full = to18(text)
    return full if len(text) == 15 or full == text else None
