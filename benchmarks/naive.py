"""Keepwell beside the loop that one writes first with each vendor's own client: the same records, in the same run.

Both start as a process of their own, ask for the same properties of the same served CRM and end with every record in
a file; what the loop leaves out besides is written in `sdk_loops`. HubSpot stands at its real quota and latency.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import requests

from benchmarks.bulk import STREAMS
from benchmarks.local import Bench, Ran, served
from benchmarks.pull import RECORDS


def hubspot(companies: int, deals: int, tickets: int, latency_ms: float) -> dict[str, float]:
    """A full pull by Keepwell, then by hubspot-api-client, a full burst quota for each."""
    with served(latency_ms=latency_ms, salesforce=False, shape=f"hubspot:{companies},{deals},{tickets}") as bench:
        counts = bench.counts()
        pulled = bench.keepwell("pull")
        before = bench.stats()
        given = {"url": bench.hubspot, "token": bench.token}
        loop = _loop(bench, "hubspot", {**given, "properties": {name: bench.properties(name) for name in RECORDS}})
        after = bench.stats()
    _same(loop, sum(counts[name] for name in RECORDS))
    calls = after["requests"] - before["requests"]
    refused = after["throttled"] - before["throttled"]
    return _figures(pulled, loop, pulled.answer["api"]["hubspot"]["requests"], calls) | {"loop_over_quota": refused}


def salesforce(accounts: int, opportunities: int, wait: float = 5) -> dict[str, float]:
    """A full pull by Keepwell, then by simple-salesforce's `bulk2`, whose own default is to `wait` five seconds."""
    with served(hubspot=False, shape=f"salesforce:{accounts},{opportunities},0") as bench:
        pulled = bench.keepwell("pull")
        before = _requests(bench)
        properties = {name: ["Id", *bench.columns(stream)] for stream, name in STREAMS.items()}
        loop = _loop(bench, "salesforce", {"org": bench.org, "properties": properties, "wait": wait})
        calls = _requests(bench) - before
    _same(loop, accounts + opportunities)
    return _figures(pulled, loop, pulled.answer["api"]["salesforce"]["requests"], calls)


def _loop(bench: Bench, name: str, given: Mapping[str, Any]) -> Ran:
    return bench.measured("benchmarks.sdk_loops", name, str(bench.folder / "loop.db"), given=json.dumps(given))


def _requests(bench: Bench) -> int:
    return int(requests.get(f"{bench.org['url']}/_sandbox/stats", timeout=30).json()["requests"])


def _same(loop: Ran, records: int) -> None:
    if loop.answer["records"] != records:
        raise RuntimeError(f"the loop read {loop.answer['records']} records, the CRM has {records}")


def _figures(keepwell: Ran, loop: Ran, calls: int, loop_calls: int) -> dict[str, float]:
    return {
        "records": loop.answer["records"],
        "seconds": keepwell.seconds,
        "loop_seconds": loop.seconds,
        "loop_times_slower": loop.seconds / keepwell.seconds,
        "calls": calls,
        "loop_calls": loop_calls,
        "peak_mib": keepwell.peak_mib,
        "loop_peak_mib": loop.peak_mib,
    }
