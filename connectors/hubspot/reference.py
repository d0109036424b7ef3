"""Owners and pipeline stages: small lists, read whole on each run, in the unified model's own field names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from threading import Lock

from connectors.base import Page
from connectors.errors import BadAnswer
from connectors.hubspot.client import HubSpotClient
from connectors.hubspot.paths import Paths
from connectors.hubspot.records import has_id, instant, next_after, rows_of
from connectors.hubspot.transport import Request
from mapping.records import RawRecord

STAGE_STREAMS: Mapping[str, tuple[str, str]] = {
    "deal_stages": ("deals", "deal"),
    "ticket_stages": ("tickets", "ticket"),
}
"""Stream → HubSpot's object type and the unified name of it."""


class Reference:
    """Reads the reference streams."""

    def __init__(self, client: HubSpotClient, paths: Paths) -> None:
        self._client = client
        self._paths = paths
        self._lock = Lock()
        self._unserved: dict[str, tuple[RawRecord, ...]] = {}

    def owners(self) -> Iterator[Page]:
        """Every owner; deactivated ones too, since they still own records."""
        records = [_owner(row, active=True) for row in self._owner_rows(archived=False)]
        known = {record.id for record in records}
        records += [_owner(row, active=False) for row in self._owner_rows(archived=True) if str(row["id"]) not in known]
        yield Page(tuple(records), complete=True, expected=len(records))

    def stages(self, stream: str) -> Iterator[Page]:
        """Every stage of every pipeline of an object type, archived ones too, in the pipelines' order."""
        with self._lock:
            records = self._unserved.pop(stream, None)
        if records is None:
            records = self._stages(stream)
        yield Page(records, complete=True, expected=len(records))

    def won_stages(self) -> frozenset[str]:
        """Ids of the stages in which a deal is won; what was read for it serves the next `stages` as well."""
        with self._lock:
            records = self._unserved["deal_stages"] = self._stages("deal_stages")
        return frozenset(record.id for record in records if record.properties["is_won"])

    def _stages(self, stream: str) -> tuple[RawRecord, ...]:
        kind, entity = STAGE_STREAMS[stream]
        request = Request("GET", self._paths.pipelines(kind))
        records: list[RawRecord] = []
        for pipeline in rows_of(self._client.read(request), request.what):
            stages = pipeline.get("stages")
            if not isinstance(stages, list) or not all(has_id(one) for one in stages):
                raise BadAnswer(f"{request.what}: pipeline {pipeline['id']} has no stages with ids.", sent=True)
            records += [_stage(entity, str(pipeline["id"]), stage) for stage in stages]
        return tuple(records)

    def _owner_rows(self, *, archived: bool) -> Iterator[dict[str, object]]:
        after: str | None = None
        seen: set[str] = set()
        while True:
            query = [("limit", "100"), ("archived", "true" if archived else "false")]
            request = Request("GET", self._paths.owners(), (*query, *([("after", after)] if after else [])))
            body = self._client.read(request)
            yield from rows_of(body, request.what)
            after = next_after(body)
            if after is None:
                return
            if after in seen:
                raise BadAnswer(f"HubSpot's list of owners leads in a circle at {after!r}.", sent=True)
            seen.add(after)


def _owner(row: Mapping[str, object], *, active: bool) -> RawRecord:
    names = (row.get("firstName"), row.get("lastName"))
    name = " ".join(part for part in names if isinstance(part, str) and part) or None
    properties = {"name": name, "email": row.get("email") or None, "active": active}
    return RawRecord(str(row["id"]), properties, instant(row.get("updatedAt")))


def _stage(entity: str, pipeline: str, stage: Mapping[str, object]) -> RawRecord:
    metadata = stage.get("metadata")
    facts = metadata if isinstance(metadata, dict) else {}
    probability = _probability(facts.get("probability"))
    closed = _closed(entity, facts, probability)
    properties = {
        "object": entity,
        "pipeline": pipeline,
        "label": stage.get("label"),
        "is_closed": closed,
        "is_won": closed and probability == 1.0,
        "probability": probability,
    }
    return RawRecord(str(stage["id"]), properties, instant(stage.get("updatedAt")))


def _closed(entity: str, facts: Mapping[str, object], probability: float | None) -> bool:
    """What the stage says; a deal stage that does not say it is closed when its probability leaves nothing open."""
    if facts.get("isClosed") is None and entity == "deal" and probability in (0.0, 1.0):
        return True
    return str(facts.get("isClosed", "")).lower() == "true" or facts.get("ticketState") == "CLOSED"


def _probability(value: object) -> float | None:
    try:
        return float(value) if isinstance(value, (str, int, float)) and value != "" else None
    except ValueError:
        return None  # a stage without a usable probability simply has none
