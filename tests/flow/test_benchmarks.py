"""Every benchmark of pulling runs, at a size that only shows that its figures are there and that its counts agree."""

from __future__ import annotations

from benchmarks import bulk, increment, naive, pull


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
