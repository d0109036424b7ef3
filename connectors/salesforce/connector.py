"""A Salesforce org as a connector: source, destination and what the operator wants to know about it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from math import ceil

from connectors.base import (
    Capabilities,
    Change,
    Check,
    Definition,
    LastChange,
    Observed,
    Outcome,
    Page,
    Stream,
    StreamMap,
    Usage,
    Window,
)
from connectors.budget import Budget
from connectors.clock import Clock
from connectors.errors import BadAnswer, MissingScope
from connectors.made import Tasks
from connectors.meter import Meter
from connectors.salesforce.answers import CallRefused
from connectors.salesforce.checks import Checks
from connectors.salesforce.client import SalesforceClient
from connectors.salesforce.current import READ_BATCH, Current
from connectors.salesforce.fields import SalesforceFields
from connectors.salesforce.ids import is_id, to18
from connectors.salesforce.read import Reader
from connectors.salesforce.schema import Schema
from connectors.salesforce.settings import SalesforceSettings
from connectors.salesforce.streams import Streams
from connectors.salesforce.tasks import SalesforceTasks
from connectors.salesforce.witness import Witness
from connectors.salesforce.write import WRITE_BATCH, CollectionsWriter
from mapping.records import Ref

ACCOUNT = "Account"


def connect(
    name: str,
    settings: SalesforceSettings,
    field_map: Mapping[str, StreamMap],
    *,
    budget: Budget,
    clock: Clock,
    sleep: Callable[[float], None],
    prefix: str | None = None,
    meter: Meter | None = None,
) -> SalesforceConnector:
    """Open the connection `name`; nothing is sent before it is first used.

    `field_map` maps stream names (accounts, opportunities, cases, contracts, events) to the fields wanted of them;
    `prefix` replaces `settings.property_prefix`. Raises `ConfigError` for a stream that Salesforce does not have.
    """
    client = SalesforceClient(settings, budget=budget, clock=clock, sleep=sleep, meter=meter)
    return SalesforceConnector(name, client, field_map, prefix or settings.property_prefix)


class SalesforceConnector:
    """See `connectors.base.Connector`."""

    type = "salesforce"

    def __init__(self, name: str, client: SalesforceClient, field_map: Mapping[str, StreamMap], prefix: str) -> None:
        self.name = name
        self._client = client
        self._schema = Schema(client)
        self._tasks = SalesforceTasks(client, self._schema, prefix)
        self._streams = Streams(field_map, self._schema, client.settings.pull, client.settings.milestones)
        self._reader = Reader(client, self._schema, self._streams)
        self._current = Current(client, self._schema, ACCOUNT)
        self._witness = Witness(client, self._current)
        self._writer = CollectionsWriter(client, self._schema, self._current, ACCOUNT)
        self._fields = SalesforceFields(client, self._schema, ACCOUNT, prefix)

    def streams(self) -> Sequence[Stream]:
        """Records by object, then owners, stages and event attendees."""
        return self._streams.selection().streams

    def pages(self, stream: Stream, window: Window, ids: Iterable[str] = ()) -> Iterator[Page]:
        """Pages of a stream; see `connectors.base.Source`."""
        return self._reader.pages(stream, window, ids)

    def count(self, stream: Stream, window: Window) -> int | None:
        """How many rows were modified in a window, deleted ones included."""
        return self._reader.count(stream, window)

    def all_ids(self, stream: Stream) -> Iterator[str]:
        """Ids of all live records of a stream."""
        return self._reader.all_ids(stream)

    def lookup(self, stream: Stream, ids: Sequence[str]) -> Iterator[Page]:
        """The records behind `ids`, deleted and merged ones marked; see `connectors.base.Source`."""
        return self._reader.lookup(stream, ids)

    @property
    def capabilities(self) -> Capabilities:
        """200 rows a write call, 2,000 a read call, an outcome for each row."""
        return Capabilities(write_batch=WRITE_BATCH, read_batch=READ_BATCH, partial_success=True)

    @property
    def account_object(self) -> str:
        """`Account`."""
        return ACCOUNT

    def fields(self) -> SalesforceFields:
        """Keepwell's own fields on Account."""
        return self._fields

    def tasks(self) -> Tasks | None:
        """Tasks of accounts, where the settings want any."""
        return self._tasks if self._tasks.settings.wanted else None

    def entries(self) -> None:
        """None: no entries are made on timelines of Salesforce."""

    def read_values(self, refs: Sequence[Ref], properties: Sequence[str]) -> list[Observed]:
        """Current values, one `Observed` a ref, in the order of `refs`."""
        return self._current.read(refs, properties)

    def last_changes(self, refs: Sequence[Ref], properties: Sequence[str]) -> list[LastChange]:
        """Who wrote the records last; Salesforce does not tell it of a field."""
        return self._witness.last_changes(refs, properties)

    def write(self, batch: Sequence[Change]) -> list[Outcome]:
        """Write by sObject Collections; see `base.Destination`."""
        return self._writer.write(batch)

    def write_cost(self, records: int, read_back: int = 0) -> int:
        """A guard read and a write for each 200 records, one call for each 2,000 that are read back."""
        return 2 * ceil(records / WRITE_BATCH) + ceil(read_back / READ_BATCH)

    def identity(self) -> str:
        """The organisation id (18 characters): asked for, or as the login told it where asking is not allowed."""
        told = self._client.grant().organisation
        try:
            rows = self._client.rows("SELECT Id FROM Organization")
        except (CallRefused, MissingScope):
            if told is None:
                raise
            return told
        found = str(rows[0].get("Id")) if len(rows) == 1 else told or ""
        if not is_id(found):
            raise BadAnswer("Salesforce does not say which organisation this is.", sent=True)
        return to18(found)

    def checks(self) -> list[Check]:
        """Findings for `doctor`."""
        return Checks(self._client, self._schema, self._streams, ACCOUNT, tasks=self.tasks() is not None).run(
            self.identity
        )

    def not_connected(self) -> Mapping[str, tuple[str, ...]]:
        """Stream → unified fields whose property the org lacks or hides."""
        return self._streams.selection().not_connected

    def schema(self) -> Mapping[str, Mapping[str, Definition]]:
        """Definitions of the mapped objects, from the descriptions that a pull uses."""
        return self._streams.definitions()

    def usage(self) -> Usage:
        """Requests since the connection was opened."""
        return self._client.meter.usage()

    def quota_left(self) -> int | None:
        """What the org has left of its 24 hours, other apps' requests taken off."""
        return self._client.quota_left()

    def close(self) -> None:
        """Give the connections back."""
        self._client.close()
