"""When a deal was won, for deals whose `hs_closed_won_date` does not say it: out of the stage it stands in.

HubSpot keeps `hs_v2_date_entered_<stage>` for each stage. Those of the won stages are asked for along with the deals,
which costs no call. A won deal that has neither is looked up in the history of `dealstage`, fifty to a call. What is
found goes into the pseudo-property `WON_AT`, where a field map finds it; a deal that nothing is known of lacks it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from threading import Lock

from connectors.base import Page
from connectors.errors import MissingScope
from connectors.hubspot.answers import NotFound
from connectors.hubspot.client import HubSpotClient
from connectors.hubspot.paths import Paths
from connectors.hubspot.records import rows_of
from connectors.hubspot.reference import Reference
from connectors.hubspot.transport import Request
from mapping.records import RawRecord

DEALS = "deals"
WON_AT = "dealstage.won_at"
"""No property of HubSpot can have a name with a point in it."""

HISTORY_BATCH = 50
_STAGE, _TOLD, _IS_WON = "dealstage", "hs_closed_won_date", "hs_is_closed_won"


class WonAt:
    """Fills `WON_AT` in. Safe for threads."""

    def __init__(self, client: HubSpotClient, paths: Paths, reference: Reference) -> None:
        self._client = client
        self._paths = paths
        self._reference = reference
        self._lock = Lock()
        self._stages: frozenset[str] | None = None

    def properties(self, defined: Iterable[str]) -> frozenset[str]:
        """What to ask of deals besides the mapped properties: when they came into each won stage, where `defined`."""
        return frozenset(map(entered, self._won())) & frozenset(defined)

    def filled(self, pages: Iterator[Page]) -> Iterator[Page]:
        """`pages` of deals with `WON_AT` in every won deal of which it is known."""
        for page in pages:
            unknown = [one for one in page.records if self._asks(one) and not _entered_at(one)]
            history = self._history([one.id for one in unknown])
            yield replace(page, records=tuple(self._with(one, history) for one in page.records))

    def _won(self) -> frozenset[str]:
        with self._lock:
            if self._stages is None:
                try:
                    self._stages = self._reference.won_stages()
                except (MissingScope, NotFound):
                    self._stages = frozenset()
            return self._stages

    def _asks(self, record: RawRecord) -> bool:
        """Whether this is a won deal that does not say itself when it was won."""
        said = record.properties
        won = str(said.get(_IS_WON)).lower() == "true" or said.get(_STAGE) in self._won()
        return won and not record.archived and not said.get(_TOLD)

    def _with(self, record: RawRecord, history: Mapping[str, str]) -> RawRecord:
        if not self._asks(record):
            return record
        moment = _entered_at(record) or history.get(record.id)
        return replace(record, properties={**record.properties, WON_AT: moment}) if moment else record

    def _history(self, ids: Sequence[str]) -> dict[str, str]:
        found: dict[str, str] = {}
        for start in range(0, len(ids), HISTORY_BATCH):
            inputs = [{"id": one} for one in ids[start : start + HISTORY_BATCH]]
            body = {"properties": [_STAGE], "propertiesWithHistory": [_STAGE], "inputs": inputs}
            request = Request("POST", self._paths.objects(DEALS, "batch", "read"), body=body)
            for row in rows_of(self._client.read(request), request.what):
                if moment := _came_in(row):
                    found[str(row["id"])] = moment
        return found


def entered(stage: str) -> str:
    """Name of the property that tells when a deal came into a stage."""
    return f"hs_v2_date_entered_{stage}"


def _entered_at(record: RawRecord) -> str | None:
    moment = record.properties.get(entered(str(record.properties.get(_STAGE))))
    return str(moment) if moment else None


def _came_in(row: Mapping[str, object]) -> str | None:
    """When a deal came into the stage that it stands in, by its history, which HubSpot gives newest first."""
    kept = row.get("propertiesWithHistory")
    versions = kept.get(_STAGE) if isinstance(kept, dict) else None
    entries = [one for one in versions if isinstance(one, dict)] if isinstance(versions, list) else []
    entries.sort(key=lambda one: str(one.get("timestamp")), reverse=True)
    moment = None
    for one in entries:
        if one.get("value") != entries[0].get("value"):
            break
        moment = one.get("timestamp")
    return str(moment) if moment else None
