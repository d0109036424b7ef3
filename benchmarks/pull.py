"""A full pull from HubSpot at its real quota, against the moment at which the quota can let the last call out.

The floor is that of a client that lists and wastes nothing: full pages, full association batches, every call answered
at once. A rolling window of 190 requests in ten seconds lets call number n out after (n - 1) // 190 windows. The
second floor is lower: that of a client which from the first second on also searches, five calls a second of 200
records each.
"""

from __future__ import annotations

from math import ceil
from typing import Any

from benchmarks.local import served

BURST, WINDOW = 190, 10.0  # requests of one app in ten seconds, on Professional and Enterprise
PAGE, LINKS = 100, 1_000  # records a list call gives, ids an association call takes
SEARCHES, FOUND = 5, 200  # searches of the portal in a second, records that one gives
RECORDS = ("companies", "deals", "tickets")


def ideal_calls(counts: dict[str, int]) -> int:
    """Fewest calls that can read this portal: full list pages, full association batches, one page of owners."""
    pages = sum(ceil(counts[name] / PAGE) for name in RECORDS)
    links = sum(ceil(counts[name] / LINKS) for name in RECORDS if name != "companies")
    return pages + links + 1


def floor_seconds(calls: int) -> float:
    """When the quota lets the last of `calls` out, if each goes out as soon as the quota has room."""
    return (calls - 1) // BURST * WINDOW


def floor_of_both(records: int, others: int) -> float:
    """When both quotas together can have brought `records` and let `others` out, to the second."""
    seconds = 0
    while True:
        listed = (BURST * (seconds // int(WINDOW) + 1) - others) * PAGE
        if listed + SEARCHES * (seconds + 1) * FOUND >= records:
            return float(seconds)
        seconds += 1


def run(companies: int, deals: int, tickets: int, latency_ms: float) -> dict[str, float]:
    """One full pull; every record is counted against the portal's own state, and so are refused requests.

    What counts is the time from the start of the process to the last stream's seal.
    """
    with served(0, latency_ms=latency_ms, salesforce=False, shape=f"hubspot:{companies},{deals},{tickets}") as bench:
        counts = bench.counts()
        full = bench.keepwell("pull")
        _nothing_missing(full.answer["pull"]["hubspot"], counts)
        used = bench.stats()
        calls = ideal_calls(counts)
        floor = floor_seconds(calls)
        # What is pulled is brought to the unified model afterwards, which asks nothing of the CRM.
        to_seal = full.seconds - full.answer["seconds"]["normalise"]
        records = sum(counts[name] for name in RECORDS)
        both = floor_of_both(records, calls - sum(ceil(counts[name] / PAGE) for name in RECORDS))
        return {
            "records": records,
            "calls": full.answer["api"]["hubspot"]["requests"],
            "of_them_search": _searches(used),
            "ideal_calls": calls,
            "over_quota": used["throttled"],
            "seconds": full.seconds,
            "of_them_to_seal": to_seal,
            "floor_seconds": floor,
            "times_floor": to_seal / floor if floor else float("nan"),
            "floor_of_both": both,
            "times_floor_of_both": to_seal / both if both else float("nan"),
            "peak_mib": full.peak_mib,
        }


def _searches(stats: dict[str, Any]) -> int:
    return sum(count for route, count in stats["by_route"].items() if route.endswith("/search"))


def _nothing_missing(pulled: dict[str, dict[str, int]], counts: dict[str, int]) -> None:
    for name in RECORDS:
        if pulled[name]["live"] != counts[name]:
            raise RuntimeError(f"{name}: the portal has {counts[name]}, the store {pulled[name]['live']}")
