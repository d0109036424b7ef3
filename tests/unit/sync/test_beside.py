"""What happens beside a run: again and again, until the run is over or it says that it is enough."""

from __future__ import annotations

import threading

from sync.beside import every


def test_it_happens_again_and_again_and_ends_with_the_block() -> None:
    thrice, times = threading.Event(), []

    def act() -> bool:
        times.append(threading.current_thread())
        if len(times) == 3:
            thrice.set()
        return True

    with every(0.001, act):
        assert thrice.wait(5)
    assert not times[0].is_alive()


def test_it_ends_by_itself_when_it_says_so() -> None:
    times: list[threading.Thread] = []

    def act() -> bool:
        times.append(threading.current_thread())
        return False

    with every(0.001, act):
        while not times:
            pass
        times[0].join(5)
        assert not times[0].is_alive()
    assert len(times) == 1
