"""A Gainsight tenant as a connector: source, destination and what the operator wants to know about it."""

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
from connectors.gainsight.checks import Checks
from connectors.gainsight.client import GainsightClient
from connectors.gainsight.cockpit import GainsightTasks
from connectors.gainsight.current import READ_BATCH, Current
from connectors.gainsight.deletions import Deletions
from connectors.gainsight.fields import GainsightFields
from connectors.gainsight.keyed import Users
from connectors.gainsight.read import Reader
from connectors.gainsight.schema import COMPANY, TELLING, Schema
from connectors.gainsight.settings import GainsightSettings
from connectors.gainsight.streams import Streams, no_object
from connectors.gainsight.timeline import GainsightTimeline
from connectors.gainsight.witness import Witness
from connectors.gainsight.write import WRITE_BATCH, Writer
from connectors.made import Entries, Tasks
from connectors.meter import Meter
from mapping.records import Ref


def connect(
    name: str,
    settings: GainsightSettings,
    field_map: Mapping[str, StreamMap],
    *,
    budget: Budget,
    clock: Clock,
    sleep: Callable[[float], None],
    prefix: str | None = None,
    meter: Meter | None = None,
    jitter: Callable[[float], float] | None = None,
) -> GainsightConnector:
    """Open the connection `name`; nothing is sent before it is first used.

    `field_map` maps stream names (companies, meetings, calls, …) to the fields wanted of them; `prefix` replaces
    `settings.property_prefix`. Raises `ConfigError` for a stream that Gainsight does not have, and for a secret that
    cannot be read.
    """
    client = GainsightClient(settings, budget=budget, clock=clock, sleep=sleep, meter=meter, jitter=jitter)
    return GainsightConnector(name, client, field_map, prefix or settings.property_prefix)


class GainsightConnector:
    """See `connectors.base.Connector`."""

    type = "gainsight"

    def __init__(self, name: str, client: GainsightClient, field_map: Mapping[str, StreamMap], prefix: str) -> None:
        self.name = name
        self._client = client
        self._schema = Schema(client)
        self._streams = Streams(field_map, self._schema, client.settings, prefix)
        self._deletions = Deletions(client, self._schema)
        self._reader = Reader(client, self._schema, self._streams, self._deletions, prefix)
        target = client.settings.target
        self._current = Current(client, self._schema, prefix, target)
        self._witness = Witness(self._current, client.settings.integration_user)
        self._writer = Writer(client, self._current)
        entries = client.settings.timeline.entries
        users = Users(client, self._schema)
        self._timeline = None if entries is None else GainsightTimeline(client, self._schema, users, entries)
        wanted = client.settings.tasks
        self._tasks = GainsightTasks(client, self._schema, users, wanted, prefix) if wanted.wanted else None
        self._fields = GainsightFields(self._schema, prefix, client.settings.measure_fields, target)

    def streams(self) -> Sequence[Stream]:
        """Owners, then records by object, then who took part in meetings.

        What calls to action are to say of themselves is compared with the tenant first.
        """
        if self._tasks is not None:
            self._tasks.check()
        return self._streams.selection().streams

    def pages(self, stream: Stream, window: Window, ids: Iterable[str] = ()) -> Iterator[Page]:
        """Pages of a stream; those of links are of the meetings `ids`."""
        return self._reader.pages(stream, window, ids)

    def count(self, stream: Stream, window: Window) -> int | None:  # noqa: ARG002
        """None: Gainsight has no call that counts."""
        return None

    def all_ids(self, stream: Stream) -> Iterator[str]:
        """Ids of all records of a stream."""
        return self._reader.all_ids(stream)

    def lookup(self, stream: Stream, ids: Sequence[str]) -> Iterator[Page]:
        """The records behind `ids` that are there."""
        return self._reader.lookup(stream, ids)

    @property
    def capabilities(self) -> Capabilities:
        """50 rows a write call, which is done whole or not at all, and 500 a read call."""
        return Capabilities(write_batch=WRITE_BATCH, read_batch=READ_BATCH, partial_success=False)

    @property
    def account_object(self) -> str:
        """`Company`."""
        return COMPANY

    def fields(self) -> GainsightFields:
        """Keepwell's own fields, on Company or in rows beside it."""
        return self._fields

    def tasks(self) -> Tasks | None:
        """Calls to action, where the configuration names alerts that become some."""
        return self._tasks

    def entries(self) -> Entries | None:
        """Entries on timelines, where the configuration asks for them."""
        return self._timeline

    def read_values(self, refs: Sequence[Ref], properties: Sequence[str]) -> list[Observed]:
        """Current values, one `Observed` a ref, in the order of `refs`."""
        return self._current.read(refs, properties)

    def last_changes(self, refs: Sequence[Ref], properties: Sequence[str]) -> list[LastChange]:
        """Who wrote the records last; Gainsight does not tell it of a field."""
        return self._witness.last_changes(refs, properties)

    def write(self, batch: Sequence[Change]) -> list[Outcome]:
        """Write up to 50 changes of companies in one attempt."""
        return self._writer.write(batch)

    def write_cost(self, records: int, read_back: int = 0) -> int:
        """A guard read and a write for each 50 records, one call for each 500 that are read back.

        Rows beside companies are looked for before the write.
        """
        calls = 3 if self._current.aside else 2
        return calls * ceil(records / WRITE_BATCH) + ceil(read_back / READ_BATCH)

    def identity(self) -> str:
        """What the ids of this tenant's companies begin with: Gainsight tells no name, and a host may change.

        The host where a tenant does not describe its ids.
        """
        info = self._schema.object(COMPANY)
        if info is None:
            raise no_object(COMPANY)
        told = info.prefix
        return told if len(told) >= TELLING else self._client.host.partition(":")[0]

    def checks(self) -> list[Check]:
        """Findings for `doctor`."""
        return Checks(self._client, self._streams, self._deletions, self._timeline, self._tasks).run(self.identity)

    def not_connected(self) -> Mapping[str, tuple[str, ...]]:
        """Stream → unified fields whose field this tenant lacks."""
        return self._streams.selection().not_connected

    def schema(self) -> Mapping[str, Mapping[str, Definition]]:
        """Definitions of the mapped objects, from the descriptions that a pull uses."""
        return self._streams.definitions()

    def usage(self) -> Usage:
        """Requests since the connection was opened."""
        return self._client.meter.usage()

    def quota_left(self) -> int | None:
        """What the tenant has left of the day by our own count; other integrations draw on it as well."""
        return self._client.quota_left()

    def close(self) -> None:
        """Give the connections back."""
        self._client.close()
