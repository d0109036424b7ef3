"""Going on where a pull stopped: from every position of every stream, a new connection reads what is left."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from connectors.base import Connector, Page, Stream, Window
from connectors.testing.crm import CrmUnderTest, accounts, live, require
from mapping.records import Link, RawRecord

_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
_UNKNOWN = 1_100
"""Records without links that are asked about as well, so that the links of a small sandbox fill several pages."""


def check_resume(crm: CrmUnderTest) -> None:
    """From each position of a full pull a new connection reads exactly what is left, whatever the stream."""
    for stream in _record_streams(crm.connect()):
        pages = _resumable(crm, stream, Window())
        if stream == accounts(crm.connect()):
            require(set(live(pages)) == crm.live_ids(), "a full pull must bring exactly the live records")


def check_increment_resume(crm: CrmUnderTest) -> None:
    """From each position of an increment a new connection reads what is left, whatever the stream."""
    for stream in _record_streams(crm.connect()):
        pages = _resumable(crm, stream, Window(since=_LONG_AGO))
        if stream == accounts(crm.connect()):
            require(set(live(pages)) >= crm.live_ids(), "an increment since long ago must bring every live record")


def check_resume_before_the_end(crm: CrmUnderTest) -> None:
    """What a pull keeps at the vendor until its end (a job, a query) can be gone on with while it is there."""
    for stream in _record_streams(crm.connect()):
        whole = _records(crm.connect().pages(stream, Window()))
        kept: list[Page] = []
        for page in crm.connect().pages(stream, Window()):
            kept.append(page)
            if page.complete:
                break
            missing = whole.keys() - _records(kept).keys()
            rest = crm.connect().pages(stream, Window(position=page.position))
            while missing:  # never to the end of the pull, where what it kept is given up
                following = next(rest, None)
                require(
                    following is not None, f"{stream.name}: after page {len(kept)}, {len(missing)} rows are missing"
                )
                missing -= _records([following] if following else []).keys()


def check_links_resume(crm: CrmUnderTest) -> None:
    """Links of records that are read in parts, or from a position on, are those of one reading."""
    streams = [one for one in crm.connect().streams() if one.kind == "links"]
    require([one for one in streams if _reads_links_in_parts(crm, one)], "the sandbox must have links")


def _reads_links_in_parts(crm: CrmUnderTest, stream: Stream) -> bool:
    """Check one links stream; says whether it has any."""
    parent = next(one for one in crm.connect().streams() if one.name == stream.ids_from)
    known = live(crm.connect().pages(parent, Window())).keys()
    ids = sorted([*known, *crm.unknown_ids(_UNKNOWN)])
    pages = list(crm.connect().pages(stream, Window(), ids))
    whole = _links(pages)
    require([page.complete for page in pages] == [False] * (len(pages) - 1) + [True], "only the last page is complete")
    for done, page in enumerate(pages[:-1], 1):
        if page.position is not None:
            rest = list(crm.connect().pages(stream, Window(position=page.position), ids))
            require(_links(pages[:done]) | _links(rest) == whole, f"{stream.name}: links are lost after page {done}")
    for cut in _cuts(ids, sorted({link.from_id for link in whole})):
        parts = [_links(crm.connect().pages(stream, Window(), part)) for part in (ids[:cut], ids[cut:])]
        require(parts[0] | parts[1] == whole, f"{stream.name}: read in two parts at {cut}, links are lost")
    return bool(whole)


def _record_streams(connector: Connector) -> list[Stream]:
    return [one for one in connector.streams() if one.kind == "records"]


def _resumable(crm: CrmUnderTest, stream: Stream, window: Window) -> list[Page]:
    """The pages of a window, after a new connection went on from each of them to the same end."""
    pages = list(crm.connect().pages(stream, window))
    whole = _records(pages)
    for done, page in enumerate(pages[:-1], 1):
        where = f"{stream.name}, {'full' if window.since is None else 'increment'}: resumed after page {done}"
        require(page.position is not None, f"{where}: every page but the last must carry a position")
        onwards = Window(since=window.since, position=page.position)
        rest = list(crm.connect().pages(stream, onwards))
        require(rest and rest[-1].complete, f"{where}, the pull did not end complete")
        require(_records([*pages[:done], *rest]) == whole, f"{where}, it brought other records than without a stop")
        given = sum(len(one.records) for one in (*pages[:done], *rest))
        most = sum(len(one.records) for one in pages) + max(len(one.records) for one in pages)
        require(given <= most, f"{where}, it read again what was read before: {given} rows instead of {most} at most")
        require((rest[-1].expected or 0) <= given, f"{where}, it announced more rows than it gave")
        require(_bounded(rest, pages), f"{where}, its high-water mark passes that of the unbroken pull")
    return pages


def _bounded(rest: Sequence[Page], pages: Sequence[Page]) -> bool:
    """Whether a resumed pull claims no more than one that began with it: what it read before may have changed."""
    mark, unbroken = rest[-1].high_water, pages[-1].high_water
    return mark is not None and unbroken is not None and mark <= unbroken


def _records(pages: Iterable[Page]) -> dict[str, RawRecord]:
    return {record.id: record for page in pages for record in page.records}


def _links(pages: Iterable[Page]) -> set[Link]:
    return {link for page in pages for link in page.links}


def _cuts(ids: Sequence[str], linked: Sequence[str]) -> list[int]:
    """Some places behind records that have links."""
    step = max(1, len(linked) // 2)
    return [ids.index(one) + 1 for one in linked[step // 2 :: step]]
