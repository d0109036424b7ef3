"""One HubSpot connection: the parts put together, and the face that the engine sees."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from connectors.base import (
    Capabilities,
    Change,
    Check,
    Definition,
    FieldProvisioner,
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
from connectors.errors import ConfigError, MissingScope
from connectors.http import Timeouts
from connectors.hubspot.account import Account
from connectors.hubspot.answers import NotFound
from connectors.hubspot.auth import TokenSource, token_source
from connectors.hubspot.checks import Checks
from connectors.hubspot.client import HubSpotClient
from connectors.hubspot.fields import Provisioner
from connectors.hubspot.links import Links
from connectors.hubspot.paths import Paths
from connectors.hubspot.pulls import Pulls
from connectors.hubspot.quotas import Quotas
from connectors.hubspot.read import BATCH, Reader, values_of
from connectors.hubspot.reference import STAGE_STREAMS, Reference
from connectors.hubspot.schema import Schema
from connectors.hubspot.search import Search
from connectors.hubspot.settings import HubSpotSettings
from connectors.hubspot.tasks import HubSpotTasks
from connectors.hubspot.transport import SdkTransport, Transport
from connectors.hubspot.witness import Witness
from connectors.hubspot.won import WON_AT, WonAt
from connectors.hubspot.write import Writer
from connectors.made import Tasks
from connectors.meter import Meter
from connectors.origin import check_origin
from connectors.redact import Redactor
from connectors.retry import Retrier
from mapping.records import Ref

VENDOR_HOSTS = ("hubapi.com", "hubspot.com")
ACCOUNT_OBJECT = "companies"
OPTIONAL = ("meetings", "calls", "feedback_submissions")
"""Object types that a portal or token may lack; what depends on them then counts as not connected."""

NEVER = 876_000
"""Hours, a century: the configuration's 0, for an engine that takes no answer for its own cadence."""

_LINKS = (
    "deals>companies",
    "tickets>companies",
    "meetings>companies",
    "meetings>contacts",
    "calls>companies",
    "feedback_submissions>companies",
    "feedback_submissions>contacts",
)
_ATTENDANCE = "meetings>contacts"


@dataclass(frozen=True, slots=True)
class Parts:
    """What a connector is made of."""

    client: HubSpotClient
    paths: Paths
    schema: Schema
    reader: Reader
    reference: Reference
    won_at: WonAt
    account: Account
    tokens: TokenSource
    meter: Meter


