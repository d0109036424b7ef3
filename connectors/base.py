"""The contract between the engine and a connector: what is pulled, what is written, what comes back.

Cursors belong to the engine: a connector yields pages that carry their own position and high-water mark and
keeps no state of its own between calls, except its session and its budget.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal, Protocol

from mapping.records import FieldSpec, Link, RawRecord, Ref

if TYPE_CHECKING:
    from connectors.made import Entries, Tasks


@dataclass(frozen=True, slots=True)
class Stream:
    """Something that can be pulled.

    `kind` is `records` (rows with a modification stamp), `links` (associations of the records of `ids_from`) or
    `reference` (small lists read whole on each run: owners, stages). `properties` are the vendor's property names
    to request. `optional` streams may be absent in a CRM (no licence, no scope) and then count as not connected.
    `full_every` is how long increments may stand in for a full read, where some changes never show in an increment
    (hard deletes, formula fields, edited associations); None leaves it to the engine.
    """

    name: str
    entity: str
    kind: Literal["records", "links", "reference"] = "records"
    properties: tuple[str, ...] = ()
    ids_from: str | None = None
    optional: bool = False
    full_every: timedelta | None = None


@dataclass(frozen=True, slots=True)
class StreamMap:
    """What the field map wants of one stream, in the vendor's property names.

    `custom` are properties of the default map that a CRM may lack (vendor property → unified fields that are then
    not connected); `explicit` are properties that the user named in the configuration: lacking one is an error.
    """

    entity: str
    properties: tuple[str, ...]
    custom: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    explicit: frozenset[str] = frozenset()

    def unfilled(self, present: Iterable[str]) -> tuple[str, ...]:
        """The unified fields that none of the properties which are `present` feeds, though custom ones would."""
        there = set(present)
        fed = {unified for prop in there for unified in self.custom.get(prop, ())}
        wanted = dict.fromkeys(one for prop, fields in self.custom.items() if prop not in there for one in fields)
        return tuple(unified for unified in wanted if unified not in fed)


@dataclass(frozen=True, slots=True)
class Window:
    """What to pull: `since=None` means everything; `position` resumes where an earlier pull of this window stopped.

    `carry` is what the last page of the window before this one left for it. `archived` says
    how much is read of the records that a CRM lists apart and without dates: one part of a round from window to window,
    none (of several windows one is enough to bring them), or all.
    """

    since: datetime | None = None
    until: datetime | None = None
    position: str | None = None
    carry: str | None = None
    archived: Literal["round", "none", "all"] = "round"


@dataclass(frozen=True, slots=True)
class Page:
    """Rows that belong together in one transaction.

    `position` resumes after this page; `complete` is true on the last page only, and then `expected` is the number
    of rows that the vendor said the window has, where it says so (the completeness proof). `high_water` is the next
    window's `since` as far as this page proves it, with the vendor's overlap already taken off. `carry`, on the last
    page only, is handed to the next window of the stream: where a rotation that one window cannot finish stands.
    """

    records: tuple[RawRecord, ...] = ()
    links: tuple[Link, ...] = ()
    position: str | None = None
    complete: bool = False
    high_water: datetime | None = None
    expected: int | None = None
    carry: str | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """Properties of one record to write: vendor's property name → canonical value (None clears it).

    Canonical values are text: numbers in plain decimal notation, dates `YYYY-MM-DD`, instants
    `YYYY-MM-DDTHH:MM:SSZ`, enumerations by their value. `new` makes the record, under the key that its `ref` holds.
    """

    ref: Ref
    values: Mapping[str, str | None]
    new: bool = False


OutcomeKind = Literal["confirmed", "rejected", "gone", "pending", "in_doubt"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one `Change`; `property` names the property at fault where the vendor said so.

    `gone` with `merged_into` set means that the record lives on under another id. `record_id` is the CRM's own id of a
    record that is addressed by its key, where the CRM told it.
    """

    ref: Ref
    kind: OutcomeKind
    reason: str = ""
    code: str = ""
    property: str | None = None
    merged_into: str | None = None
    record_id: str | None = None


@dataclass(frozen=True, slots=True)
class Observed:
    """Current values of a record's properties as the CRM has them; `missing` when the record is not there.

    `record_id` is the CRM's own id of a record that is addressed by its key.
    """

    ref: Ref
    values: Mapping[str, object] = field(default_factory=dict)
    missing: bool = False
    merged_into: str | None = None
    record_id: str | None = None


ChangedBy = Literal["ours", "somebody", "unknown"]


@dataclass(frozen=True, slots=True)
class LastChange:
    """Who changed last what a CRM shows in a property, and when, as far as the CRM tells.

    `of` says how far that goes: `property` is about this very value, which is then given raw as `value`; `record` only
    names the last writer of the record, who need not have touched this property. `ours` are the credentials of this
    connection. `kind` (person, integration, workflow, import, user, or the vendor's word) and `who` (the vendor's id)
    describe whoever it was.
    """

    ref: Ref
    property: str
    by: ChangedBy = "unknown"
    of: Literal["property", "record"] = "property"
    value: object = None
    kind: str = ""
    who: str = ""
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Capabilities:
    """How the destination can be written: rows a write call, rows a read call, outcome a row or all-or-nothing."""

    write_batch: int
    read_batch: int
    partial_success: bool


