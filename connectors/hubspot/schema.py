"""What properties this portal has: read once an object type, checked before and while records are pulled."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from threading import RLock

from connectors.base import Definition, StreamMap
from connectors.errors import BadAnswer, MissingScope, SchemaDrift
from connectors.hubspot.answers import NotFound
from connectors.hubspot.client import HubSpotClient
from connectors.hubspot.paths import Paths
from connectors.hubspot.records import MERGED, MODIFIED, OBJECT_ID, properties_of
from connectors.hubspot.transport import Request
from connectors.hubspot.won import WON_AT, WonAt

SYSTEM = frozenset({MODIFIED, MERGED, OBJECT_ID})
"""Asked for whether or not a portal defines them: asking for what is not there costs nothing."""

UNDEFINED = SYSTEM | {WON_AT}
"""What a field map may name although no portal defines it."""

ALWAYS: Mapping[str, frozenset[str]] = {
    "companies": frozenset({"name", "domain"}),
    "deals": frozenset({"dealname", "amount", "closedate", "pipeline", "dealstage"}),
    "tickets": frozenset({"subject", "hs_pipeline", "hs_pipeline_stage"}),
}
"""What HubSpot documents as given when nothing is asked for: a portal without them is not read as it is."""


@dataclass(frozen=True, slots=True)
class Property:
    """The definition of one property, as far as reading and writing it needs."""

    name: str
    type: str
    options: tuple[Mapping[str, object], ...] = ()
    read_only: bool = False
    custom: bool = False
    unique: bool = False


class Schema:
    """Property definitions of the object types that the field map uses. Safe for threads."""

    def __init__(
        self, client: HubSpotClient, paths: Paths, maps: Mapping[str, StreamMap], won_at: WonAt | None = None
    ) -> None:
        self._client = client
        self._paths = paths
        self._maps = maps
        self._won_at = won_at
        self._lock = RLock()
        self._known: dict[str, dict[str, Property]] = {}
        self._omits_empty: dict[str, frozenset[str]] = {}

    def definitions(self, kind: str, *, fresh: bool = False) -> Mapping[str, Property]:
        """Definitions by name, read from HubSpot the first time or when `fresh`."""
        with self._lock:
            if fresh or kind not in self._known:
                self._known[kind] = {found.name: found for found in self._read(kind)}
            return self._known[kind]

    def known(self, kind: str) -> Mapping[str, Property] | None:
        """Definitions without asking HubSpot; None before they were read."""
        return self._known.get(kind)

    def preload(self, kinds: Iterable[str]) -> None:
        """Read the definitions that we may read; what is forbidden is reported when that stream is pulled."""
        for kind in kinds:
            try:
                self.definitions(kind)
            except (MissingScope, NotFound):
                continue

    def archived(self, kind: str) -> frozenset[str]:
        """Names of archived properties; creating one of them revives it."""
        request = Request("GET", self._paths.properties(kind), (("archived", "true"),))
        return frozenset(found.name for found in _definitions(self._client.read(request), request.what))

    def wanted(self, kind: str) -> tuple[str, ...]:
        """Properties to request: the mapped ones that exist, and those that the pull itself needs.

        Raises `SchemaDrift` when a property that every portal has, or an explicitly configured one, does not exist:
        asking for it would not fail but be ignored, and its absence would be read as "empty".
        """
        defined = self.definitions(kind)
        if lost := self.lost(kind):
            raise SchemaDrift(
                f"HubSpot has no property {', '.join(lost)} on {kind}.",
                hint="Create it, or map the field to another property under fields in the configuration.",
            )
        names = self.requested(kind, defined)
        if self._won_at is None or WON_AT not in names:
            return names
        return tuple(sorted({*names, *self._won_at.properties(defined)} - {WON_AT}))

    def requested(self, kind: str, defined: Mapping[str, Property] | None) -> tuple[str, ...]:
        """The properties of the field map that `defined` has (all of them when it is None), sorted."""
        names = {*self._maps[kind].properties, MODIFIED, MERGED}
        return tuple(sorted(name for name in names if defined is None or name in defined or name in UNDEFINED))

    def lost(self, kind: str) -> tuple[str, ...]:
        """Mapped properties that do not exist although every portal has them or the configuration names them."""
        always = ALWAYS.get(kind, frozenset())
        return tuple(name for name in self._absent(kind) if name in always or name in self._maps[kind].explicit)

    def lacking(self, kind: str) -> tuple[str, ...]:
        """HubSpot's own properties of the default map that this portal, by its edition, does not have."""
        known = {*self.lost(kind), *self._maps[kind].custom}
        return tuple(name for name in self._absent(kind) if name not in known)

    def not_connected(self, kind: str) -> tuple[str, ...]:
        """Unified fields of the default map without a property here; `lacking` ones by the property's name.

        A field that several properties can fill has one as long as the portal has any of them.
        """
        custom, absent = self._maps[kind].custom, self._absent(kind)
        filled = {field for name, fields in custom.items() if name not in absent for field in fields}
        fields = {field for name in absent for field in custom.get(name, ())}
        return tuple(sorted((fields - filled) | set(self.lacking(kind))))

    def described(self, kind: str) -> dict[str, Definition]:
        """Every definition, the options only of what the map names."""
        wanted = self._maps[kind].properties
        return {
            name: Definition(
                found.type,
                tuple(str(option.get("value", "")) for option in found.options) if name in wanted else (),
                mapped=name in wanted,
                custom=found.custom,
            )
            for name, found in self.definitions(kind).items()
        }

    def _absent(self, kind: str) -> tuple[str, ...]:
        defined = self.definitions(kind)
        wanted = self._maps[kind].properties
        return tuple(sorted(name for name in wanted if name not in defined and name not in UNDEFINED))

    def check_page(self, kind: str, requested: Sequence[str], rows: Sequence[Mapping[str, object]]) -> None:
        """Raise `SchemaDrift` when a requested property vanished while records were pulled.

        HubSpot silently leaves out a property that is not defined (any more). Where a portal leaves out empty ones
        as well, absence proves nothing and the definitions decide, read again once for each new absence.
        """
        if not rows:
            return
        seen = {name for row in rows for name in properties_of(row)}
        absent = frozenset(requested) - seen
        with self._lock:
            new = absent - self._omits_empty.get(kind, frozenset())
            if not new:
                return
            defined = self.definitions(kind, fresh=True)
            gone = sorted(name for name in new if name not in defined and name not in SYSTEM)
            if gone:
                raise SchemaDrift(
                    f"The property {', '.join(gone)} of {kind} was removed while its records were read.",
                    hint="Restore it or change the field map; nothing is computed from this pull.",
                )
            self._omits_empty[kind] = self._omits_empty.get(kind, frozenset()) | new

    def _read(self, kind: str) -> list[Property]:
        request = Request("GET", self._paths.properties(kind))
        return _definitions(self._client.read(request), request.what)


def _definitions(body: Mapping[str, object], what: str) -> list[Property]:
    results = body.get("results")
    if not isinstance(results, list):
        raise BadAnswer(f"{what}: the answer has no list of properties.", sent=True)
    return [definition(entry) for entry in results if isinstance(entry, dict)]


def definition(entry: Mapping[str, object]) -> Property:
    """One property definition from HubSpot's JSON."""
    metadata, options = entry.get("modificationMetadata"), entry.get("options")
    read_only = isinstance(metadata, dict) and metadata.get("readOnlyValue") is True
    return Property(
        name=str(entry.get("name", "")),
        type=str(entry.get("type", "")),
        options=tuple(option for option in options if isinstance(option, dict)) if isinstance(options, list) else (),
        read_only=read_only or entry.get("calculated") is True,
        custom=entry.get("hubspotDefined") is not True,
        unique=entry.get("hasUniqueValue") is True,
    )
