"""Rows 1–4 and 44 of the fault table: limits, servers that fail, answers that are not the API."""

from __future__ import annotations

import time

import pytest

from sync.engine import run_pull
from tests.faults.kit import Trouble

LISTS = {"hubspot": "GET /crm/v3/objects/tickets", "salesforce": "GET /services/data/v[0-9.]+/query"}
BURST = {
    "hubspot": b'{"status":"error","errorType":"RATE_LIMIT","policyName":"TEN_SECONDLY_ROLLING","message":"slow down"}',
    "salesforce": b"<html>Too Many Requests</html>",
}


def test_row_01_a_burst_limit_pauses_everybody_and_costs_no_row(crm: Trouble) -> None:
    kind = b"application/json" if crm.vendor == "hubspot" else b"text/html"
    head = b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 1\r\nContent-Type: " + kind
    body = BURST[crm.name]
    answer = head + b"\r\nContent-Length: " + str(len(body)).encode() + b"\r\n\r\n" + body
    with crm.proxy() as between:
        between.breaks("replace", LISTS[crm.name], nth=2, times=2, answer=answer)
        began = time.monotonic()
        # The pause is one of the store, which all processes share, so it passes by the clock of the database.
        report = crm.made.run(run_pull, sleep=time.sleep)
        assert time.monotonic() - began >= 1
    crm.assert_whole(report)
    assert report.api[crm.name].throttled == 2


def test_row_02_the_daily_limit_ends_the_run_at_once_and_the_next_one_goes_on(crm: Trouble) -> None:
    if crm.vendor == "hubspot":
        crm.connect(pull={"full_every_hours": 0})  # a day passes here, and then a full read would be due
    crm.fault("daily", times=0)
    stopped = crm.plan()
    crm.assert_stopped(stopped, "deferred", 75)
    assert crm.struck() <= 8, "each stream may have had one request under way"
    again = crm.plan()
    crm.assert_stopped(again, "deferred", 75)
    crm.heal()
    crm.a_day_passes()
    report = crm.pull()
    crm.assert_whole(report)
    for stream, counts in report.pull[crm.name].items():
        first = stopped.pull[crm.name][stream]
        if counts.mode == first.mode == "full" and stream in crm.truth():
            assert first.read + counts.read <= len(crm.truth()[stream]) + 20, f"{stream}: kept pages were read again"


def test_row_03_a_server_error_is_tried_again_three_times_at_most(crm: Trouble) -> None:
    crm.fault("502", times=1)
    crm.fault("504", times=2)  # the second of which comes when the first one is gone
    crm.assert_whole(crm.pull())
    crm.heal()
    crm.fault("502", times=0, nth=1)
    crm.assert_stopped(crm.plan(), "failed", 1)
    assert crm.struck() <= 3 * 8, "three attempts a stream"
    crm.heal()
    crm.assert_whole(crm.pull())


@pytest.mark.parametrize("kind", ["locked", "521", "530"])
def test_row_04_hubspot_locks_and_edge_errors_pass(hubspot: Trouble, kind: str) -> None:
    hubspot.fault(kind, times=2)
    hubspot.assert_whole(hubspot.pull())


def test_row_04_hubspot_a_migration_of_a_day_ends_the_run_with_its_reason(hubspot: Trouble) -> None:
    hubspot.fault("migrating", times=0, seconds=86_000.0)
    report = hubspot.plan()
    hubspot.assert_stopped(report, "failed", 1)
    assert "Migration" in str(report.reason)
    assert hubspot.clock.skipped.total_seconds() < 600, "a day is not slept through"
    hubspot.heal()
    hubspot.assert_whole(hubspot.pull())


@pytest.mark.parametrize("kind", ["unavailable", "420", "query_timeout"])
def test_row_04_salesforce_maintenance_and_timeouts_pass(salesforce: Trouble, kind: str) -> None:
    salesforce.fault(kind, times=2)
    salesforce.assert_whole(salesforce.pull())


EMPTY = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 0\r\n\r\n"
SILENT = b"HTTP/1.1 204 No Content\r\n\r\n"
LOGIN = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 28\r\n\r\n<html>Please log in.</html>\n"
OTHER = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 15\r\n\r\n{"status":"ok"}'


@pytest.mark.parametrize("answer", [EMPTY, SILENT, LOGIN, OTHER], ids=["empty", "204", "html", "other"])
def test_row_44_what_is_not_the_api_is_not_data(crm: Trouble, answer: bytes) -> None:
    path = LISTS[crm.name]
    with crm.proxy() as between:
        between.breaks("replace", path, nth=2, times=1, answer=answer)
        crm.assert_whole(crm.pull(full=True))
        kept = crm.cursors()
        between.breaks("replace", path, times=0, answer=answer)
        crm.assert_held(crm.pull(full=True), kept)
