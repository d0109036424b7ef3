"""An iterator that makes its next item while the last one is used."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import closing

import pytest

from connectors.ahead import one_ahead


@pytest.fixture
def pool() -> Iterator[Executor]:
    with ThreadPoolExecutor(max_workers=1) as made:
        yield made


def test_the_next_item_is_made_while_the_last_one_is_used(pool: Executor) -> None:
    made = [threading.Event() for _ in range(3)]

    def items() -> Generator[int]:
        for number, event in enumerate(made):
            event.set()
            yield number

    with closing(one_ahead(items(), pool)) as given:
        for number in given:
            if number < 2:
                assert made[number + 1].wait(5), "made without being asked for"


def test_never_more_than_one(pool: Executor) -> None:
    made: list[int] = []

    def items() -> Generator[int]:
        for number in range(10):
            made.append(number)
            yield number

    with closing(one_ahead(items(), pool)) as given:
        assert next(given) == 0
    assert made == [0, 1]


def test_an_error_comes_behind_what_was_made_before_it(pool: Executor) -> None:
    def items() -> Generator[int]:
        yield 1
        yield 2
        raise LookupError("three")

    given = one_ahead(items(), pool)
    assert [next(given), next(given)] == [1, 2]
    with pytest.raises(LookupError, match="three"):
        next(given)


def test_closing_it_closes_what_it_reads_in_the_thread_that_read_it(pool: Executor) -> None:
    threads: list[int] = []

    def items() -> Generator[int]:
        try:
            for number in range(10):
                threads.append(threading.get_ident())
                yield number
        finally:
            threads.append(threading.get_ident())

    with closing(one_ahead(items(), pool)) as given:
        next(given)
    assert len(set(threads)) == 1
    assert threading.get_ident() not in threads
