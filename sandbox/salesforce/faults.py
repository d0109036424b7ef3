"""A script of misbehaviour: which request goes wrong, when, and how; the same notation as HubSpot's."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from fnmatch import translate
from typing import Any

from sandbox.salesforce.errors import ApiError

ERRORS = {
    "unauthorized": ApiError(401, "INVALID_SESSION_ID", "Session expired or invalid"),
    "bad_session": ApiError(401, "INVALID_SESSION_ID", "This session is not valid for use with the REST API"),
    "daily": ApiError(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."),
    "concurrent": ApiError(403, "REQUEST_LIMIT_EXCEEDED", "ConcurrentRequests Limit exceeded."),
    "query_timeout": ApiError(400, "QUERY_TIMEOUT", "Your query request was running for too long."),
    "unavailable": ApiError(503, "SERVER_UNAVAILABLE", "We are down for maintenance."),
}
PAGES = {
    "html_200": 200, "420": 420, "429": 429, "500": 500, "502": 502, "503": 503, "504": 504, "uri_too_long": 414,
    "headers_too_large": 431,
}  # fmt: skip
BROKEN = ("truncated_json", "truncated_body", "slow", "commit_then_drop", "drop", "wrong_count", "cut_off")
KINDS = (*ERRORS, *PAGES, *BROKEN, "status")


@dataclass(slots=True)
class Fault:
    """One entry: the `nth` request that matches method and path, and the `times` − 1 after it, get `kind`.

    `path` is a shell pattern over the whole path (`/services/data/v*/query*`); a `times` of 0 never ends. `status`
    answers with any status and JSON or text `body`. `commit_then_drop` and the truncations carry the request out:
    `cut_off` keeps its headers, except for the length, and half of its body; `wrong_count` announces one row more
    than a page of bulk results has.
    """

    kind: str
    method: str = "*"
    path: str = "*"
    nth: int = 1
    times: int = 1
    seconds: float = 1.0
    status: int = 503
    body: Any = ""
    pattern: re.Pattern[str] | None = field(default=None, repr=False)
    seen: int = 0

    def strikes(self, method: str, path: str) -> bool:
        """Count a request if it matches, and say whether the fault hits it."""
        pattern = self.pattern or re.compile(translate(self.path))
        if self.method not in {"*", method} or not pattern.search(path):
            return False
        self.seen += 1
        return self.seen >= self.nth and (not self.times or self.seen < self.nth + self.times)


def fault_from(item: Mapping[str, Any]) -> Fault:
    """Read one fault from JSON; raises ValueError that names the wrong key or kind.

    Besides the flat form there is `{"match": {"path": regex, "method", "nth", "times"}, "fault": {…}}`, whose fault
    is `{"status", "body" | "html"}`, `{"kind": …}` or one of the flags `truncate`, `drop` and `slow` (in seconds).
    """
    if "match" in item or "fault" in item:
        return _nested(item)
    known = {entry.name for entry in fields(Fault)} - {"seen", "pattern"}
    if unknown := set(item) - known:
        raise ValueError(f"a fault has no key {', '.join(sorted(unknown))}; it has {', '.join(sorted(known))}")
    fault = Fault(**item)
    if fault.kind not in KINDS:
        raise ValueError(f"unknown fault kind {fault.kind!r}; use one of {', '.join(KINDS)}")
    return fault


def _nested(item: Mapping[str, Any]) -> Fault:
    match, effect = dict(item.get("match") or {}), dict(item.get("fault") or {})
    expression = str(match.pop("path", ""))
    flags = {"truncate": "truncated_body", "drop": "drop", "slow": "slow"}
    kind = next((name for flag, name in flags.items() if effect.pop(flag, None)), "status")
    if isinstance(slow := (item.get("fault") or {}).get("slow"), float | int):
        effect["seconds"] = slow
    if "html" in effect:
        effect["body"] = effect.pop("html")
    fault = fault_from({"kind": kind, **match, **effect})
    try:
        fault.pattern = re.compile(expression)
    except re.error as error:
        raise ValueError(f"match.path is not a regular expression: {error}") from None
    return fault


class Faults:
    """All faults in force; the first one that strikes wins, the others still count the request."""

    def __init__(self) -> None:
        self._script: list[Fault] = []

    def add(self, items: list[dict[str, Any]]) -> int:
        """Append faults and return how many are scripted now; raises ValueError."""
        self._script += [fault_from(item) for item in items]
        return len(self._script)

    def clear(self) -> None:
        """Forget the script."""
        self._script.clear()

    def strike(self, method: str, path: str) -> Fault | None:
        """Return the fault that hits this request."""
        hits = [fault for fault in self._script if fault.strikes(method, path)]
        return hits[0] if hits else None
