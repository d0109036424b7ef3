"""A full read in lanes: the list from its front, and search from its back, until they meet.

The list is walked by a token, one page after the other, so one stream alone waits for answers most of the time, and
whatever one does, lists bring no more than the burst quota has calls. Search has a quota of its own: from the highest
ids downwards it brings two hundred records a call, as it does in every increment. A record with more properties than a
search may ask for is read by id, a hundred a call on the burst quota, while fewer than four lists use that up.

The list stays the measure: its lane ends early only where it has reached ids that the other lane has claimed. That ids
rise in the list, and that search compares them as numbers, is documented nowhere. Both are checked while reading, and
where the lanes meet the list must have given as many ids as search counts up to there; where anything does not hold,
the list is read to its end. What search does not know yet, or knows as it was, changed within the index delay, so the
next increment, which looks back that far, brings it.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from queue import Empty, Full, Queue

from connectors.errors import BadAnswer, ConfigError, MissingScope, RetryLater
from connectors.hubspot.answers import NotFound
from connectors.hubspot.read import BATCH, Reader, Row
from connectors.hubspot.search import Search

BATCHES_BESIDE = (12, 6, 3, 1)
"""Batch reads at a time beside 0, 1, 2, 3 lists; four lists use up 190 requests in ten seconds by themselves, at up to
200 ms a call."""
BATCHES_AHEAD = 40
"""Batches that the back lane may be ahead of what was stored: bounds what is in memory, and keeps the end fast."""
ROWS_TOGETHER = 500
"""Rows given out at once where a stream is read from both ends: storing them together costs little more."""
_PAGES_AHEAD = 4
_TICK = 0.1  # seconds between two looks at whether somebody stopped
_SEARCH_FAILS = (NotFound, MissingScope, BadAnswer, ConfigError, RetryLater)  # the list can do without


@dataclass(frozen=True, slots=True)
class Place:
    """How far both lanes are: the list's next token, the highest of the `count` ids that it gave, and the lowest id
    that was read from the back."""

    after: str | None = None
    listed: int = 0
    count: int = 0
    back: int | None = None


class Width:
    """How many batch reads may run beside the lists of one connection: the fewer lists are left, the more."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._lists = self._readers = 0

    @contextmanager
    def list(self) -> Iterator[None]:
        """A list is read during the block."""
        with self._changed:
            self._lists += 1
        try:
            yield
        finally:
            with self._changed:
                self._lists -= 1
                self._changed.notify_all()

    @contextmanager
    def reader(self, stop: threading.Event) -> Iterator[bool]:
        """Wait for room for one more batch read; gives False when `stop` was set meanwhile."""
        with self._changed:
            while not stop.is_set() and self._readers >= self._allowed():
                self._changed.wait(_TICK)
            self._readers += 1
        try:
            yield not stop.is_set()
        finally:
            with self._changed:
                self._readers -= 1
                self._changed.notify_all()

    def has_room(self) -> bool:
        """Whether batch reads may run now."""
        with self._changed:
            return self._allowed() > 0

    def _allowed(self) -> int:
        return BATCHES_BESIDE[self._lists] if self._lists < len(BATCHES_BESIDE) else 0


class Lanes:
    """Full reads of one connection; `split_from` records of a stream are listed before it may be split (0: never)."""

    def __init__(self, reader: Reader, search: Search, *, split_from: int) -> None:
        self._reader = reader
        self._search = search
        self._split_from = split_from
        self._width = Width()

    def pages(self, kind: str, properties: Sequence[str], place: Place) -> Generator[tuple[list[Row], Place]]:
        """Every live record behind `place`, at least once, a page at a time, each with the place after it."""
        run = _Run(self._reader, self._search, self._width, kind, properties, place, self._split_from)
        try:
            yield from run.pages()
        finally:
            run.close()


@dataclass(frozen=True, slots=True)
class _Got:
    """What a lane read: rows, with the change of place that they make."""

    rows: list[Row]
    step: Callable[[Place], Place]


