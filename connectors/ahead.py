"""Reading ahead: calls that run side by side, their results in the order in which they were asked for."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Executor, Future, ThreadPoolExecutor, wait
from typing import Any, TypeVar

Asked = TypeVar("Asked")
Got = TypeVar("Got")

_END: Any = object()


def ahead(call: Callable[[Asked], Got], asked: Iterable[Asked], *, workers: int) -> Generator[tuple[Asked, Got]]:
    """Each of `asked` with what `call` gives for it, in order; at most `workers` calls run or wait to be taken.

    An error of a call is raised where its result would have come. When the iterator is closed, calls that have not
    begun are dropped and those under way are waited for.
    """
    rest = iter(asked)
    with ThreadPoolExecutor(max_workers=workers, thread_name_prefix="ahead") as pool:
        running: deque[tuple[Asked, Future[Got]]] = deque()
        try:
            for one in rest:
                running.append((one, pool.submit(call, one)))
                if len(running) >= workers:
                    first, future = running.popleft()
                    yield first, future.result()
            while running:
                first, future = running.popleft()
                yield first, future.result()
        finally:
            for _, future in running:
                future.cancel()


def one_ahead(items: Generator[Got], pool: Executor) -> Generator[Got]:
    """Each of `items`, made in `pool` while the one before it is used.

    An error is raised behind the items that came before it. When the iterator is closed, so is `items`, where it ran,
    once the item that is being made is there.
    """
    coming = pool.submit(next, items, _END)
    try:
        while (item := coming.result()) is not _END:
            coming = pool.submit(next, items, _END)
            yield item
    finally:
        wait((coming,))
        pool.submit(items.close).result()
