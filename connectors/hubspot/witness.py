"""Who set the values that are there, by HubSpot's property history: fifty records a call, asked only in doubt.

The history names our writes by the id of our app, which HubSpot tells for a token. Only that very id is ours: another
integration is somebody else, and so is our app's number in any other kind of source.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from threading import Lock

from connectors.base import LastChange
from connectors.errors import BadAnswer, ConfigError, CredentialsError, MissingScope
from connectors.hubspot.answers import NotFound
from connectors.hubspot.auth import TokenSource
from connectors.hubspot.client import HubSpotClient
from connectors.hubspot.paths import Paths
from connectors.hubspot.records import instant, rows_of
from connectors.hubspot.transport import Request
from mapping.records import Ref

HISTORY_BATCH = 50
"""Records whose history one call may ask for."""
_APP = "INTEGRATION"
_PERSON = "userId:"
_KINDS = {
    _APP: "integration",
    "IMPORT": "import",
    "AUTOMATION_PLATFORM": "workflow",
    "WORKFLOWS": "workflow",
    "CRM_UI": "person",
    "CRM_UI_BULK_ACTION": "person",
}
"""What HubSpot's source types are to us; the list is open, and others keep their own name."""
Entry = Mapping[str, object]


class Witness:
    """Reads property histories of one portal. Safe for threads."""

    def __init__(self, client: HubSpotClient, paths: Paths, tokens: TokenSource) -> None:
        self._client = client
        self._paths = paths
        self._tokens = tokens
        self._lock = Lock()
        self._app: str | None = None

    def last_changes(self, kind: str, refs: Sequence[Ref], properties: Sequence[str]) -> list[LastChange]:
        """One `LastChange` a ref and property."""
        newest: dict[tuple[str, str], Entry] = {}
        ids = list(dict.fromkeys(ref.id for ref in refs))
        for start in range(0, len(ids), HISTORY_BATCH):
            newest.update(self._newest(kind, ids[start : start + HISTORY_BATCH], properties))
        return [self._told(ref, name, newest.get((ref.id, name))) for ref in refs for name in properties]

    def _newest(
        self, kind: str, ids: Sequence[str], properties: Sequence[str]
    ) -> Iterator[tuple[tuple[str, str], Entry]]:
        body = {
            "properties": list(properties),
            "propertiesWithHistory": list(properties),
            "inputs": [{"id": one} for one in ids],
        }
        request = Request("POST", self._paths.objects(kind, "batch", "read"), body=body)
        for row in rows_of(self._client.read(request), request.what):
            for name in properties:
                entry = _newest_entry(row, name)
                if entry is not None:
                    yield (str(row["id"]), name), entry

    def _told(self, ref: Ref, name: str, entry: Entry | None) -> LastChange:
        if entry is None:
            return LastChange(ref, name)
        source, source_id = str(entry.get("sourceType") or ""), str(entry.get("sourceId") or "")
        ours = source == _APP and source_id != "" and source_id == self._own_app()
        return LastChange(
            ref,
            name,
            "ours" if ours else "somebody",
            value=entry.get("value"),
            kind=_kind(source, source_id),
            who=_who(entry, source_id),
            at=instant(entry.get("timestamp")),
        )

    def _own_app(self) -> str:
        """Id of our app, asked once; empty where HubSpot does not tell it, and then nothing counts as ours."""
        with self._lock:
            if self._app is None:
                self._app = self._ask()
            return self._app

    def _ask(self) -> str:
        try:
            told = self._client.read(self._tokens.question(self._paths))
        except (CredentialsError, MissingScope, NotFound, BadAnswer, ConfigError):
            return ""  # not every kind of token can be asked about
        return str(told.get("appId") or told.get("app_id") or "")


def _newest_entry(row: Entry, name: str) -> Entry | None:
    """The last version of a property; HubSpot gives the newest first, which is not relied upon."""
    kept = row.get("propertiesWithHistory")
    versions = kept.get(name) if isinstance(kept, dict) else None
    entries = [one for one in versions if isinstance(one, dict)] if isinstance(versions, list) else []
    dated = [(moment, one) for one in entries if (moment := instant(one.get("timestamp"))) is not None]
    if len(dated) < len(entries):
        return None  # without its time nobody knows which came last
    return max(dated, key=lambda one: one[0], default=(None, None))[1]


def _kind(source: str, source_id: str) -> str:
    if source in _KINDS:
        return _KINDS[source]
    return "person" if source_id.startswith(_PERSON) else source.lower()


def _who(entry: Entry, source_id: str) -> str:
    """Id of the user, the app or whatever else it was."""
    user = entry.get("updatedByUserId")
    if source_id.startswith(_PERSON):
        return source_id.removeprefix(_PERSON)
    return source_id or (str(user) if user else "")
