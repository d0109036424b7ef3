"""Rows 16, 23, 24, 42 and 43 of the fault table: pages that shift or lead astray, clocks that are wrong."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from sandbox.hubspot.state import HubSpotOptions
from sandbox.salesforce.options import SalesforceOptions
from store.tables import raw_record
from sync import faults
from tests.faults.kit import Trouble
from tests.flow.one_crm import SESSION, SkippingClock, Vendor, one_crm

EDITED = {"hubspot": ("companies", "companies", "phone"), "salesforce": ("accounts", "Account", "Industry")}
EDITS = 3
VENDORS: tuple[Vendor, ...] = ("hubspot", "salesforce")


def edit(crm: Trouble, number: int, value: str) -> str:
    """A person edits the account with this number; returns its id."""
    stream, name, field = EDITED[crm.name]
    record = sorted(crm.truth()[stream])[number]
    crm.made.person("edit", at=crm.name, object=name, id=record, properties={field: value})
    return record


def test_row_16_records_that_move_between_pages_are_neither_lost_nor_counted_twice(crm: Trouble) -> None:
    """Each page of an increment is followed by an edit of a record that was on it, and of one that was not."""
    crm.assert_whole(crm.pull())
    stream = EDITED[crm.name][0]
    for number in range(2 * EDITS):
        edit(crm, number, "first")
    edits: list[str] = []

    def shift(point: str) -> None:
        if point == "pull.page_stored" and len(edits) < EDITS:
            edits.append(edit(crm, 2 * len(edits), f"shift {len(edits)}"))

    faults.arm(shift)
    try:
        crm.pull()
    finally:
        faults.arm(None)
    assert edits
    crm.assert_no_cursor_passed_unread_data()
    crm.assert_whole(crm.pull())
    with crm.made.deps() as deps, deps.store.read() as c:
        here = raw_record.c.stream == stream
        rows, ids = c.execute(
            select(func.count(), func.count(raw_record.c.id.distinct())).select_from(raw_record).where(here)
        ).one()
    assert rows == ids


@pytest.mark.parametrize("hours", [-3, 3])
def test_row_23_a_clock_that_is_wrong_moves_no_cursor_past_unread_data(crm: Trouble, hours: int) -> None:
    crm.clock.skipped = timedelta(hours=hours)
    crm.assert_whole(crm.pull())
    record = edit(crm, 7, f"skewed {hours}")
    time.sleep(
        1.1
    )  # the CRM tells its time in whole seconds; what changed in this very one may come with the next pull
    report = crm.pull()
    crm.assert_whole(report)
    stream = EDITED[crm.name][0]
    assert report.pull[crm.name][stream].mode == "increment"
    assert report.pull[crm.name][stream].updated >= 1, f"the edit of {record} was missed"
    assert max(crm.cursors().values()) <= datetime.now(UTC), "a cursor in the CRM's future would skip what comes"


@contextmanager
def at_the_change_of_clocks(folder: Path, vendor: Vendor, start: datetime) -> Iterator[tuple[Trouble, list[datetime]]]:
    """A CRM and a Keepwell whose time is told by a list of instants."""
    instants = [start]

    def now() -> datetime:
        return instants[-1]

    hubspot = HubSpotOptions(
        burst=10**6, searches_per_second=10**6, clock=lambda: now().timestamp(), time_zone="Europe/Berlin"
    )
    salesforce = SalesforceOptions(session_ids=(SESSION,), clock=now)
    with one_crm(folder, vendor, accounts=14, hubspot_options=hubspot, salesforce_options=salesforce) as made:
        yield Trouble(made, vendor, SkippingClock(start)), instants


@pytest.mark.parametrize("vendor", VENDORS)
@pytest.mark.parametrize(
    "change", [datetime(2026, 10, 25, 1, tzinfo=UTC), datetime(2027, 3, 28, 1, tzinfo=UTC)], ids=["back", "forth"]
)
def test_row_24_edits_around_a_change_of_clocks_are_all_read(tmp_path: Path, vendor: Vendor, change: datetime) -> None:
    """02:30 comes twice in October and never in March; cursors are in UTC and know nothing of it."""
    with at_the_change_of_clocks(tmp_path, vendor, change - timedelta(hours=2)) as (crm, instants):
        crm.assert_whole(crm.pull())
        before = crm.cursors()
        for number, minutes in enumerate((-1, 0, 29)):
            instants.append(change + timedelta(minutes=minutes))
            crm.clock.skipped = instants[-1] - instants[0]
            edit(crm, number, f"edit {number}")
            crm.assert_whole(crm.pull())
        now = crm.cursors()
        assert all(now[stream] > at for stream, at in before.items())


def test_row_42_salesforce_a_locator_that_expires_costs_a_new_query_and_no_row(salesforce: Trouble) -> None:
    salesforce.assert_whole(salesforce.pull())
    for number in range(27):  # the second page of twenty
        edit(salesforce, number, f"edit {number}")
    body = [{"errorCode": "INVALID_QUERY_LOCATOR", "message": "invalid query locator"}]
    salesforce.fault("status", path="*/query*/0r8*", nth=1, times=1, status=400, body=body)
    salesforce.assert_whole(salesforce.pull())
    assert salesforce.struck() == 1


def test_row_42_hubspot_a_token_of_a_list_that_is_not_taken_any_more_costs_pages_and_no_row(hubspot: Trouble) -> None:
    hubspot.fault("daily", times=0)
    assert hubspot.pull().status == "deferred"
    hubspot.heal()
    hubspot.a_day_passes()
    refused = b'{"status":"error","category":"VALIDATION_ERROR","message":"after: invalid paging token"}'
    answer = b"HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(refused)
    with hubspot.proxy() as between:
        between.breaks("replace", "GET /crm/v3/objects/tickets.*after=", answer=answer + refused)
        hubspot.assert_whole(hubspot.pull())
        assert between.rule is not None
        assert between.rule.seen >= 1


def test_row_43_pages_that_lead_in_a_circle_end(crm: Trouble) -> None:
    line = {"hubspot": "GET /crm/v3/objects/tickets", "salesforce": "GET /services/data/v[0-9.]+/query/0r8"}
    body = {
        "hubspot": b'{"results":[],"paging":{"next":{"after":"7"}}}',
        "salesforce": b'{"totalSize":90,"done":false,"records":[],"nextRecordsUrl":"/services/data/v62.0/query/0r8-1"}',
    }[crm.name]
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
    with crm.proxy() as between:
        between.breaks("replace", line[crm.name], times=0, answer=head + body)
        report = crm.plan()
        crm.assert_stopped(report, "failed", 1)
        assert between.rule is not None
        assert between.rule.seen < 60
    crm.assert_whole(crm.pull())
