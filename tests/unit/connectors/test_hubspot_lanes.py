"""A full read from both ends: whatever the list and search do, every record is read, and resumed from anywhere."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.errors import BadAnswer, QuotaExhausted, RetryLater
from connectors.hubspot.answers import NotFound
from connectors.hubspot.lanes import BATCHES_BESIDE, Lanes, Place, Width
from connectors.hubspot.read import Listed, Row

PAGE, CLAIM = 10, 20


class Portal:
    """Ids behind a list and a search; `compares` and `sorts` are how search sees an id."""

    def __init__(
        self,
        ids: Sequence[int],
        *,
        compares: Callable[[int], object] = int,
        sorts: Callable[[int], object] | None = None,
        before_page: Callable[[int], None] = lambda _page: None,
        searching: Callable[[], None] = lambda: None,
        wide: bool = False,
    ) -> None:
        self.ids = list(ids)
        self.compares, self.sorts = compares, sorts or compares
        self.before_page, self.searching = before_page, searching
        self.wide = wide
        self.pages_listed = 0
        self.searches = 0
        self.searched: set[int] = set()
        self.batched: set[int] = set()
        self.claimed_below = threading.Event()

    def listed(self, _kind: str, _properties: Sequence[str], *, after: str | None = None) -> Iterator[Listed]:
        start = int(after or 0)
        while True:
            self.before_page(self.pages_listed)
            self.pages_listed += 1
            rows: list[Row] = [{"id": str(one)} for one in self.ids[start : start + PAGE]]
            start += PAGE
            more = start < len(self.ids)
            yield Listed(rows, str(start) if more else None)
            if not more:
                return

    def checked(
        self, _kind: str, rows: Sequence[dict[str, object]], _properties: Sequence[str]
    ) -> list[dict[str, object]]:
        found = [row for row in rows if int(str(row["id"])) in set(self.ids)]
        self.batched |= {int(str(row["id"])) for row in found}
        return found

    def below(self, _kind: str, _properties: Sequence[str], bound: int | None) -> tuple[list[Row], bool]:
        self.searches += 1
        self.searching()
        there = [one for one in self.ids if bound is None or self.compares(one) < self.compares(bound)]  # type: ignore[operator]
        there.sort(key=self.sorts, reverse=True)  # type: ignore[arg-type]
        found = there[:CLAIM]
        if any(high <= low for high, low in zip([bound or 10**30, *found], found, strict=False)):
            raise BadAnswer("not in numeric order", sent=True)
        lowest = sorted(self.ids)[3 * PAGE : 3 * PAGE + 1]
        if len(there) <= CLAIM or min(found, default=0) <= min(lowest, default=0):
            self.claimed_below.set()
        if not self.wide:
            self.searched |= set(found)
        return [{"id": str(one)} for one in found], len(there) > CLAIM

    def carries(self, _properties: Sequence[str]) -> bool:
        return not self.wide

    def count_below(self, _kind: str, bound: int) -> int:
        return sum(1 for one in self.ids if self.compares(one) < self.compares(bound))  # type: ignore[operator]

    def compares_numbers(self, _kind: str, highest: int) -> bool:
        longer = 10 ** len(str(highest))
        return not any(self.compares(one) >= self.compares(longer) for one in self.ids)  # type: ignore[operator]


def lanes(portal: Portal, split_from: int = 1) -> Lanes:
    return Lanes(portal, portal, split_from=split_from)  # type: ignore[arg-type]


def read(portal: Portal, place: Place | None = None, split_from: int = 1) -> list[tuple[list[int], Place]]:
    pages = lanes(portal, split_from).pages("deals", (), place or Place())
    return [([int(str(row["id"])) for row in rows], reached) for rows, reached in pages]


def ids_of(pages: list[tuple[list[int], Place]]) -> set[int]:
    return {one for rows, _ in pages for one in rows}


def after_everything_is_claimed(portal: Portal, patience: float = 0.5) -> Callable[[int], None]:
    """Holds the list up at its third page until search came as far down as it goes; `patience` in seconds is for
    portals whose search never does."""

    def wait(page: int) -> None:
        if page == 2:
            portal.claimed_below.wait(patience)

    return wait


@settings(max_examples=60, deadline=None)
@given(st.sets(st.integers(1, 10**12), max_size=150).map(sorted), st.integers(0, 2), st.booleans())
def test_every_record_is_read_and_from_each_place_the_rest(ids: list[int], split: int, wide: bool) -> None:
    pages = read(Portal(ids, wide=wide), split_from=split)
    assert ids_of(pages) == set(ids)
    for done in range(0, len(pages), 5):
        rest = read(Portal(ids, wide=wide), pages[done][1], split_from=split)
        assert ids_of(pages[: done + 1]) | ids_of(rest) == set(ids)


@pytest.mark.parametrize("wide", [False, True], ids=["search carries the records", "batches carry them"])
def test_the_list_ends_where_the_other_lane_has_been(wide: bool) -> None:
    portal = Portal(range(1000, 3000), wide=wide)
    portal.before_page = after_everything_is_claimed(portal, patience=60)
    assert ids_of(read(portal)) == set(portal.ids)
    assert portal.pages_listed <= 4
    carried, unused = (portal.batched, portal.searched) if wide else (portal.searched, portal.batched)
    assert len(carried) >= len(portal.ids) - 5 * PAGE
    assert not unused


def test_ids_that_search_compares_as_text_are_left_to_the_list() -> None:
    portal = Portal(range(8000, 12000), compares=str, wide=True)
    assert ids_of(read(portal)) == set(portal.ids)
    assert portal.pages_listed == len(portal.ids) / PAGE
    assert not portal.batched


@pytest.mark.parametrize("ids", [range(950, 1150), range(2000, 12000, 7)])
def test_ids_that_search_only_sorts_as_text_are_left_to_the_list(ids: range) -> None:
    portal = Portal(ids, sorts=str)
    portal.before_page = after_everything_is_claimed(portal)
    assert ids_of(read(portal)) == set(ids)


@pytest.mark.parametrize(
    "ids",
    [
        [*range(500, 1000), *range(1, 500)],
        [*range(1, 101), *range(900, 1000), *range(101, 900)],
        [*range(1, 100, 2), *range(101, 1000), *range(2, 101, 2)],
        list(range(1000, 0, -1)),
    ],
    ids=["begins in the middle", "jumps", "leaves gaps for later", "falls"],
)
def test_a_list_without_order_is_read_to_its_end(ids: list[int]) -> None:
    portal = Portal(ids)
    portal.before_page = after_everything_is_claimed(portal)
    assert ids_of(read(portal)) == set(ids)


@pytest.mark.parametrize(
    "error", [NotFound("no search here"), RetryLater("down", wait=1.0), BadAnswer("HTML", sent=True)], ids=repr
)
def test_a_search_that_fails_costs_speed_and_nothing_else(error: Exception) -> None:
    def fail() -> None:
        raise error

    portal = Portal(range(1, 500), searching=fail)
    assert ids_of(read(portal)) == set(portal.ids)
    assert portal.searches == 1


def test_a_used_up_day_ends_the_read_whichever_lane_meets_it() -> None:
    def exhausted() -> None:
        raise QuotaExhausted("daily", resets_in=60.0)

    portal = Portal(range(1, 2000), searching=exhausted)
    with pytest.raises(QuotaExhausted):
        read(portal)


def test_a_small_stream_costs_no_search() -> None:
    portal = Portal(range(1, 50))
    assert ids_of(read(portal, split_from=100)) == set(portal.ids)
    assert portal.searches == 0


def test_an_abandoned_read_leaves_no_thread_that_could_send_more() -> None:
    before = threading.active_count()
    portal = Portal(range(1, 5000))
    pages = lanes(portal).pages("deals", (), Place())
    next(pages)
    pages.close()
    assert threading.active_count() == before


def test_the_fewer_lists_are_left_the_more_batches_run() -> None:
    width = Width()
    stop = threading.Event()
    assert width.has_room()
    with width.list(), width.list(), width.list():
        assert width.has_room()
        with width.reader(stop) as go, width.list():
            assert go
            assert not width.has_room()
        stop.set()
        with width.list(), width.reader(stop) as go:
            assert not go
    assert tuple(sorted(BATCHES_BESIDE, reverse=True)) == BATCHES_BESIDE