FieldAction = Literal["exists", "create", "by_hand", "conflict", "unreadable"]


@dataclass(frozen=True, slots=True)
class FieldFinding:
    """What `fields plan` says about one property: there, to be created (by us, or only by hand), or in the way."""

    spec: FieldSpec
    property: str
    action: FieldAction
    detail: str = ""


class FieldProvisioner(Protocol):
    """Reads, plans and creates the custom properties that Keepwell owns."""

    def property_name(self, spec: FieldSpec) -> str:
        """Name of `spec` in this CRM, prefix and suffix included."""
        ...

    def plan(self, specs: Sequence[FieldSpec]) -> list[FieldFinding]:
        """Compare `specs` with the CRM; costs a call or two, changes nothing."""
        ...

    def apply(self, findings: Sequence[FieldFinding]) -> list[FieldFinding]:
        """Create what is to be created (and grant access to it) and return the findings as they are afterwards."""
        ...


@dataclass(frozen=True, slots=True)
class Check:
    """One line of `doctor`: what was looked at, whether it is fine, what to do if it is not."""

    name: str
    status: Literal["ok", "warning", "error"]
    detail: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Definition:
    """What a CRM says about one property; `mapped` when a field reads it, `custom` when it is not the vendor's own.

    `options` are the values of an enumeration, where the property is mapped.
    """

    type: str
    options: tuple[str, ...] = ()
    mapped: bool = False
    custom: bool = False


@dataclass(frozen=True, slots=True)
class Usage:
    """Requests made by this connector since it was opened."""

    requests: int = 0
    throttled: int = 0
    retried: int = 0


class Source(Protocol):
    """Where records come from."""

    def streams(self) -> Sequence[Stream]:
        """What can be pulled with the configured field map, parents before children, links after their records."""
        ...

    def pages(self, stream: Stream, window: Window, ids: Iterable[str] = ()) -> Iterator[Page]:
        """Pages of a stream; `ids` are the records whose links a `links` stream reads.

        Raises any `ConnectorError`; whatever was yielded before stays valid.
        """
        ...

    def count(self, stream: Stream, window: Window) -> int | None:
        """About how many rows a window of a records stream has, for one cheap call; None where the CRM does not say.

        The window needs `since` and `until`. What this returns is for progress only, it proves nothing.
        """
        ...

    def all_ids(self, stream: Stream) -> Iterator[str]:
        """Every live id of a stream, for reconciliation."""
        ...

    def lookup(self, stream: Stream, ids: Sequence[str]) -> Iterator[Page]:
        """The records of a records stream behind `ids`, as they are now; an id that no page brings is gone.

        Archived and merged records may come, marked as such.
        """
        ...


class Records(Protocol):
    """Records of one object that are read and written one batch after the other."""

    @property
    def capabilities(self) -> Capabilities: ...

    def read_values(self, refs: Sequence[Ref], properties: Sequence[str]) -> list[Observed]:
        """Current values, one `Observed` a ref, in any order."""
        ...

    def write(self, batch: Sequence[Change]) -> list[Outcome]:
        """Write at most `capabilities.write_batch` changes in one attempt; one Outcome a Change, always.

        Never retries a request whose answer was lost (those rows are `in_doubt`); bisects a batch that the vendor
        refused as a whole. Raises `CredentialsError` or `QuotaExhausted` only when surely nothing was written.
        """
        ...


class Destination(Records, Protocol):
    """Where values go."""

    @property
    def account_object(self) -> str:
        """The CRM's own name of the object that carries account fields (`companies`, `Account`)."""
        ...

    def fields(self) -> FieldProvisioner: ...

    def tasks(self) -> Tasks | None:
        """The tasks that alerts become; None where the configuration does not ask for them."""
        ...

    def entries(self) -> Entries | None:
        """The entries on timelines that falls of health become; None where the configuration does not ask for them."""
        ...

    def last_changes(self, refs: Sequence[Ref], properties: Sequence[str]) -> list[LastChange]:
        """Who set the values that are there: one `LastChange` a ref and property, in any order.

        What the CRM does not tell, or may not be asked, is `unknown`; so is all about a record that is not there.
        """
        ...

    def write_cost(self, records: int, read_back: int = 0) -> int:
        """API calls that writing `records` takes, guard reads and the reading back of `read_back` of them included."""
        ...


class Connector(Source, Destination, Protocol):
    """A CRM: source, destination, and what the operator wants to know about it."""

    name: str
    type: str

    def identity(self) -> str:
        """The CRM account behind the credentials (portal id, organisation id), empty when the CRM does not tell it."""
        ...

    def checks(self) -> list[Check]:
        """Findings for `doctor`: credentials, scopes, quota left, mapped properties that are missing."""
        ...

    def not_connected(self) -> Mapping[str, tuple[str, ...]]:
        """Stream → unified fields of the default map whose property this CRM does not have (or hides)."""
        ...

    def schema(self) -> Mapping[str, Mapping[str, Definition]]:
        """Stream → property → definition, of the records streams whose definitions may be read.

        Sends nothing but what a pull asks as well.
        """
        ...

    def usage(self) -> Usage: ...

    def quota_left(self) -> int | None:
        """Requests left of the day's quota, the reserve included; None before the CRM said anything about it."""
        ...

    def close(self) -> None: ...
