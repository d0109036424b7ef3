"""Rows 5–9 of the fault table: what happens to the bytes of an answer on their way."""

from __future__ import annotations

import socket

import pytest

from tests.faults.kit import Trouble
from tests.faults.proxy import Breakage
from tests.unit.connectors.kit import http, raw_server

LISTS = {"hubspot": "GET /crm/v3/objects/tickets", "salesforce": "GET /services/data/v[0-9.]+/query"}
BRIEF = {"connect": 2.0, "read": 0.4, "total": 0.8}


@pytest.mark.parametrize("kind", ["reset_before", "reset_within", "reset_after"])
def test_row_05_a_reset_connection_costs_a_retry_and_no_row(crm: Trouble, kind: Breakage) -> None:
    with crm.proxy() as between:
        between.breaks(kind, LISTS[crm.name], nth=2)
        crm.assert_whole(crm.pull())
        assert between.rule is not None
        assert between.rule.seen > 2


@pytest.mark.parametrize("kind", ["truncated_json", "truncated_body"])
def test_row_06_truncated_json_is_a_page_not_read(crm: Trouble, kind: str) -> None:
    crm.fault(kind, times=1)
    crm.assert_whole(crm.pull())
    crm.heal()
    kept = crm.cursors()
    crm.fault(kind, times=0, nth=1)
    crm.assert_held(crm.pull(full=True), kept)
    crm.heal()
    crm.assert_whole(crm.pull())


def test_row_06_truncated_json_for_ever_computes_nothing(crm: Trouble) -> None:
    crm.fault("truncated_body", times=0)
    crm.assert_stopped(crm.plan(), "failed", 1)


def test_row_07_salesforce_a_cut_off_result_page_is_read_again_from_its_locator(bulk: Trouble) -> None:
    with bulk.proxy() as between:
        between.breaks("cut", r"GET /services/data/v[0-9.]+/jobs/query/\w+/results", nth=3)
        report = bulk.pull()
        bulk.assert_whole(report)
        assert report.api["salesforce"].retried >= 1


def test_row_07_salesforce_results_that_stay_cut_off_end_the_pull(bulk: Trouble) -> None:
    with bulk.proxy() as between:
        between.breaks("cut", r"GET /services/data/v[0-9.]+/jobs/query/\w+/results", nth=3, times=0)
        bulk.assert_stopped(bulk.plan(), "failed", 1)
    bulk.assert_whole(bulk.pull())


@pytest.mark.parametrize("kind", ["drip", "stall"])
def test_row_08_an_answer_that_takes_for_ever_is_given_up(crm: Trouble, kind: Breakage) -> None:
    with crm.proxy(timeouts=BRIEF) as between:
        between.breaks(kind, LISTS[crm.name], nth=2)
        crm.assert_whole(crm.pull())
        assert between.rule is not None
        assert between.rule.seen > 2


def test_row_09_a_server_that_refuses_connections_was_sent_nothing(crm: Trouble) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    _elsewhere(crm, f"http://127.0.0.1:{port}")
    report = crm.plan()
    crm.assert_stopped(report, "failed", 1)
    assert "refuses connections" in str(report.reason)


def test_row_09_a_tls_error_is_never_answered_by_doing_without(crm: Trouble) -> None:
    with raw_server(lambda peer, _: peer.sendall(http(b"{}"))) as (url, heard):
        _elsewhere(crm, url.replace("http://", "https://"))
        report = crm.plan()
        crm.assert_stopped(report, "failed", 1)
        assert "TLS" in str(report.reason)
        assert heard
        assert not any(b"earer" in one or b"HTTP/" in one for one in heard), "no token went out in the clear"


def _elsewhere(crm: Trouble, url: str) -> None:
    if crm.vendor == "hubspot":
        crm.connect(base_url=url)
    else:
        crm.connect(auth={"flow": "token", "access_token": "00Dxx!elsewhere", "instance_url": url})
