"""What was forgotten does not come back: the pages of a CRM are cleaned before anything of them is stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from connectors.base import Page, Stream
from mapping.fieldmap import FieldMap
from mapping.forgotten import PEOPLE, Forgotten
from mapping.records import Link, RawRecord
from store import forgotten
from store.sweep import Places, with_contacts
from sync.session import Session


@dataclass(frozen=True, slots=True)
class Keeper:
    """Cleans what one stream of a connection brings; a workspace that forgot nobody gets everything as it is."""

    known: Forgotten
    connection: str
    stream: Stream
    places: Places

    @classmethod
    def of(cls, session: Session, connection: str, stream: Stream) -> Keeper:
        """The keeper of a stream, by what is forgotten now."""
        with session.deps.store.read() as c:
            known = forgotten.known(c, session.ws)
        users = [(connection, stream.name)] if stream.entity == "owner" else []
        return cls(known, connection, stream, Places(users, contact_properties(session.deps.field_maps)))

    def page(self, page: Page) -> Page:
        """The page without records that were forgotten as a whole, and with pseudonyms for people."""
        if not self.known.entries or not page.records:
            return page
        name = self.stream.name
        kept = (one for one in page.records if not self.known.has_record(self.connection, name, one.id))
        return replace(page, records=tuple(self._record(one) for one in kept))

    def links(self, links: Sequence[Link]) -> Sequence[Link]:
        """The links, with pseudonyms for contacts."""
        if not self.known.entries or not self.stream.name.endswith(PEOPLE):
            return links
        return [replace(one, to_id=self.known.contact(self.connection, one.to_id)) for one in links]

    def _record(self, record: RawRecord) -> RawRecord:
        where = (self.connection, self.stream.name)
        properties = self.known.user(record.properties) if where in self.places.users else record.properties
        properties = with_contacts(self.known, where, properties, self.places)
        return replace(record, properties=self.known.value(properties) if self.known.knows_people else properties)


def contact_properties(maps: Mapping[str, FieldMap]) -> dict[tuple[str, str], tuple[str, ...]]:
    """(connection, stream) → the properties in which the id of a contact stands."""
    return properties_of(maps, "contact_ref")


def properties_of(maps: Mapping[str, FieldMap], *fields: str) -> dict[tuple[str, str], tuple[str, ...]]:
    """(connection, stream) → the properties that feed some unified fields, for the streams that have any."""
    found = {
        (name, stream.name): tuple(
            one for item in fields if item in stream.rules for one in stream.rules[item].properties
        )
        for name, field_map in maps.items()
        for stream in field_map
    }
    return {place: names for place, names in found.items() if names}
