"""The fault script: which request breaks, and how."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

STATUS_FAULTS = {
    "unauthorized": 401, "forbidden": 403, "uri_too_long": 414, "headers_too_large": 431,
    "locked": 423, "migrating": 477, "ten_secondly": 429,
    "secondly": 429, "daily": 429, "500": 500, "502": 502, "503": 503, "504": 504, "521": 521,
    "522": 522, "523": 523, "524": 524, "525": 525, "526": 526, "530": 530,
}  # fmt: skip
BODY_FAULTS = ("html_200", "truncated_json", "truncated_body", "foreign_link", "slow", "commit_then_drop", "drop",
               "churn")  # fmt: skip
KINDS = (*STATUS_FAULTS, *BODY_FAULTS)
_TYPES: dict[str, type | tuple[type, ...]] = {
    "kind": str,
    "method": str,
    "path": str,
    "nth": int,
    "times": int,
    "seconds": (int, float),
}


@dataclass(slots=True)
class Fault:
    """One entry: the `nth` request that matches method and path, and the `times` − 1 after it, get `kind`.

    `path` is a shell pattern over the canonical path (`/crm/v3/objects/companies*`); a `times` of 0 never ends.
    """

    kind: str
    method: str = "*"
    path: str = "*"
    nth: int = 1
    times: int = 1
    seconds: float = 1.0  # how slow, and the Retry-After of `migrating`
    seen: int = field(default=0)

    def strikes(self, method: str, path: str) -> bool:
        """Count a request and say whether it is hit."""
        if self.method not in ("*", method) or not fnmatchcase(path, self.path):
            return False
        self.seen += 1
        return self.seen >= self.nth and (not self.times or self.seen < self.nth + self.times)


def fault_from(item: Mapping[str, Any]) -> Fault:
    """Read one fault from JSON; raises ValueError that names the wrong key or kind."""
    if unknown := set(item) - set(_TYPES):
        raise ValueError(f"a fault has no key {', '.join(sorted(unknown))}; it has {', '.join(_TYPES)}")
    wrong = [name for name, value in item.items() if not isinstance(value, _TYPES[name]) or isinstance(value, bool)]
    if wrong or "kind" not in item:
        raise ValueError(f"a fault needs a kind, and the right type of value for {', '.join(wrong) or 'it'}")
    fault = Fault(**item)
    if fault.kind not in KINDS:
        raise ValueError(f"unknown fault kind {fault.kind!r}; use one of {', '.join(KINDS)}")
    return fault


class FaultScript:
    """All faults in force; the first one that strikes wins, the others still count the request."""

    def __init__(self, faults: tuple[Fault, ...] = ()) -> None:
        self.faults = list(faults)

    def strike(self, method: str, path: str) -> Fault | None:
        """Return the fault that hits this request."""
        hits = [fault for fault in self.faults if fault.strikes(method, path)]
        return hits[0] if hits else None
