"""The whole job on both CRMs: provision, first run, second run; time, memory, calls, and what the second run writes."""

from __future__ import annotations

from benchmarks.local import served


def run(accounts: int) -> dict[str, float]:
    """First and second `sync` of a portfolio; HubSpot's burst quota is lifted, so that local work is measured."""
    with served(accounts, burst=100_000) as bench:
        bench.keepwell("fields", "apply")
        first = bench.keepwell("sync")
        second = bench.keepwell("sync")
        children = sum(stream["read"] for crm in first.answer["pull"].values() for stream in crm.values())
    return {
        "accounts": accounts,
        "rows_read": children,
        "first_seconds": first.seconds,
        "first_peak_mib": first.peak_mib,
        "values_written": first.answer["apply"]["confirmed"],
        "second_seconds": second.seconds,
        "second_peak_mib": second.peak_mib,
        "second_writes": second.answer["plan"]["changes"],
    }
