"""What a pull costs by REST and by a bulk job, and which of the two an object takes.

A REST page is a call for at most 2,000 rows (200 where rows are wide). A bulk job is created, asked for its state
until it is done, read in pages of 50,000 rows and deleted; from the second page on its pages are listed first, five
to a call. Calls are what an org has a day's allowance of, so they decide; a call saved may cost `SECONDS_A_CALL`.

The seconds are estimates, for Salesforce promises none: a REST page takes about one, a job waits in a queue and then
finds about 10,000 rows a second. With them the ways break even behind eight REST pages.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from connectors.salesforce.jobs import polls
from connectors.salesforce.settings import PullSettings

SECONDS_A_CALL = 5.0
_REST_PAGE_SECONDS = 1.0
_QUEUE_SECONDS = 9.0
_JOB_ROWS_A_SECOND = 10_000.0
_PAGES_A_LISTING = 5
_NARROWEST_PAGE = 200  # rows: what Salesforce cuts pages of wide rows down to


@dataclass(frozen=True, slots=True)
class Cost:
    """Calls of the daily quota, and seconds of waiting for Salesforce."""

    calls: int
    seconds: float

    @property
    def price(self) -> float:
        """Both in one number, in calls."""
        return self.calls + self.seconds / SECONDS_A_CALL


def by_rest(rows: int, page: int) -> Cost:
    """What `rows` rows cost in REST pages of `page` rows."""
    calls = max(1, ceil(rows / max(1, page)))
    return Cost(calls, calls * _REST_PAGE_SECONDS)


def by_bulk(rows: int, pull: PullSettings) -> Cost:
    """What `rows` rows cost as a bulk job."""
    pages = max(1, ceil(rows / pull.bulk_page))
    listings = ceil(pages / _PAGES_A_LISTING) if pages > 1 and pull.bulk_parallel > 1 else 0
    seconds = _QUEUE_SECONDS + rows / _JOB_ROWS_A_SECOND
    return Cost(1 + polls(seconds) + listings + pages + 1, seconds)


class Ways:
    """The way for each object: what the settings say about it, else what is cheaper."""

    def __init__(self, pull: PullSettings) -> None:
        self._pull = pull

    def settled(self, name: str) -> bool | None:
        """Whether a full pull of the object `name` is a bulk job, where that does not depend on its rows."""
        if name in self._pull.never_bulk:
            return False
        return True if name in self._pull.always_bulk or self._pull.bulk_from == 0 else None

    def bulk_pays(self, name: str, rows: int, rest_page: int | None = None) -> bool:
        """Whether `rows` more rows of the object `name` are better read by a job than in pages of `rest_page` rows.

        An object that always goes by bulk does so for whatever does not fit into the page that REST gave already.
        """
        settled = self.settled(name)
        if rows <= 0 or settled is not None:
            return rows > 0 and settled is True
        if self._pull.bulk_from is not None:
            return rows >= self._pull.bulk_from
        page = self._pull.rest_page if rest_page is None else max(rest_page, _NARROWEST_PAGE)
        return by_bulk(rows, self._pull).price < by_rest(rows, page).price
