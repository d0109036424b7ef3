"""Results of a bulk query job: pages in order, some of them read ahead, each proved by its own count of rows."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import requests

from connectors.errors import BadAnswer, ConnectorError, MissingScope, RetryLater
from connectors.http import has_announced_length, lower_headers
from connectors.salesforce.ahead import Ahead
from connectors.salesforce.answers import CallRefused
from connectors.salesforce.client import SalesforceClient
from connectors.salesforce.csv_rows import Row, read_blocks

_LAST = "null"  # the literal text of the locator header on the last page
_ATTEMPTS = 3
_LISTED_SINCE = 58.0  # API version


class JobLost(Exception):
    """The job, or its results, are no longer there."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Rows of a result page, as cells under `header`; `locator` and `skip` say where to go on behind them."""

    header: tuple[str, ...]
    rows: tuple[Row, ...]
    locator: str | None
    skip: int
    last: bool


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a result page is: the words of its address, the locator among them unless it is the first."""

    words: Mapping[str, str]

    @property
    def locator(self) -> str | None:
        return self.words.get("locator")


class Results:
    """Reads the results of jobs; what is in memory does not depend on how many rows there are."""

    def __init__(self, client: SalesforceClient) -> None:
        self._client = client
        self._pull = client.settings.pull

    def chunks(
        self, job: str, locator: str | None = None, skip: int = 0, expected: int | None = None
    ) -> Iterator[Chunk]:
        """Rows of the results of `job` behind `skip` rows of the page at `locator`.

        Where the job has several pages by its own count `expected`, and the API version lists them, a few are
        downloaded at the same time; they are given out in their order all the same. Raises `JobLost` when the results
        are gone, `BadAnswer` when a page stays incomplete.
        """
        places = self._places(job, locator, expected)
        ahead: deque[tuple[_Place, Ahead]] = deque()
        try:
            while True:
                for place in islice(places, self._pull.bulk_parallel - len(ahead)):
                    ahead.append((place, self._download(job, place)))
                place, download = ahead[0]
                following = ahead[1][0] if len(ahead) > 1 else None
                for chunk in self._page(job, place, download, skip, following):
                    skip = chunk.skip
                    yield chunk
                ahead.popleft()
                if chunk.last:
                    return
                if not ahead:
                    places = iter((self._at(chunk.locator),))
        finally:
            for _place, download in ahead:
                download.close()

    def _page(self, job: str, place: _Place, download: Ahead, skip: int, following: _Place | None) -> Iterator[Chunk]:
        """A page's rows; one that breaks off is read again, behind the rows that were given out already."""
        failures = 0
        while True:
            before = skip
            try:
                for chunk in self._rows(download, place, skip, following):
                    skip = chunk.skip
                    yield chunk
                return
            except (BadAnswer, RetryLater) as error:
                failures = 1 if skip > before else failures + 1
                if failures >= _ATTEMPTS:
                    raise
                self._pause(failures, error)
            finally:
                download.close()
            download = self._download(job, place)

    def _rows(self, download: Ahead, place: _Place, skip: int, following: _Place | None) -> Iterator[Chunk]:
        announced = _count(download.headers.get("Sforce-NumberOfRecords"))
        said = download.headers.get("Sforce-Locator") or _LAST
        whole = has_announced_length(lower_headers(download.headers))
        header: tuple[str, ...] = ()
        held: list[Row] = []
        seen = 0
        for block in read_blocks(download.chunks(), self._pull.rows_a_page, whole=whole):
            if not header:
                header = tuple(block.pop(0))
            start, seen = seen, seen + len(block)
            if seen > announced:
                break
            fresh = block[max(0, skip - start) :]
            # The last rows wait for the end: the count alone says that the page is whole.
            if seen == announced:
                held = fresh
            elif fresh:
                yield Chunk(header, tuple(fresh), place.locator, seen, last=False)
        if seen != announced:
            more = " or more" if seen > announced else ""
            raise BadAnswer(f"A result page has {seen}{more} rows where {announced} were announced.", sent=True)
        if following is None and said == _LAST:
            yield Chunk(header, tuple(held), place.locator, seen, last=True)
            return
        # Who asks for pages of another size than before may have skipped all of this one, and some of the next.
        behind = following.locator if following is not None else said
        yield Chunk(header, tuple(held), behind, max(0, skip - announced), last=False)

    def _places(self, job: str, locator: str | None, expected: int | None) -> Iterator[_Place]:
        """The pages from `locator` on as far as they can be known beforehand; the first of them always."""
        given = False
        if self._lists(expected):
            for place in self._listed(job):
                given = given or locator is None or place.locator == locator
                if given:
                    yield place
        if not given:
            yield self._at(locator)

    def _lists(self, expected: int | None) -> bool:
        """Whether a list of the pages is worth a call."""
        several = expected is not None and expected > self._pull.bulk_page
        return several and self._pull.bulk_parallel > 1 and float(self._client.version) >= _LISTED_SINCE

    def _listed(self, job: str) -> Iterator[_Place]:
        """Pages as Salesforce lists them, five to a call; what is missing at the end is found by following locators."""
        words: Mapping[str, str] = {}
        asked: list[Mapping[str, str]] = []
        while words not in asked:
            asked.append(words)
            try:
                answer = self._client.get(f"jobs/query/{job}/resultPages", words)
            except (CallRefused, MissingScope, BadAnswer, RetryLater):
                return  # the list only saves time
            listed: Any = answer if isinstance(answer, Mapping) else {}
            for entry in listed.get("resultPages") or ():
                if not isinstance(entry, Mapping) or not isinstance(entry.get("resultUrl"), str):
                    return
                yield _Place(_words(entry["resultUrl"]))
            link = listed.get("nextRecordsUrl") or listed.get("nextRecordUrl")  # documented in both spellings
            if listed.get("done") or not isinstance(link, str):
                return
            words = _words(link)

    def _at(self, locator: str | None) -> _Place:
        words = {"maxRecords": str(self._pull.bulk_page)}
        return _Place(words | {"locator": locator} if locator else words)

    def _download(self, job: str, place: _Place) -> Ahead:
        return Ahead(lambda: self._open(job, place.words), self._client.body)

    def _open(self, job: str, words: Mapping[str, str]) -> requests.Response:
        try:
            return self._client.stream(f"jobs/query/{job}/results", words)
        except CallRefused as refused:
            if refused.status in {404, 409} or "LOCATOR" in refused.code.upper():
                raise JobLost(str(refused)) from refused
            raise

    def _pause(self, failures: int, error: ConnectorError) -> None:
        self._client.meter.retry()
        asked = error.wait if isinstance(error, RetryLater) else None
        self._client.sleep(asked if asked is not None else 0.5 * 2.0**failures)


def _words(link: str) -> dict[str, str]:
    """What stands behind the question mark; the address itself is known, and not taken from an answer."""
    return dict(parse_qsl(urlsplit(link).query))


def _count(header: str | None) -> int:
    try:
        return int(header or "")
    except ValueError:
        raise BadAnswer("A result page does not say how many rows it has.", sent=True) from None
