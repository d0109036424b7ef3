"""The kinds of faults that a portal knows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sandbox.faults import Fault, read_fault

STATUS_FAULTS = {
    "unauthorized": 401, "forbidden": 403, "uri_too_long": 414, "headers_too_large": 431,
    "locked": 423, "migrating": 477, "ten_secondly": 429,
    "secondly": 429, "daily": 429, "500": 500, "502": 502, "503": 503, "504": 504, "521": 521,
    "522": 522, "523": 523, "524": 524, "525": 525, "526": 526, "530": 530,
}  # fmt: skip
BODY_FAULTS = ("html_200", "truncated_json", "truncated_body", "foreign_link", "slow", "commit_then_drop", "drop",
               "churn")  # fmt: skip
KINDS = (*STATUS_FAULTS, *BODY_FAULTS)


def fault_from(item: Mapping[str, Any]) -> Fault:
    """Read one fault from JSON; raises ValueError that names the wrong key or kind."""
    return read_fault(item, KINDS)
