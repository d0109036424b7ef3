"""One refusal stops all threads of all processes on a store for as long as it says; nobody asks again at once."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from sandbox.faults import Fault
from sandbox.hubspot.state import HubSpotOptions
from sandbox.serve import Portfolio, running
from store import open_store

PROCESSES = 3
PAUSE = 10.0
HEEDED = 4.0
"""Seconds that a busy machine may take to tell the others; without a pause they would send hundreds of requests."""


@pytest.mark.long
def test_a_refusal_is_answered_by_silence(tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path}/keepwell.db"
    open_store(store, create=True).close()
    options = HubSpotOptions(burst=100_000, faults=(Fault("ten_secondly", path="*/objects/companies", nth=200),))
    with running(Portfolio(5), salesforce=False, hubspot_options=options) as crm:
        worker = (sys.executable, "-m", "tests.contract.throttled_worker", crm.hubspot_url, crm.hubspot_token)
        asked = (*worker, store, str(HEEDED + PAUSE))
        processes = [subprocess.Popen(asked, stdout=subprocess.PIPE, text=True) for _ in range(PROCESSES)]
        outputs = [process.communicate(timeout=120)[0] for process in processes]
        refusals = crm.hubspot.stats.by_status["429"]
    assert [process.returncode for process in processes] == [0] * PROCESSES
    sent = [[json.loads(line) for line in output.splitlines()] for output in outputs]
    refused = [moment for one in sent for moment, status in one if status == 429]
    assert len(refused) == refusals == 1
    after = sorted(moment - refused[0] for one in sent for moment, _ in one if moment > refused[0])
    assert [moment for moment in after if HEEDED < moment < PAUSE - 0.1] == []
    assert any(moment >= PAUSE - 0.1 for moment in after), "all go on when it is over"
