"""API versions, quotas and record counts."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from sandbox.salesforce.context import Call, answer
from sandbox.salesforce.state import ORG_ID, SalesforceState

OLDEST_VERSION, LATEST_VERSION = 58, 67
_SEASONS = ("Summer", "Winter", "Spring")
_BURST_LIMIT = 750
_OTHER_LIMITS = {
    "DailyBulkApiBatches": 15_000,
    "DailyBulkV2QueryJobs": 10_000,
    "DailyBulkV2QueryFileStorageMB": 976_562,
    "DataStorageMB": 10_240,
    "FileStorageMB": 10_240,
}


def version_list() -> list[dict[str, str]]:
    """Return the API versions, which are listed without login and without counting."""
    versions = []
    for number in range(OLDEST_VERSION, LATEST_VERSION + 1):
        season = _SEASONS[(number - OLDEST_VERSION) % 3]
        # Version 58 is Summer '23; a year has three releases and its Winter carries the next year's number.
        year = 23 + (number - OLDEST_VERSION + 2) // 3
        label = f"{season} '{year}"
        versions.append({"label": label, "url": f"/services/data/v{number}.0", "version": f"{number}.0"})
    return versions


def usage_header(state: SalesforceState) -> str:
    """Return the value of `Sforce-Limit-Info`."""
    used = f"api-usage={state.usage.used}/{state.usage.limit}"
    return f"{used}; api-bursts=1/{_BURST_LIMIT}" if state.options.show_bursts else used


async def resources(call: Call) -> Response:
    """List the resources of a version."""
    names = ("sobjects", "query", "queryAll", "limits", "composite", "jobs", "tooling")
    identity = f"{call.request.url.scheme}://{call.request.url.netloc}/id/{ORG_ID}/{call.session.user_id}"
    return answer({**{name: f"{call.base}/{name}" for name in names}, "identity": identity})


async def limits(call: Call) -> Response:
    """Return the org's limits and what remains of them."""
    usage, jobs = call.state.usage, len(call.state.query_jobs)
    found: dict[str, Any] = {name: {"Max": most, "Remaining": most} for name, most in _OTHER_LIMITS.items()}
    found["DailyApiRequests"] = {"Max": usage.limit, "Remaining": max(0, usage.limit - usage.used)}
    found["DailyBulkV2QueryJobs"]["Remaining"] -= jobs
    found["DailyBulkApiBatches"]["Remaining"] -= len(call.state.ingest_jobs)
    return answer(found)


async def record_count(call: Call) -> Response:
    """Return the approximate number of live records of the named objects."""
    skew = call.state.options.count_skew
    named = [name.strip() for name in (call.param("sObjects") or "").split(",") if name.strip()]
    tables = call.state.org.tables
    wanted = [table for name in (named or tables) if (table := call.state.org.find_table(name)) is not None]
    counts = []
    for table in wanted:
        deleted = table.columns.get("IsDeleted")
        live = sum(1 for row in table.rows.values() if deleted is None or not row[deleted])
        if live and skew is not None:
            counts.append({"count": max(0, round(live * (1 + skew))), "name": table.kind.name})
    return answer({"sObjects": counts})
