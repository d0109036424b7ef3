"""When an opportunity was first won: its own fields say so nearly always, its history where they cannot.

The last change of stage of a won opportunity is its win, unless it moved on afterwards (to another won stage, or open
and won again). Then the last change lies behind the close date, and only then the history is asked: a query for some
four hundred opportunities, where most pages need none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from threading import Lock

from connectors.errors import BadAnswer, MissingScope
from connectors.salesforce import soql
from connectors.salesforce.answers import CallRefused
from connectors.salesforce.client import SalesforceClient
from mapping.records import RawRecord

FIRST_WON = "OpportunityHistory.CreatedDate"
"""Name under which a field map asks for it; no field of Opportunity."""

NEEDS = ("OpportunityId", "StageName", "CreatedDate")


class FirstWon:
    """Adds `FIRST_WON` to the opportunities of a page that need it."""

    def __init__(self, client: SalesforceClient) -> None:
        self._client = client
        self._lock = Lock()
        self._stages: tuple[str, ...] | None = None

    def add(self, records: Sequence[RawRecord]) -> tuple[RawRecord, ...]:
        """`records`, those that moved on after their win with the instant of it; without history as they are."""
        unsure = [record.id for record in records if _moved_on(record)]
        won = self._asked(unsure) if unsure else {}
        return tuple(
            replace(record, properties={**record.properties, FIRST_WON: won[record.id]}) if record.id in won else record
            for record in records
        )

    def _asked(self, ids: Sequence[str]) -> dict[str, str]:
        first: dict[str, str] = {}
        try:
            stages = "StageName IN (" + ",".join(soql.text(name) for name in self._won_stages()) + ")"
            fields, source = ("Id", "OpportunityId", "CreatedDate"), "OpportunityHistory"
            overhead = soql.encoded_length(soql.select(fields, source, (stages,))) + 60
            for part in soql.chunks_that_fit(ids, overhead):
                for row in self._client.rows(soql.select(fields, source, (soql.one_of("OpportunityId", part), stages))):
                    deal, at = str(row["OpportunityId"]), str(row["CreatedDate"]).replace("+0000", "Z")
                    first[deal] = min(first.get(deal, at), at)
        except (CallRefused, MissingScope):
            return {}  # described, but not to be read: the fields of the opportunity have to do
        return first

    def _won_stages(self) -> tuple[str, ...]:
        with self._lock:
            if self._stages is None:
                fields = ("Id", "MasterLabel", "ApiName")
                query = soql.select(fields, "OpportunityStage", ("IsWon = true",))
                rows = self._client.rows(query)
                names = dict.fromkeys(str(row[name]) for row in rows for name in fields[1:] if row[name])
                if not names:
                    raise BadAnswer("The org has no opportunity stage that counts as won.", sent=True)
                self._stages = tuple(names)
            return self._stages


def _moved_on(record: RawRecord) -> bool:
    """Whether a won opportunity changed its stage after its close date, or does not say when it did."""
    if record.properties.get("IsWon") is not True or FIRST_WON not in record.properties:
        return False
    changed, closed = record.properties.get("LastStageChangeDate"), record.properties.get("CloseDate")
    try:
        # The close date is a day of the user, the change an instant: they may be a day apart and mean the same.
        return (date.fromisoformat(str(changed)[:10]) - date.fromisoformat(str(closed)[:10])).days > 1
    except ValueError:
        return True
