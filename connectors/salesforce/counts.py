"""How many records the objects have, roughly: one call for all of them, and no error when it is not answered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from threading import Lock

from connectors.errors import BadAnswer, MissingScope
from connectors.salesforce.answers import CallRefused
from connectors.salesforce.client import SalesforceClient


class RecordCounts:
    """`/limits/recordCount`, asked once in the life of a connection."""

    def __init__(self, client: SalesforceClient) -> None:
        self._client = client
        self._lock = Lock()
        self._known: Mapping[str, int] | None = None

    def of(self, name: str, others: Iterable[str]) -> int | None:
        """Records of the object `name`, None where Salesforce does not tell; `others` are asked for along with it."""
        with self._lock:
            if self._known is None:
                self._known = self._ask(dict.fromkeys((name, *others)))
            return self._known.get(name)

    def _ask(self, names: Iterable[str]) -> Mapping[str, int]:
        try:
            answer = self._client.get("limits/recordCount", {"sObjects": ",".join(names)})
        except (CallRefused, MissingScope, BadAnswer):
            return {}  # a hint only: the first page of a query counts as well
        counts = answer.get("sObjects") if isinstance(answer, Mapping) else None
        return {
            str(entry.get("name")): entry["count"]
            for entry in (counts if isinstance(counts, list) else ())
            if isinstance(entry, Mapping) and isinstance(entry.get("count"), int)
        }
