"""A full pull from HubSpot at its real quota, against the time in which the quota allows that many calls at all."""

from __future__ import annotations

from math import ceil

from benchmarks.local import served

BURST, WINDOW = 190, 10.0  # requests of one app in ten seconds, on Professional and Enterprise
PAGE, LINKS = 100, 1_000  # records a list call gives, ids an association call takes


def ideal_calls(counts: dict[str, int]) -> int:
    """Fewest calls that can read this portal: full list pages, full association batches."""
    pages = sum(ceil(counts[name] / PAGE) for name in ("companies", "deals", "tickets", "meetings"))
    links = sum(ceil(counts[name] / LINKS) for name in ("deals", "tickets", "meetings", "meetings"))
    return pages + links


def floor_seconds(calls: int) -> float:
    """Time in which `calls` fit the rolling quota: the first window's worth may go out at once."""
    return max(0, calls - BURST) / BURST * WINDOW


def run(accounts: int, latency_ms: float) -> dict[str, float]:
    """Full pull, then an increment with nothing changed; every record counted against the portal's own state."""
    with served(accounts, latency_ms=latency_ms, salesforce=False) as bench:
        counts = bench.counts()
        full = bench.keepwell("pull")
        _nothing_missing(full.answer["pull"]["hubspot"], counts)
        used = bench.stats()
        again = bench.keepwell("pull")
        calls = ideal_calls(counts)
        floor = floor_seconds(calls)
        return {
            "accounts": accounts,
            "records": sum(counts[name] for name in ("companies", "deals", "tickets", "meetings")),
            "calls": full.answer["api"]["hubspot"]["requests"],
            "ideal_calls": calls,
            "refused": used["throttled"],
            "seconds": full.seconds,
            "floor_seconds": floor,
            "times_floor": full.seconds / floor,
            "peak_mib": full.peak_mib,
            "increment_calls": again.answer["api"]["hubspot"]["requests"],
            "increment_seconds": again.seconds,
        }


def _nothing_missing(pulled: dict[str, dict[str, int]], counts: dict[str, int]) -> None:
    for name in ("companies", "deals", "tickets", "meetings"):
        if pulled[name]["live"] != counts[name]:
            raise RuntimeError(f"{name}: the portal has {counts[name]}, the store {pulled[name]['live']}")
