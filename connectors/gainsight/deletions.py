"""What was deleted, by the log that Gainsight keeps for 15 days."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock

from connectors.gainsight import cells
from connectors.gainsight.answers import NotFound, RequestRefused
from connectors.gainsight.client import GainsightClient
from connectors.gainsight.paging import walk
from connectors.gainsight.query import body, query, since
from connectors.gainsight.schema import ObjectInfo, Schema, folded

_LOG = "record_delete_log"
_KEPT_FRESH = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Columns:
    """Fields of the log: the id of what was deleted, when, and the object that it was a record of."""

    record: str
    at: str
    object: str

    @property
    def all(self) -> tuple[str, str, str]:
        """Every field, as a query asks for them."""
        return self.record, self.at, self.object


DOCUMENTED = Columns("RecordId", "DeletedOn", "ObjectName")
_OTHERS = Columns(
    record="recordid record_id recordgsid record_gsid deletedrecordid deleted_record_id entityid entity_id",
    at="deletedon deleted_on deletedat deleted_at deleteddate deleted_date deletiondate deletion_date",
    object="objectname object_name object entityname entity_name objectapiname object_api_name",
)
"""Names for the same that are taken where a tenant does not have the documented ones, `__gc` or not."""


class Deletions:
    """The log of one tenant, read once for all streams of a run."""

    def __init__(self, client: GainsightClient, schema: Schema) -> None:
        self._client = client
        self._schema = schema
        self._lock = Lock()
        self._columns = DOCUMENTED
        self._read_at: datetime | None = None
        self._since: datetime | None = None
        self._found: dict[str, dict[str, datetime | None]] = {}

    def of(self, name: str, moment: datetime) -> Mapping[str, datetime | None]:
        """Ids of the object `name` that the log says were deleted since, with when."""
        day = moment.replace(hour=0, minute=0, second=0, microsecond=0)  # so that the streams of a run ask alike
        with self._lock:
            now = self._client.clock.now()
            fresh = self._read_at is not None and now - self._read_at <= _KEPT_FRESH
            if not fresh or self._since is None or day < self._since:
                self._found = self._read(day)
                self._read_at, self._since = now, day
            return dict(self._found.get(name.casefold(), {}))

    def columns(self) -> Columns | None:
        """The log's fields in this tenant, None where it has no log that can be read; costs a call or two."""
        with self._lock:
            try:
                query(self._client, _LOG, body(DOCUMENTED.all, (), limit=1, order=DOCUMENTED.record))
            except NotFound:
                return None
            except RequestRefused:
                return self._called_otherwise()
            return DOCUMENTED

    def _read(self, day: datetime) -> dict[str, dict[str, datetime | None]]:
        try:
            return self._entries(self._columns, day)
        except NotFound:
            return {}  # a tenant without the log: the next full read tells what is gone
        except RequestRefused:
            found = self._called_otherwise()
            if found is None or found == self._columns:
                return {}
            self._columns = found
        try:
            return self._entries(self._columns, day)
        except (NotFound, RequestRefused):
            return {}

    def _entries(self, columns: Columns, day: datetime) -> dict[str, dict[str, datetime | None]]:
        found: dict[str, dict[str, datetime | None]] = {}
        where = (since(columns.at, day),)
        for rows in walk(self._client, _LOG, columns.all, where, key=columns.record, in_order=False):
            for row in rows:
                name = str(row[columns.object]).casefold()
                found.setdefault(name, {})[row[columns.record]] = cells.moment(row[columns.at])
        return found

    def _called_otherwise(self) -> Columns | None:
        """The fields by the tenant's own description of the log; None where one of them cannot be told."""
        info = self._schema.object(_LOG)
        if info is None:
            return None
        record, at, name = (_named(info, likely.split()) for likely in _OTHERS.all)
        return Columns(record, at, name) if record and at and name else None


def _named(info: ObjectInfo, likely: list[str]) -> str | None:
    own = {folded(name.removesuffix("__gc")): name for name in info.fields}
    return next((own[name] for name in likely if name in own), None)
