"""The same runs on PostgreSQL, in a schema of their own; skipped with a reason where there is no server."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event

from store import runs
from sync.engine import run_sync
from tests.flow.rig import rig
from tests.flow.test_first_and_second_run import check_first_and_second_run
from tests.flow.test_people import other_option


def test_both_crms_on_postgresql(tmp_path: Path, database: str) -> None:
    with rig(tmp_path, salesforce=True, store=database) as made:
        check_first_and_second_run(made)
        record = made.some_company()
        theirs = other_option(made, "cs_segment", made.company(record)["cs_segment"])
        made.person("edit", object="companies", id=record, properties={"cs_segment": theirs})
        assert made.sync().exit_code == 3
        assert made.company(record)["cs_segment"] == theirs


def test_a_run_that_ends_while_another_looks_for_dead_ones_does_not_fail_it(tmp_path: Path, database: str) -> None:
    """It has given back its leases and says how it ended just after the other one read that it is still running."""
    with rig(tmp_path, store=database) as made, made.deps() as deps, made.deps() as other:
        now = deps.clock.now()
        with deps.store.write() as c:
            runs.start(c, "default", "ending", "sync", as_of=now, version="1", now=now)
        ended = threading.Event()

        def end(*asked: Any) -> None:
            if "FROM run" in asked[2] and "LIMIT" in asked[2] and not ended.is_set():
                ended.set()
                with other.store.write() as c:
                    runs.finish(c, "default", "ending", status="complete", reason=None, report=None, now=now)

        event.listen(Engine, "after_cursor_execute", end)
        try:
            report = run_sync(deps)
        finally:
            event.remove(Engine, "after_cursor_execute", end)
        assert ended.is_set()
        assert report.status == "complete", report.reason
        with deps.store.read() as c:
            found = runs.get(c, "default", "ending")
        assert found is not None
        assert found.status == "complete"
