"""SIGKILL in the middle of a run: the next run ends where an unbroken one does, and nothing happens twice."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from store import audit, writes
from sync.deps import Timing
from tests.flow.rig import Rig, rig

STAMP = "cs_scored_at"


def final_values(made: Rig) -> dict[int, dict[str, str]]:
    live = made.crm.hubspot.portal.stores["companies"].live
    return {
        one.id: {name: value for name, value in one.values.items() if name.startswith("cs_") and name != STAMP}
        for one in live.values()
    }


def connection_json(made: Rig) -> dict[str, object]:
    return {
        "store": made.settings.store,
        "connections": {
            "hubspot": {
                "type": "hubspot",
                "access_token": made.crm.hubspot_token,
                "base_url": made.crm.hubspot_url,
            }
        },
    }


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[int, dict[str, str]]]:
    with rig(tmp_path_factory.mktemp("unbroken")) as made:
        assert made.sync().status == "complete"
        yield final_values(made)


@pytest.mark.parametrize(
    ("point", "nth"),
    [("pull.page_stored", 4), ("plan.chunk_stored", 1), ("apply.claimed", 1), ("apply.sent", 1), ("apply.settled", 1)],
)
def test_a_killed_run_is_finished_by_the_next_one(
    tmp_path: Path, unbroken: dict[int, dict[str, str]], point: str, nth: int
) -> None:
    with rig(tmp_path) as made:
        file = tmp_path / "settings.json"
        file.write_text(json.dumps(connection_json(made)), encoding="utf-8")
        command = [sys.executable, "-m", "tests.flow.killed_run", str(file), point, str(nth)]
        died = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert died.returncode == -signal.SIGKILL, died.stderr
        time.sleep(1.1)  # the lease of the dead run has to expire

        report = made.sync(timing=Timing(deadline=0.2, grace=0.4, lease_ttl=30.0, heartbeat=5.0))

        assert report.status == "complete", report.reason
        assert final_values(made) == unbroken
        effects = [(one["id"], one["property"]) for one in made.ours()]
        assert len(effects) == len(set(effects)), "a value was written twice"
        with made.deps() as deps, deps.store.read() as c:
            assert writes.open_intents(c, "default", "hubspot", states=("sent", "in_doubt")) == []
            assert audit.verify_chain(c, "default") == []
