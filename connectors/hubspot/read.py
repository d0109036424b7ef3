"""Records by HubSpot's list endpoint and by id.

The list is walked by HubSpot's own token; it has no row cap and does not draw on the search quota. Its order is by
id, so records that change meanwhile do not move.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from urllib.parse import urlencode

from connectors.errors import BadAnswer, ConfigError
from connectors.hubspot.answers import NotFound, Problem, problems
from connectors.hubspot.client import HubSpotClient
from connectors.hubspot.paths import Paths
from connectors.hubspot.records import OBJECT_ID, has_id, next_after, properties_of, rows_of
from connectors.hubspot.schema import Schema
from connectors.hubspot.transport import Request

PAGE = 100
BATCH = 100
LONGEST_QUERY = 6_000
"""Characters of properties in a URL; HubSpot answers 414 at some 16,000, proxies in between earlier."""

Row = dict[str, object]


@dataclass(frozen=True, slots=True)
class Listed:
    """One page of the list; `after` leads to the next one, None on the last."""

    rows: list[Row]
    after: str | None


class Reader:
    """Reads records of any object type."""

    def __init__(self, client: HubSpotClient, paths: Paths, schema: Schema) -> None:
        self._client = client
        self._paths = paths
        self._schema = schema

    def listed(
        self, kind: str, properties: Sequence[str], *, after: str | None = None, archived: bool = False
    ) -> Iterator[Listed]:
        """Pages of all records of `kind` from `after` on.

        Properties that would make the address too long are read by id in a second call. A token from earlier that
        HubSpot does not take any more costs the pages before it, which are read again. Raises `BadAnswer` when HubSpot
        gives the same token twice.
        """
        wide = len(urlencode({"properties": ",".join(properties)})) > LONGEST_QUERY
        asked = (OBJECT_ID,) if wide else properties
        seen: set[str] = set()
        while True:
            page = self._page_or_first(kind, asked, after, archived=archived, fresh=bool(seen))
            if wide and page.rows:
                page = Listed(self.completed(kind, page.rows, properties, archived=archived), page.after)
            if not archived:
                self._schema.check_page(kind, properties, page.rows)
            if page.after is not None and page.after in seen:
                raise BadAnswer(f"HubSpot's list of {kind} leads in a circle at {page.after!r}.", sent=True)
            yield page
            if page.after is None:
                return
            seen.add(page.after)
            after = page.after

    def by_ids(
        self,
        kind: str,
        ids: Sequence[str],
        properties: Sequence[str],
        *,
        archived: bool = False,
        key: str | None = None,
    ) -> tuple[dict[str, Row], tuple[Problem, ...]]:
        """Up to 100 records by id, and what HubSpot said about the ids that it did not find.

        With `key`, a unique property, the ids given are its values; the rows come by HubSpot's ids all the same.
        """
        request = Request(
            "POST",
            self._paths.objects(kind, "batch", "read"),
            (("archived", "true"),) if archived else (),
            {"properties": list(properties), "inputs": [{"id": one} for one in ids]}
            | ({} if key is None else {"idProperty": key}),
        )
        body = self._client.read(request, check=partial(_check_rows, request.what))
        found = {str(row["id"]): row for row in rows_of(body, request.what)}
        return found, tuple(batch_problems(body))

    def completed(
        self, kind: str, rows: Sequence[Row], properties: Sequence[str], *, archived: bool = False
    ) -> list[Row]:
        """The same records with all of `properties`, without those that were deleted meanwhile.

        Raises `BadAnswer` when HubSpot leaves out a record without saying that it does not have it.
        """
        complete: list[Row] = []
        for start in range(0, len(rows), BATCH):
            part = rows[start : start + BATCH]
            ids = [str(row["id"]) for row in part]
            found, problems = self.by_ids(kind, ids, properties, archived=archived)
            gone = {one for problem in problems if problem.not_found() for one in problem.ids}
            for one in (one for one in ids if one not in found and one not in gone):
                if not archived and self._is_there(kind, one):
                    raise BadAnswer(f"HubSpot's batch read of {kind} leaves out record {one}.", sent=True)
            complete += [found[one] | _archive_marks(row) for one, row in zip(ids, part, strict=True) if one in found]
        return complete

    def checked(self, kind: str, rows: Sequence[Row], properties: Sequence[str]) -> list[Row]:
        """As `completed`, for live records; raises `SchemaDrift` when a property vanished meanwhile."""
        complete = self.completed(kind, rows, properties)
        self._schema.check_page(kind, properties, complete)
        return complete

    def _is_there(self, kind: str, record_id: str) -> bool:
        row = self.one(kind, record_id)
        return row is not None and str(row["id"]) == record_id

    def one(self, kind: str, record_id: str, properties: Sequence[str] = (), *, key: str | None = None) -> Row | None:
        """One record, found under an old id as well (its `id` is then another one); None when it is gone.

        `key` is the unique property that `record_id` is a value of.
        """
        asked = {"properties": ",".join(properties), "idProperty": key or ""}
        query = tuple((name, value) for name, value in asked.items() if value)
        request = Request("GET", self._paths.objects(kind, record_id), query)
        try:
            row = self._client.read(request)
        except NotFound:
            return None
        if not has_id(row):
            raise BadAnswer(f"{request.what}: the answer is not a record.", sent=True)
        return row

    def _page_or_first(
        self, kind: str, properties: Sequence[str], after: str | None, *, archived: bool, fresh: bool
    ) -> Listed:
        try:
            return self._page(kind, properties, after, archived=archived)
        except (ConfigError, NotFound):
            if after is None or fresh:
                raise
            return self._page(kind, properties, None, archived=archived)

    def _page(self, kind: str, properties: Sequence[str], after: str | None, *, archived: bool) -> Listed:
        query = [("limit", str(PAGE)), ("properties", ",".join(properties))]
        if after is not None:
            query.append(("after", after))
        if archived:
            query.append(("archived", "true"))
        request = Request("GET", self._paths.objects(kind), tuple(query))
        body = self._client.read(request, check=partial(_check_rows, request.what))
        return Listed(rows_of(body, request.what), next_after(body))


def _check_rows(what: str, body: Mapping[str, object]) -> None:
    """A page without records is no page: raises `BadAnswer` where it is still worth another attempt."""
    rows_of(body, what)


def batch_problems(body: Mapping[str, object]) -> Iterator[Problem]:
    """Everything that a batch answer's `errors` say; the status stays COMPLETE even when there are some."""
    errors = body.get("errors")
    for entry in errors if isinstance(errors, list) else ():
        if isinstance(entry, dict):
            yield from problems(entry)


def _archive_marks(row: Row) -> Row:
    return {name: row[name] for name in ("archived", "archivedAt") if name in row}


def values_of(row: Row, names: Sequence[str], defined: Mapping[str, object] | None) -> dict[str, object]:
    """Values of `names`; what the answer leaves out is empty when it is defined, and unknown (left out) otherwise."""
    properties = properties_of(row)
    return {name: properties.get(name) for name in names if name in properties or (defined and name in defined)}