class HubSpotConnector:
    """Source and destination of one HubSpot portal. Safe for threads; keeps no cursor."""

    type = "hubspot"

    def __init__(self, name: str, parts: Parts, maps: Mapping[str, StreamMap], settings: HubSpotSettings, prefix: str):
        self.name = name
        self._parts = parts
        self._maps = maps
        self._records_every = timedelta(hours=settings.pull.full_every_hours or NEVER)
        self._links_every = timedelta(hours=settings.pull.links_every_hours or NEVER)
        client, paths, schema, reader = parts.client, parts.paths, parts.schema, parts.reader
        self._pulls = Pulls(client, schema, reader, Search(client, paths, schema, reader), settings)
        self._links = Links(client, paths)
        self._reference = parts.reference
        self._witness = Witness(client, paths, parts.tokens)
        self._writer = Writer(client, paths, schema, reader, ACCOUNT_OBJECT)
        self._fields = Provisioner(
            client, paths, schema, kind=ACCOUNT_OBJECT, prefix=prefix, group=settings.property_group
        )
        self._tasks = HubSpotTasks(client, paths, schema, reader, self._links, settings=settings, prefix=prefix)
        self._checks = Checks(
            client,
            paths,
            schema,
            parts.account,
            parts.tokens,
            maps=maps,
            optional=OPTIONAL,
            tasks=settings.tasks.wanted,
        )

    def streams(self) -> Sequence[Stream]:
        """Reference lists, then the mapped object types, then the links between them.

        Sends nothing. Once `identity` was asked, properties that this portal lacks are left out, so that a property
        that appears later makes the stream a different one, to be read anew.
        """
        records = [self._record_stream(kind) for kind in self._maps]
        stages = [
            Stream(name, "stage", "reference") for name, (kind, _entity) in STAGE_STREAMS.items() if kind in self._maps
        ]
        links = [
            Stream(
                kind,
                "attendance" if kind == _ATTENDANCE else "link",
                "links",
                ids_from=kind.partition(">")[0],
                optional=kind.partition(">")[0] in OPTIONAL,
                full_every=self._links_every,
            )
            for kind in _LINKS
            if kind.partition(">")[0] in self._maps
        ]
        return (Stream("owners", "owner", "reference"), *stages, *records, *links)

    def pages(self, stream: Stream, window: Window, ids: Iterable[str] = ()) -> Iterator[Page]:
        """Pages of one of `streams()`; `ids` are the records whose links are read, in ascending text order."""
        if stream.kind == "links":
            pages = self._links.pages(stream.name, ids, window.position)
        elif stream.name == "owners":
            pages = self._reference.owners()
        elif stream.name in STAGE_STREAMS:
            pages = self._reference.stages(stream.name)
        else:
            pages = self._with_won_at(stream.name, self._pulls.pages(self._mapped(stream.name), window))
        return _if_served(pages) if stream.optional else pages

    def count(self, stream: Stream, window: Window) -> int | None:
        """About how many live records were modified in a window, as a search for one of them tells."""
        return self._pulls.count(self._mapped(stream.name), window)

    def all_ids(self, stream: Stream) -> Iterator[str]:
        """Ids of every live record of a records stream, by the list endpoint."""
        return self._pulls.all_ids(self._mapped(stream.name))

    def lookup(self, stream: Stream, ids: Sequence[str]) -> Iterator[Page]:
        """The records behind `ids` that are there, a hundred a call; merged ones are told by their survivors."""
        return self._with_won_at(stream.name, self._pulls.lookup(self._mapped(stream.name), ids))

    @property
    def capabilities(self) -> Capabilities:
        """Batches of a hundred; good rows are written when others are bad."""
        return Capabilities(write_batch=BATCH, read_batch=BATCH, partial_success=True)

    @property
    def account_object(self) -> str:
        """Companies."""
        return ACCOUNT_OBJECT

    def fields(self) -> FieldProvisioner:
        """The company properties that Keepwell owns."""
        return self._fields

    def tasks(self) -> Tasks | None:
        """Tasks of companies, where the settings want any."""
        return self._tasks if self._tasks.settings.wanted else None

    def entries(self) -> None:
        """None: no entries are made on timelines of HubSpot."""

    def read_values(self, refs: Sequence[Ref], properties: Sequence[str]) -> list[Observed]:
        """Current values, a hundred records a call, by old ids of merged records as well."""
        observed: list[Observed] = []
        for start in range(0, len(refs), BATCH):
            observed += self._observe(refs[start : start + BATCH], properties)
        return observed

    def last_changes(self, refs: Sequence[Ref], properties: Sequence[str]) -> list[LastChange]:
        """Who set the values of companies, by their histories; fifty records a call."""
        return self._witness.last_changes(ACCOUNT_OBJECT, refs, properties)

    def write(self, batch: Sequence[Change]) -> list[Outcome]:
        """Write up to a hundred changes of companies in one attempt."""
        return self._writer.write(batch)

    def write_cost(self, records: int, read_back: int = 0) -> int:
        """One guard read and one write for each hundred records, one call for each hundred that are read back."""
        return 2 * math.ceil(records / BATCH) + math.ceil(read_back / BATCH)

    def identity(self) -> str:
        """The portal id, empty when HubSpot does not tell it.

        Also reads which properties the portal has, so that the streams are known as they are.
        """
        portal = self._parts.account.portal(self._parts.client, self._parts.paths)
        self._parts.schema.preload(self._maps)
        return portal.id

    def checks(self) -> list[Check]:
        """Findings for `doctor`."""
        return self._checks.run()

    def not_connected(self) -> Mapping[str, tuple[str, ...]]:
        """Unified fields without a property in this portal, by stream."""
        found: dict[str, tuple[str, ...]] = {}
        for kind in self._maps:
            try:
                lacking = self._parts.schema.not_connected(kind)
            except (MissingScope, NotFound):
                continue  # the stream as a whole is reported where it is pulled
            if lacking:
                found[kind] = lacking
        return found

    def schema(self) -> Mapping[str, Mapping[str, Definition]]:
        """Definitions of the mapped object types, read once a connection; those that may not be read are left out."""
        schema = self._parts.schema
        schema.preload(self._maps)
        return {kind: schema.described(kind) for kind in self._maps if schema.known(kind) is not None}

    def usage(self) -> Usage:
        """Requests made so far."""
        return self._parts.meter.usage()

    def quota_left(self) -> int | None:
        """What the portal has left today, other apps' requests taken off."""
        return self._parts.client.quotas.left_today()

    def close(self) -> None:
        """Close the connections to HubSpot."""
        self._parts.client.close()

    def _record_stream(self, kind: str) -> Stream:
        schema = self._parts.schema
        properties = schema.requested(kind, schema.known(kind))
        entity = self._maps[kind].entity
        return Stream(kind, entity, "records", properties, optional=kind in OPTIONAL, full_every=self._records_every)

    def _with_won_at(self, kind: str, pages: Iterator[Page]) -> Iterator[Page]:
        return self._parts.won_at.filled(pages) if WON_AT in self._maps[kind].properties else pages

    def _mapped(self, kind: str) -> str:
        if kind not in self._maps:
            raise ConfigError(f"HubSpot has no stream {kind!r}.", hint=f"Known: {', '.join(self._maps)}.")
        return kind

    def _observe(self, refs: Sequence[Ref], properties: Sequence[str]) -> list[Observed]:
        reader, ids = self._parts.reader, list(dict.fromkeys(ref.id for ref in refs))
        found, _missing = reader.by_ids(ACCOUNT_OBJECT, ids, properties)
        defined = self._parts.schema.definitions(ACCOUNT_OBJECT)
        observed = []
        for ref in refs:
            # A batch does not find merged records by their old ids, and may leave out others; a single look settles it.
            row = found.get(ref.id) or reader.one(ACCOUNT_OBJECT, ref.id, properties)
            if row is None:
                observed.append(Observed(ref, missing=True))
            elif str(row["id"]) != ref.id:
                observed.append(Observed(ref, missing=True, merged_into=str(row["id"])))
            else:
                observed.append(Observed(ref, values_of(row, properties, defined)))
        return observed