class _Run:
    """One stream's full read: two threads that read ahead, and a queue of what they read."""

    def __init__(
        self, reader: Reader, search: Search, width: Width, kind: str, properties: Sequence[str], place: Place, at: int
    ) -> None:
        self._reader, self._search, self._width = reader, search, width
        self._kind, self._properties, self._place, self._split_from = kind, properties, place, at
        self._lock = threading.Lock()
        self._listed, self._count, self._claimed = place.listed, place.count, place.back
        self._in_order = True
        self._carried = search.carries(properties)
        self._stop = threading.Event()
        self._may_split, self._front_done = threading.Event(), threading.Event()
        self._results: Queue[_Got | BaseException | None] = Queue(maxsize=_PAGES_AHEAD)
        self._threads = [
            threading.Thread(target=self._lane, args=(lane,), name=f"{kind}-{lane.__name__}", daemon=True)
            for lane in (self._front, self._back)
        ]

    def pages(self) -> Iterator[tuple[list[Row], Place]]:
        for thread in self._threads:
            thread.start()
        place, lanes = self._place, len(self._threads)
        rows: list[Row] = []
        while lanes:
            got = self._results.get()
            if isinstance(got, BaseException):
                raise got
            if got is None:
                lanes -= 1
            else:
                place = got.step(place)
                rows += got.rows
            # Only what is read from both ends comes so fast that pages wait for each other.
            if rows and not (self._claimed is not None and len(rows) < ROWS_TOGETHER and not self._results.empty()):
                yield rows, place
                rows = []
        if rows:
            yield rows, place

    def close(self) -> None:
        """End both lanes; a call that is under way is waited for, so that nothing is sent after this."""
        self._stop.set()
        self._may_split.set()
        for thread in self._threads:
            while thread.is_alive():
                self._drain()
                thread.join(_TICK)

    def _drain(self) -> None:
        with suppress(Empty):
            while True:
                self._results.get_nowait()

    def _lane(self, lane: Callable[[], None]) -> None:
        result: BaseException | None = None
        try:
            lane()
        except BaseException as error:  # noqa: BLE001 - raised where the pages are taken
            result = error
        self._put(result)

    def _put(self, result: _Got | BaseException | None) -> None:
        while not self._stop.is_set():
            with suppress(Full):
                self._results.put(result, timeout=_TICK)
                return

    def _front(self) -> None:
        """The list, up to its end or to what the back lane has claimed."""
        try:
            with self._width.list():
                for page in self._reader.listed(self._kind, self._properties, after=self._place.after):
                    met = self._note_listed(page.rows)
                    step = partial(replace, after=page.after, listed=self._listed, count=self._count)
                    self._put(_Got(page.rows, step))
                    if self._stop.is_set() or page.after is None or (met and self._agreed()):
                        return
                    if self._split_from and self._count >= self._split_from:
                        self._may_split.set()
        finally:
            self._front_done.set()
            self._may_split.set()

    def _note_listed(self, rows: list[Row]) -> bool:
        """Remember how far the list is; says whether it reached what is claimed. Ids out of order end all splitting."""
        ids = [str(row["id"]) for row in rows]
        with self._lock:
            numbers = [int(one) for one in ids] if all(one.isdecimal() for one in ids) else [0]
            rising = all(low < high for low, high in pairwise([self._listed, *numbers]))
            self._in_order = self._in_order and rising
            self._listed = max(self._listed, *numbers, 0)
            self._count += len(rows)
            return self._in_order and self._claimed is not None and self._listed >= self._claimed

    def _agreed(self) -> bool:
        """Whether the list gave all ids up to its last one: as many as search counts there."""
        try:
            agreed = self._count >= self._search.count_below(self._kind, self._listed + 1)
        except _SEARCH_FAILS:
            agreed = False
        with self._lock:
            self._in_order = agreed
        return agreed

    def _back(self) -> None:
        """What search gives, or batches by the ids that it gives, in the order of their claims."""
        if self._place.back is None:
            self._may_split.wait()
        if self._carried:
            for rows in self._claims():
                self._put(_Got(rows, partial(replace, back=_lowest(rows))))
        else:
            self._batches()

    def _batches(self) -> None:
        pending: deque[tuple[int, Future[list[Row]]]] = deque()
        with ThreadPoolExecutor(BATCHES_BESIDE[0], thread_name_prefix=f"{self._kind}-batch") as pool:
            try:
                for claimed in self._claims():
                    for start in range(0, len(claimed), BATCH):
                        part = claimed[start : start + BATCH]
                        pending.append((_lowest(part), pool.submit(self._read, part)))
                    while pending and (len(pending) > BATCHES_AHEAD or pending[0][1].done()):
                        self._give(*pending.popleft())
                while pending and not self._stop.is_set():
                    self._give(*pending.popleft())
            finally:
                for _, future in pending:
                    future.cancel()

    def _give(self, lowest: int, future: Future[list[Row]]) -> None:
        self._put(_Got(future.result(), partial(replace, back=lowest)))

    def _read(self, rows: list[Row]) -> list[Row]:
        with self._width.reader(self._stop) as go:
            return self._reader.checked(self._kind, rows, self._properties) if go else []

    def _claims(self) -> Iterator[list[Row]]:
        """Records from the highest id downwards, until the list is met; ends quietly where search cannot do it."""
        try:
            while self._wanted():
                rows, more = self._search.below(self._kind, self._properties, self._claimed)
                highest = int(str(rows[0]["id"])) if rows else 0
                # What was claimed before this run was claimed after the same question.
                proven = self._claimed is not None or self._search.compares_numbers(self._kind, highest)
                with self._lock:
                    if not (self._in_order and proven):
                        return
                    self._claimed = _lowest(rows) if rows and more else 0
                if rows:
                    yield rows
                if not more:
                    return
        except _SEARCH_FAILS:
            with self._lock:
                self._in_order = False  # the list goes on to its end; what was claimed is read all the same

    def _wanted(self) -> bool:
        """Wait until batch reads have room; False when the lanes have met or somebody stopped."""
        while not (self._stop.is_set() or self._front_done.is_set()):
            with self._lock:
                if not self._in_order or (self._claimed is not None and self._listed >= self._claimed):
                    return False
            if self._carried or self._width.has_room():
                return True
            self._front_done.wait(_TICK)
        return False


def _lowest(rows: Sequence[Row]) -> int:
    return int(str(rows[-1]["id"]))
