"""Who took part in meetings: links from activities of the timeline to persons.

Gainsight's pages do not describe the object that tells it, so the connection names it and its fields. Such an object
need not have ids of its own: it is asked for by meetings, in parts that leave an answer short.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from connectors.base import Page
from connectors.errors import BadAnswer, SchemaDrift
from connectors.gainsight.answers import NotFound, RequestRefused
from connectors.gainsight.client import GainsightClient
from connectors.gainsight.paging import gathered
from connectors.gainsight.query import GSID, MOST_ROWS, Row, among, body, query
from connectors.gainsight.schema import Schema
from connectors.gainsight.settings import AttendeeSettings
from connectors.gainsight.streams import ATTENDEES, TIMELINE
from mapping.records import Link

_MEETINGS_A_QUERY = 200


class Attendance:
    """Reads the persons of meetings from the object that `named` describes."""

    def __init__(self, client: GainsightClient, schema: Schema, named: AttendeeSettings) -> None:
        self._client = client
        self._schema = schema
        self._named = named
        self._longest = 0  # rows of an answer so far; threads that forget each other's ask once more

    def pages(self, meetings: Iterable[str]) -> Iterator[Page]:
        """Links of the given meetings, a page for each few hundred."""
        rest = iter(meetings)
        try:
            while part := list(islice(rest, _MEETINGS_A_QUERY)):
                known = self._keys(part)
                pairs = dict.fromkeys(
                    (known[str(row[self._named.meeting])], str(row[self._named.person]))
                    for row in self._rows(list(known))
                    if row[self._named.person] and str(row[self._named.meeting]) in known
                )
                yield Page(links=tuple(Link(ATTENDEES, meeting, person) for meeting, person in pairs))
        except (NotFound, RequestRefused) as refused:
            self._schema.forget(self._named.object)
            raise SchemaDrift(refused.message, hint="Check timeline.attendees, then run again.") from refused
        yield Page(complete=True)

    def _keys(self, meetings: Sequence[str]) -> dict[str, str]:
        """Meetings by what the object of attendees calls them."""
        key = self._named.meeting_key
        if key == GSID:
            return {one: one for one in meetings}
        rows = gathered(self._client, TIMELINE, (key,), GSID, meetings)
        return {str(row[key]): row[GSID] for row in rows if row[key]}

    def _rows(self, meetings: Sequence[str]) -> Iterator[Row]:
        """Every row of the given meetings; an answer that may be cut is asked for again in halves.

        It is whole when it is shorter than another one: a tenant may give fewer rows than it is asked for.
        """
        if not meetings:
            return
        alone = len(meetings) == 1
        fields, limit = (
            (self._named.meeting, self._named.person),
            MOST_ROWS if alone else self._client.settings.pull.page,
        )
        asked = body(fields, (among(self._named.meeting, meetings),), limit=limit, order=self._named.meeting)
        rows = query(self._client, self._named.object, asked)
        whole = len(rows) < min(limit, self._longest)
        self._longest = max(self._longest, len(rows))
        if whole or not rows or (alone and len(rows) < limit):
            yield from rows
        elif alone:
            raise BadAnswer(
                f"A meeting has {limit:,} attendees or more in {self._named.object}.",
                hint="Check timeline.attendees: `meeting` has to be the field that names the meeting.",
                sent=True,
            )
        else:
            half = len(meetings) // 2
            yield from self._rows(meetings[:half])
            yield from self._rows(meetings[half:])
