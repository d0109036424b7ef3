"""Values nobody writes: those that follow from a write, and those computed whenever a record is read.

The computed ones change without touching the last-modified instant, as roll-ups do in HubSpot.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from sandbox.hubspot.clock import instant, parse_ms
from sandbox.hubspot.pipelines import stage_of

if TYPE_CHECKING:
    from sandbox.hubspot.portal import Portal
    from sandbox.hubspot.records import Record

ENTERED = "hs_v2_date_entered_"  # and the id of a stage
_DAY_MS = 86_400_000


def implied(kind: str, before: Mapping[str, str], written: Mapping[str, str], now: int) -> dict[str, str]:
    """Return what a write sets besides its own values: closing dates of deals, tickets and tasks."""
    if kind == "tasks" and "hs_task_status" in written:
        done, before_done = written["hs_task_status"] == "COMPLETED", "hs_task_completion_date" in before
        if done != before_done:
            return {"hs_task_completion_date": instant(now) if done else ""}
    if kind == "deals" and "dealstage" in written:
        stage = stage_of("deals", written["dealstage"])
        won = stage is not None and stage.probability == "1.0"
        if won and "hs_closed_won_date" not in before:
            return {"hs_closed_won_date": instant(now)}
        if not won and "hs_closed_won_date" in before:
            return {"hs_closed_won_date": ""}
    if kind == "tickets" and "hs_pipeline_stage" in written and "closed_date" not in written:
        stage = stage_of("tickets", written["hs_pipeline_stage"])
        closed = stage is not None and stage.closed
        if closed and "closed_date" not in before:
            return {"closed_date": instant(now)}
        if not closed and "closed_date" in before:
            return {"closed_date": ""}
    return {}


def calculate(portal: Portal, kind: str, record: Record, name: str) -> str | None:
    """Return the present value of a calculated property, None when it has none."""
    record_id, values = record.id, record.values
    if name.startswith(ENTERED):
        return _entered(record, name.removeprefix(ENTERED))
    if kind == "deals":
        return _of_deal(values, name)
    if name == "time_to_close":
        return _span(values, "createdate", "closed_date", unit=1)
    if name == "hs_num_open_deals":
        deals = portal.stores["deals"].live
        ids = portal.links.of("companies", record_id, "deals")
        return str(sum(1 for identity in ids if identity in deals and not _is_closed(deals[identity].values)))
    if name == "hs_num_child_companies":
        related = portal.links.of("companies", record_id, "companies")
        return str(sum(1 for identity in related if portal.links.parent(identity) == record_id))
    return None


def _entered(record: Record, stage: str) -> str | None:
    """Return when a deal last came into a stage, as far as its history tells."""
    versions = record.history.get("dealstage", [])
    before = [None, *(value for _, value, _, _ in versions)]
    moments = [one[0] for one, earlier in zip(versions, before, strict=False) if one[1] == stage != earlier]
    if not versions and record.values.get("dealstage") == stage:
        return record.values.get("hs_closed_won_date") or instant(record.created_ms)
    return instant(moments[-1]) if moments else None


def _of_deal(values: Mapping[str, str], name: str) -> str | None:
    stage = stage_of("deals", values.get("dealstage"))
    if name == "days_to_close":
        return _span(values, "createdate", "closedate", unit=_DAY_MS)
    if stage is None:
        return None
    answers = {
        "hs_is_closed": stage.closed,
        "hs_is_closed_won": stage.probability == "1.0",
        "hs_is_closed_lost": stage.closed and stage.probability == "0.0",
    }
    return stage.probability if name == "hs_deal_stage_probability" else str(answers[name]).lower()


def _is_closed(values: Mapping[str, str]) -> bool:
    stage = stage_of("deals", values.get("dealstage"))
    return stage is not None and stage.closed


def _span(values: Mapping[str, str], first: str, last: str, unit: int) -> str | None:
    start, end = parse_ms(values.get(first, "")), parse_ms(values.get(last, ""))
    return None if start is None or end is None else str((end - start) // unit)
