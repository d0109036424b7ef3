"""The fault script of a server: which request breaks, and how; the kinds of faults are each vendor's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

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

    `path` is a shell pattern over the whole path; a `times` of 0 never ends.
    """

    kind: str
    method: str = "*"
    path: str = "*"
    nth: int = 1
    times: int = 1
    seconds: float = 1.0  # how slow, and the Retry-After of kinds that have one
    seen: int = field(default=0)

    def strikes(self, method: str, path: str) -> bool:
        """Count a request and say whether it is hit."""
        if self.method not in ("*", method) or not fnmatchcase(path, self.path):
            return False
        self.seen += 1
        return self.seen >= self.nth and (not self.times or self.seen < self.nth + self.times)


def read_fault(item: Mapping[str, Any], kinds: tuple[str, ...]) -> Fault:
    """Read one fault from JSON; raises ValueError that names the wrong key or kind."""
    if unknown := set(item) - set(_TYPES):
        raise ValueError(f"a fault has no key {', '.join(sorted(unknown))}; it has {', '.join(_TYPES)}")
    wrong = [name for name, value in item.items() if not isinstance(value, _TYPES[name]) or isinstance(value, bool)]
    if wrong or "kind" not in item:
        raise ValueError(f"a fault needs a kind, and the right type of value for {', '.join(wrong) or 'it'}")
    fault = Fault(**item)
    if fault.kind not in kinds:
        raise ValueError(f"unknown fault kind {fault.kind!r}; use one of {', '.join(kinds)}")
    return fault


class FaultScript:
    """All faults in force; the first one that strikes wins, the others still count the request."""

    def __init__(self, faults: tuple[Fault, ...] = ()) -> None:
        self.faults = list(faults)

    def strike(self, method: str, path: str) -> Fault | None:
        """Return the fault that hits this request."""
        hits = [fault for fault in self.faults if fault.strikes(method, path)]
        return hits[0] if hits else None
