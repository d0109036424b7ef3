"""Every benchmark of pulling, evaluating and showing runs, at a size that only shows that figures are there."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from benchmarks import bulk, dashboard, evaluation, increment, naive, pull, startup, stored


def test_a_full_pull_by_bulk() -> None:
    figures = bulk.run(60, 120, marks=(1, 180))
    assert figures["rows"] >= 180
    for name in ("rows_a_second", "floor_read_seconds", "floor_store_seconds", "times_floor", "peak_mib"):
        assert figures[name] > 0
    assert figures["high_peak_mib"] >= figures["low_peak_mib"] > 0


def test_an_increment() -> None:
    figures = increment.run(200, 300, 100)
    assert figures["changed"] == 6
    assert figures["calls_a_stream"] <= 2
    assert figures["most_of_a_stream"] <= 2
    assert figures["times_ideal"] <= 2
    assert figures["calls_changed"] > figures["calls"]


def test_what_an_ideal_client_asks() -> None:
    streams = {"owners": {}, "deal_stages": {}, "ticket_stages": {}, "deals": {}, "deals>companies": {}}
    assert increment.ideal_calls(streams, {}) == 3 + 2
    assert increment.ideal_calls(streams, {"deals": 401}) == 3 + 3 + 1 + 1


def test_the_loops_over_the_vendors_clients() -> None:
    for figures in (naive.hubspot(10, 20, 20, 0), naive.salesforce(20, 40, wait=0.2)):
        assert figures["records"] in {50, 60}
        assert figures["loop_times_slower"] > 0
        assert figures["loop_calls"] > 0


def test_a_full_pull_from_hubspot() -> None:
    figures = pull.run(10, 20, 20, 0)
    assert figures["records"] == 50
    assert figures["over_quota"] == 0


def test_an_evaluation_out_of_the_store() -> None:
    figures = stored.run(120)
    assert (figures["accounts"], figures["child_rows"]) == (120, 600)
    assert figures["alerts_raised"] > 10
    assert min(figures[name] for name in ("seconds", "seconds_unchanged", "explain_seconds", "bytes_an_account")) > 0


def test_however_many_accounts_are_a_slice_each_is_evaluated_alike(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for size in (7, 50, 1_000):
        monkeypatch.setattr("sync.evaluate.CHUNK", size)
        path = tmp_path / f"{size}.db"
        stored.fill(path, 120)
        stored.evaluated(path)
        with closing(sqlite3.connect(path)) as db:
            query = "SELECT account_id, values_hash, outputs FROM evaluation ORDER BY account_id"
            alerts = "SELECT account_id, alert, because FROM alert ORDER BY account_id, alert"
            found.append((db.execute(query).fetchall(), db.execute(alerts).fetchall()))
    assert len(found[0][0]) == 120
    assert found[0] == found[1] == found[2]


def test_help_beside_the_smallest_program() -> None:
    """Processor time is what a busy machine leaves be; 2.5 times is where a heavy import got into the start."""
    figures = startup.run(times=5)
    assert max(figures[name] for name in figures if name.endswith("_times")) < 2.5
    assert min(figures.values()) > 0


def test_every_page_of_the_dashboard_answers() -> None:
    figures = dashboard.run(300)
    assert all(figures[f"{name}_cpu"] > 0 for name in dashboard.PAGES)


def test_a_score_beside_a_bare_one() -> None:
    figures = evaluation.run(500)
    assert figures["accounts"] == 500
    assert min(figures.values()) > 0
