"""A run that is asked to stop finishes the batch in flight, says `interrupted`, and is finished by the next one."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from sync import faults
from sync.engine import run_sync
from sync.stop import Stop, stop_on_signals
from tests.flow.rig import rig


@pytest.mark.parametrize("point", ["pull.page_stored", "plan.chunk_stored", "apply.settled"])
def test_a_stop_between_two_steps(tmp_path: Path, point: str) -> None:
    with rig(tmp_path, accounts=130 if point == "apply.settled" else 14) as made:
        with made.deps() as deps:
            faults.arm(lambda name: deps.stop.ask("The run was asked to stop.") if name == point else None)
            try:
                report = run_sync(deps)
            finally:
                faults.arm(None)
        assert (report.status, report.exit_code) == ("interrupted", 130)
        report.check_buckets()
        buckets = report.buckets()
        if point == "apply.settled":
            assert buckets.confirmed > 0
            assert buckets.pending == buckets.planned - buckets.confirmed > 0
        assert made.sync().status == "complete"
        effects = [(one["id"], one["property"]) for one in made.ours()]
        assert len(effects) == len(set(effects)) > 0


def test_a_signal_asks_to_stop_and_the_handlers_come_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    stop = Stop()
    with stop_on_signals(stop):
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.asked
    assert signal.getsignal(signal.SIGTERM) is before