def _if_served(pages: Iterator[Page]) -> Iterator[Page]:
    """Pages of an optional stream: a portal without that object type is like a token that may not read it."""
    try:
        yield from pages
    except NotFound as error:
        raise MissingScope(error.message, hint="This portal does not have these records.") from error


def connect(
    name: str,
    settings: HubSpotSettings,
    field_map: Mapping[str, StreamMap],
    *,
    budget: Budget,
    clock: Clock,
    sleep: Callable[[float], None],
    prefix: str | None = None,
    meter: Meter | None = None,
    transport: Transport | None = None,
    redactor: Redactor | None = None,
    jitter: Callable[[float], float] | None = None,
) -> HubSpotConnector:
    """Open a connection; nothing is sent before the first use.

    `field_map` maps stream names (companies, deals, tickets, meetings, …) to the properties wanted of them. `prefix`
    replaces `settings.property_prefix`. Raises `ConfigError` for an address that the token must not be sent to, and
    for a secret file that cannot be read.
    """
    base_url = check_origin(settings.base_url, vendor_hosts=VENDOR_HOSTS, allow_hosts=settings.allow_hosts)
    redactor = redactor or Redactor()
    paths = Paths(settings.api_version)
    timeouts = Timeouts(settings.timeouts.connect, settings.timeouts.read, settings.timeouts.total)
    wire = transport or SdkTransport(
        base_url,
        clock=clock,
        timeouts=timeouts,
        ca_file=str(settings.ca_file) if settings.ca_file else None,
        proxy=settings.proxy,
    )
    tokens = token_source(settings, paths, wire, clock=clock, sleep=sleep, redactor=redactor)
    account, meter = Account(clock), meter or Meter()
    quotas = Quotas(
        settings.limits, budget, credential=_credential(settings), seconds_to_midnight=account.seconds_to_midnight
    )
    retrier = Retrier(sleep, jitter=jitter, on_retry=meter.retry)
    client = HubSpotClient(wire, tokens, quotas, retrier=retrier, clock=clock, meter=meter, redactor=redactor)
    reference = Reference(client, paths)
    won_at = WonAt(client, paths, reference)
    schema = Schema(client, paths, field_map, won_at)
    parts = Parts(client, paths, schema, Reader(client, paths, schema), reference, won_at, account, tokens, meter)
    return HubSpotConnector(name, parts, field_map, settings, prefix or settings.property_prefix)


def _credential(settings: HubSpotSettings) -> str:
    """What the burst quota belongs to: one app, whatever short-lived token it uses now."""
    if settings.oauth is not None:
        return f"{settings.oauth.client_id}"
    if settings.access_token_file is not None:
        return str(settings.access_token_file.resolve())
    return settings.access_token.get_secret_value() if settings.access_token else ""
