"""What Salesforce's verdict on one row means for the change that was asked for."""

from __future__ import annotations

import re
from types import MappingProxyType

from connectors.base import Outcome, OutcomeKind
from connectors.salesforce.answers import VendorError
from mapping.records import Ref

# Everything that is not named here was refused for good, until a person changes the record, the rule or the rights.
_KINDS: MappingProxyType[str, OutcomeKind] = MappingProxyType(
    {
        "UNABLE_TO_LOCK_ROW": "pending",
        "REQUEST_LIMIT_EXCEEDED": "pending",
        "LIMIT_EXCEEDED": "pending",
        "EXCEEDEDQUOTA": "pending",
        "SERVER_UNAVAILABLE": "pending",
        "REQUEST_RUNNING_TOO_LONG": "pending",
        "QUERY_TIMEOUT": "pending",
        "ALL_OR_NONE_OPERATION_ROLLED_BACK": "pending",
        "ENTITY_IS_DELETED": "gone",
        "NOT_FOUND": "gone",
        "INVALID_CROSS_REFERENCE_KEY": "gone",
    }
)
_FIELD_IN_MESSAGE = re.compile(
    r"(?:No such column '|Field name not found : |Unable to create/update fields: )([A-Za-z]\w*)"
)


def property_at_fault(error: VendorError) -> str | None:
    """The field that an error is about, from its list of fields or from its text; None when it names none."""
    named = next((name for name in error.fields if name and name.casefold() != "id"), None)
    if named:
        return named
    found = _FIELD_IN_MESSAGE.search(error.message)
    return found[1] if found else None


def verdict(ref: Ref, error: VendorError) -> Outcome:
    """The outcome of a row that Salesforce answered with `error`: it was surely not written."""
    at_fault = property_at_fault(error)
    kind: OutcomeKind = _KINDS.get(error.code.upper(), "rejected")
    if kind == "gone" and at_fault is not None:
        kind = "rejected"  # a lookup field of the record points to nothing; the record itself is there
    return Outcome(ref, kind, reason=str(error), code=error.code, property=at_fault)
