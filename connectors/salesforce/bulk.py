"""Bulk API 2.0 queries: one job, its results streamed page by page with a count for each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import requests

from connectors.errors import BadAnswer, ConnectorError, MissingScope, RetryLater
from connectors.http import has_announced_length, lower_headers
from connectors.salesforce import jobs
from connectors.salesforce.answers import CallRefused, NotOurs, lacks_resource
from connectors.salesforce.client import SalesforceClient
from connectors.salesforce.csv_rows import read_rows

_LAST = "null"  # the literal text of the locator header on the last page


class NotForBulk(Exception):
    """This query cannot be run as a bulk job; REST can do it."""


class JobLost(Exception):
    """The job, or its results, are no longer there."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Rows of a result page, as cells under `header`; `locator` and `skip` say where to go on behind them."""

    header: tuple[str, ...]
    rows: tuple[list[str], ...]
    locator: str | None
    skip: int
    last: bool


class BulkQuery:
    """Starts, awaits and reads query jobs; `rows_a_chunk` bounds what is in memory at a time."""

    def __init__(self, client: SalesforceClient) -> None:
        self._client = client
        self._pull = client.settings.pull

    def start(self, soql: str, *, include_deleted: bool = False) -> str:
        """Create a job and return its id; raises `NotForBulk` where Salesforce does not take the query."""
        body = {
            "operation": "queryAll" if include_deleted else "query",
            "query": soql,
            "contentType": "CSV",
            "columnDelimiter": "COMMA",
            "lineEnding": "LF",
        }
        try:
            # A repeated creation costs a job that nobody reads, never a row.
            return str(self._client.retrying(lambda: jobs.create(self._client, "query", body)))
        except (CallRefused, MissingScope) as refused:
            raise NotForBulk(str(refused)) from refused  # whatever is wrong, REST can do it or say it better
        except NotOurs as refused:
            if not lacks_resource(refused):
                raise
            raise NotForBulk(str(refused)) from refused

    def wait(self, job: str) -> int | None:
        """Wait until `job` is done and return how many rows it found, or None where it does not say so.

        Raises `NotForBulk` when it failed or was aborted, `JobLost` when it is gone, `RetryLater` when it takes longer
        than the configured deadline.
        """
        try:
            info = jobs.wait(self._client, "query", job)
        except CallRefused as refused:
            if refused.status in {404, 409}:
                raise JobLost(str(refused)) from refused
            raise
        if info["state"] != "jobcomplete":
            said = info.get("errorMessage") or "Salesforce gives no reason"
            raise NotForBulk(f"The bulk job {job} has {info['state']}: {said}")
        found = info.get("numberRecordsProcessed")
        return found if isinstance(found, int) else None

    def chunks(self, job: str, locator: str | None = None, skip: int = 0) -> Iterator[Chunk]:
        """Rows of the results of `job` from a place on, each page checked against its announced count.

        A page that breaks off is read again from its locator, behind the rows that were given out already.
        """
        while True:
            failures = 0
            while True:
                before = skip
                try:
                    for chunk in self._page(job, locator, skip):
                        skip = chunk.skip
                        yield chunk
                    break
                except (BadAnswer, RetryLater) as error:
                    failures = 1 if skip > before else failures + 1
                    if failures >= 3:
                        raise
                    self._pause(failures, error)
            if chunk.last:
                return
            locator, skip = chunk.locator, 0

    def finish(self, job: str) -> None:
        """Delete a job whose results were read; that it cannot be deleted changes nothing."""
        try:
            self._client.send("DELETE", f"jobs/query/{job}")
        except ConnectorError:
            return  # it goes by itself after seven days

    def _page(self, job: str, locator: str | None, skip: int) -> Iterator[Chunk]:
        params = {"maxRecords": str(self._pull.bulk_page)}
        if locator:
            params["locator"] = locator
        response = self._open(job, params)
        try:
            yield from self._rows(response, locator, skip)
        finally:
            response.close()

    def _open(self, job: str, params: Mapping[str, str]) -> requests.Response:
        try:
            return self._client.stream(f"jobs/query/{job}/results", params)
        except CallRefused as refused:
            if refused.status in {404, 409} or "LOCATOR" in refused.code.upper():
                raise JobLost(str(refused)) from refused
            raise

    def _rows(self, response: requests.Response, locator: str | None, skip: int) -> Iterator[Chunk]:
        announced = _count(response.headers.get("Sforce-NumberOfRecords"))
        following = response.headers.get("Sforce-Locator") or _LAST
        rows = read_rows(self._client.body(response), whole=has_announced_length(lower_headers(response.headers)))
        header = tuple(next(rows, ()))
        held: list[list[str]] = []
        seen = 0
        for row in rows:
            seen += 1
            if seen > skip:
                held.append(row)
            # The last chunk waits for the count: it alone says that the page is whole.
            if len(held) >= self._pull.rows_a_page and seen < announced:
                yield Chunk(header, tuple(held), locator, seen, last=False)
                held = []
        if seen != announced:
            raise BadAnswer(f"A result page has {seen} rows where {announced} were announced.", sent=True)
        yield Chunk(header, tuple(held), None if following == _LAST else following, 0, last=following == _LAST)

    def _pause(self, failures: int, error: ConnectorError) -> None:
        self._client.meter.retry()
        asked = error.wait if isinstance(error, RetryLater) else None
        self._client.sleep(asked if asked is not None else 0.5 * 2.0**failures)


def _count(header: str | None) -> int:
    try:
        return int(header or "")
    except ValueError:
        raise BadAnswer("A result page does not say how many rows it has.", sent=True) from None
