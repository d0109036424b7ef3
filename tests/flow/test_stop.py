"""A run that is asked to stop finishes the batch in flight, says `interrupted`, and is finished by the next one."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from sync import faults
from sync.engine import run_sync
from sync.stop import Stop, stop_on_signals
from tests.flow.checker import assert_sound
from tests.flow.rig import rig


@pytest.mark.parametrize("point", ["pull.page_stored", "plan.chunk_stored", "apply.settled"])
def test_sigterm_stops_at_the_next_safe_place_and_the_next_run_goes_on(tmp_path: Path, point: str) -> None:
    with rig(tmp_path, accounts=130 if point == "apply.settled" else 14) as made:
        with made.deps(signals=stop_on_signals) as deps:
            sent: list[str] = []

            def terminate(name: str) -> None:
                if name == point and not sent:
                    sent.append(name)
                    os.kill(os.getpid(), signal.SIGTERM)
                    while not deps.stop.asked:  # the main thread hears it a moment later
                        time.sleep(0.001)

            faults.arm(terminate)
            try:
                report = run_sync(deps)
            finally:
                faults.arm(None)
        assert (report.status, report.exit_code) == ("interrupted", 130)
        assert report.reason is not None
        assert "SIGTERM" in report.reason
        report.check_buckets()
        buckets = report.buckets()
        if point == "apply.settled":
            assert buckets.confirmed > 0
            assert buckets.pending == buckets.planned - buckets.confirmed > 0
        assert made.sync().status == "complete"
        assert made.ours() != []
        assert_sound(made)


def test_a_signal_asks_to_stop_and_the_handlers_come_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    stop = Stop()
    with stop_on_signals(stop):
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.asked
    assert signal.getsignal(signal.SIGTERM) is before
