"""Who took part in an event: links from events to contacts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

from connectors.base import Page
from connectors.salesforce import soql
from connectors.salesforce.client import SalesforceClient
from connectors.salesforce.schema import Schema
from connectors.salesforce.streams import ATTENDEES
from mapping.records import Link

_CONTACT = "003"  # key prefix of Contact ids
_EVENTS_A_QUERY = 300


def attendees(client: SalesforceClient, schema: Schema, ids: Iterable[str]) -> Iterator[Page]:
    """Links of the given events, a page for each few hundred; an org without EventRelation has one contact each."""
    several = schema.object("EventRelation") is not None
    rest = iter(ids)
    while events := list(islice(rest, _EVENTS_A_QUERY)):
        query = _relations(events) if several else _single(events)
        pairs = dict.fromkeys(
            (str(row["EventId" if several else "Id"]), str(row["RelationId" if several else "WhoId"]))
            for row in client.rows(query)
        )
        links = (Link(ATTENDEES, event, contact) for event, contact in pairs if contact.startswith(_CONTACT))
        yield Page(links=tuple(links))
    yield Page(complete=True)


def _relations(events: list[str]) -> str:
    where = (soql.one_of("EventId", events), "IsWhat = false")
    return soql.select(("Id", "EventId", "RelationId"), "EventRelation", where)


def _single(events: list[str]) -> str:
    return soql.select(("Id", "WhoId"), "Event", (soql.one_of("Id", events), "WhoId != null"))
