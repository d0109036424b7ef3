"""Threads of one process write one after the other, in the order in which they came, and none is forgotten."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from store import Store, marks, open_store
from store.errors import StoreLocked
from store.gate import Gate


@pytest.fixture
def gate() -> Gate:
    return Gate("store.db", 30.0)


class Queue:
    """Threads that ask for a turn, each once the one before stands in the queue, and the order in which they had it."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self.order: list[int] = []

    def _one(self, number: int) -> None:
        with self._gate.turn():
            self.order.append(number)

    def line_up(self, pool: ThreadPoolExecutor, count: int) -> None:
        for number in range(count):
            pool.submit(self._one, number)
            while self._gate.waiting <= number:
                threading.Event().wait(0.001)


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as threads:
        yield threads


def test_turns_come_in_the_order_of_asking(gate: Gate, pool: ThreadPoolExecutor) -> None:
    queue = Queue(gate)
    with gate.turn():
        queue.line_up(pool, 8)
        assert queue.order == []
    pool.shutdown()
    assert queue.order == list(range(8))


def test_who_gives_up_leaves_the_queue(pool: ThreadPoolExecutor) -> None:
    impatient = Gate("store.db", 0.01)
    with impatient.turn():
        with pytest.raises(StoreLocked, match=r"store\.db is busy.*Try again"):
            pool.submit(lambda: impatient.turn().__enter__()).result()
        assert impatient.waiting == 0
    with impatient.turn():
        pass


def test_a_turn_ends_with_an_exception_too(gate: Gate, pool: ThreadPoolExecutor) -> None:
    queue = Queue(gate)

    def fail() -> None:
        with gate.turn():
            queue.line_up(pool, 1)
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    pool.shutdown()
    assert queue.order == [0]


def test_a_thread_that_would_wait_for_itself_is_told_so(gate: Gate) -> None:
    with gate.turn(), pytest.raises(RuntimeError, match="writes to the store already"), gate.turn():
        pass
    with gate.turn():
        pass


def test_threads_that_write_at_the_same_time_lose_nothing(store: Store, ws: str) -> None:
    def count_up(name: str) -> None:
        for _ in range(25):
            with store.write() as c:
                for counter in ("all", name):
                    marks.set_mark(c, ws, counter, (marks.mark(c, ws, counter) or 0) + 1)

    names = [f"thread-{number}" for number in range(6)]
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(count_up, names))
    with store.read() as c:
        assert [marks.mark(c, ws, name) for name in names] == [25] * 6
        if store.dialect == "sqlite":  # on PostgreSQL a read locks nothing, so of a common counter some steps are lost
            assert marks.mark(c, ws, "all") == 150


def test_a_store_that_another_process_holds_leaves_the_gate_open(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/own.db"
    with closing(open_store(url, create=True)) as other, closing(open_store(url, busy_seconds=0.05)) as ours:
        with other.write(), pytest.raises(StoreLocked), ours.write():
            pass
        with ours.write() as c:
            marks.set_mark(c, "w", "free", 1)
