"""Who took part in an event: links from events to contacts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

from connectors.base import Page
from connectors.salesforce import soql
from connectors.salesforce.client import SalesforceClient
from connectors.salesforce.schema import ObjectInfo, Schema
from connectors.salesforce.streams import ATTENDEES
from mapping.records import Link

_CONTACT = "003"  # key prefix of Contact ids
_EVENTS_A_QUERY = 300


def attendees(client: SalesforceClient, schema: Schema, ids: Iterable[str]) -> Iterator[Page]:
    """Links of the given events, a page for each few hundred; without EventRelation an event has one contact."""
    relation = schema.object("EventRelation")
    # Only with Shared Activities does EventRelation hold the event's own contact beside the invited ones.
    whole = relation is not None and relation.has("IsWhat")
    rest = iter(ids)
    while events := list(islice(rest, _EVENTS_A_QUERY)):
        found: list[tuple[str, str]] = []
        if relation is not None:
            found += ((str(r["EventId"]), str(r["RelationId"])) for r in client.rows(_relations(events, relation)))
        if not whole:
            found += ((str(r["Id"]), str(r["WhoId"])) for r in client.rows(_single(events)))
        pairs = dict.fromkeys(found)
        links = (Link(ATTENDEES, event, contact) for event, contact in pairs if contact.startswith(_CONTACT))
        yield Page(links=tuple(links))
    yield Page(complete=True)


def _relations(events: list[str], relation: ObjectInfo) -> str:
    where = [soql.one_of("EventId", events)] + (["IsWhat = false"] if relation.has("IsWhat") else [])
    return soql.select(("Id", "EventId", "RelationId"), "EventRelation", where)


def _single(events: list[str]) -> str:
    return soql.select(("Id", "WhoId"), "Event", (soql.one_of("Id", events), "WhoId != null"))
