"""How things happen side by side in a run: in threads, unless whoever starts the run has another way."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager

Pool = Callable[[int, str], Executor]
"""Makes what works on at most so many things at once; the name is for whoever looks at the threads."""
Every = Callable[[float, Callable[[], bool]], AbstractContextManager[None]]
"""Does something every so many seconds while a block runs, until it returns False."""


def threads(workers: int, name: str) -> Executor:
    """So many threads."""
    return ThreadPoolExecutor(max_workers=workers, thread_name_prefix=name)


@contextmanager
def every(seconds: float, act: Callable[[], bool]) -> Iterator[None]:
    """Do `act` every so many seconds in a thread of its own while the block runs, until it returns False."""
    done = threading.Event()

    def beat() -> None:
        while not done.wait(seconds) and act():
            pass

    thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join(timeout=5)
