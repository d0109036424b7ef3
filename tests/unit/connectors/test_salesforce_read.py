"""Reading with proof: what counts as a page, as an end, as the same window."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
import responses

from connectors.base import Page, Stream, Window
from connectors.budget import MemoryBudget
from connectors.clock import SystemClock
from connectors.errors import BadAnswer, RetryLater, SchemaDrift
from connectors.salesforce.answers import CallRefused
from connectors.salesforce.client import SalesforceClient
from connectors.salesforce.ids import to18
from connectors.salesforce.position import Position
from connectors.salesforce.settings import SalesforceSettings
from tests.unit.connectors.kit import raw_server
from tests.unit.connectors.salesforce_kit import (
    DATA,
    DATE_HEADER,
    StillClock,
    account_id,
    client,
    connector,
    field,
    let_describe,
    let_describe_absent,
    let_log_in,
)

SINCE = datetime(2026, 3, 1, 11, 0, tzinfo=UTC)
QUERY, QUERY_ALL = f"{DATA}/query/", f"{DATA}/queryAll/"


def row(number: int, **more: Any) -> dict[str, Any]:
    """A row of an increment as REST gives it."""
    return {
        "attributes": {"type": "Account"},
        "Id": account_id(number),
        "Name": f"Account {number}",
        "SystemModstamp": "2026-03-01T11:30:00.000+0000",
        "IsDeleted": False,
        "MasterRecordId": None,
        **more,
    }


def answer(rows: list[dict[str, Any]], total: int | None = None, link: str | None = None) -> dict[str, Any]:
    """A page of a query."""
    body = {"totalSize": len(rows) if total is None else total, "done": link is None, "records": rows}
    return body | ({"nextRecordsUrl": link} if link else {})


def link(number: int) -> str:
    return f"/services/data/v62.0/query/0r8xx0000000001AAA-{number}"


def increment(arrange: Callable[[responses.RequestsMock], None]) -> list[Page]:
    """The pages of an increment from an org that `arrange` prepared."""
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        let_log_in(mock)
        let_describe(mock)
        let_describe_absent(mock, "User", "OpportunityStage")
        arrange(mock)
        one = connector()
        return list(one.pages(one.streams()[0], Window(since=SINCE)))


def test_the_window_is_cut_by_salesforces_clock() -> None:
    asked: list[str] = []

    def arrange(mock: responses.RequestsMock) -> None:
        def serve(request: Any) -> tuple[int, dict[str, str], str]:
            asked.append(request.params["q"])
            return (
                200,
                {"Content-Type": "application/json", "Date": DATE_HEADER},
                '{"totalSize":0,"done":true,"records":[]}',
            )

        mock.add_callback("GET", QUERY_ALL, callback=serve)

    pages = increment(arrange)
    assert "SystemModstamp >= 2026-03-01T11:00:00Z AND SystemModstamp <= 2026-03-01T12:00:31Z" in asked[0]
    assert asked[0].endswith("ORDER BY SystemModstamp, Id")
    assert pages[-1].high_water == datetime(2026, 3, 1, 11, 50, 31, tzinfo=UTC)


def test_rows_that_vanished_while_reading_are_no_error() -> None:
    def arrange(mock: responses.RequestsMock) -> None:
        mock.get(QUERY_ALL, json=answer([row(1), row(2)], total=3))
        mock.get(QUERY_ALL, json=answer([], total=2))

    pages = increment(arrange)
    assert (pages[-1].complete, pages[-1].expected) == (True, 2)


def test_rows_that_are_there_but_were_not_given_are_an_error() -> None:
    def arrange(mock: responses.RequestsMock) -> None:
        mock.get(QUERY_ALL, json=answer([row(1), row(2)], total=3))
        mock.get(QUERY_ALL, json=answer([], total=3))

    with pytest.raises(BadAnswer, match="2 rows of Account where it has 3"):
        increment(arrange)


def test_pages_that_lead_back_to_themselves_end_the_pull() -> None:
    def arrange(mock: responses.RequestsMock) -> None:
        mock.get(QUERY_ALL, json=answer([row(1)], total=9, link=link(1)))
        mock.get(f"https://acme.my.salesforce.com{link(1)}", json=answer([row(2)], total=9, link=link(1)))

    with pytest.raises(BadAnswer, match="lead back"):
        increment(arrange)


def test_an_absent_column_is_not_null() -> None:
    def arrange(mock: responses.RequestsMock) -> None:
        lacking = row(2)
        del lacking["Name"]
        mock.get(QUERY_ALL, json=answer([row(1), lacking]))

    with pytest.raises(SchemaDrift, match="without Name"):
        increment(arrange)


@pytest.mark.parametrize("broken", [None, "", 7, "001'); DROP"])
def test_a_row_without_a_record_id_is_no_row(broken: object) -> None:
    with pytest.raises(BadAnswer, match="the id"):
        increment(lambda mock: mock.get(QUERY_ALL, json=answer([row(1, Id=broken), row(2)])) and None)


def test_a_page_that_is_not_the_last_says_where_to_go_on() -> None:
    with pytest.raises(BadAnswer, match="but not where"):
        increment(lambda mock: mock.get(QUERY_ALL, json=answer([row(1)], total=2) | {"done": False}) and None)


def test_a_page_that_does_not_say_whether_it_is_the_last_goes_on_while_it_has_a_link() -> None:
    def arrange(mock: responses.RequestsMock) -> None:
        first = answer([row(1)], total=2, link=link(1))
        del first["done"]
        mock.get(QUERY_ALL, json=first)
        mock.get(f"https://acme.my.salesforce.com{link(1)}", json={"records": [row(2)]})

    assert increment(arrange)[-1].expected == 2


@pytest.mark.parametrize("shared", [True, False])
def test_without_shared_activities_the_contact_of_an_event_is_on_the_event(shared: bool) -> None:
    event, guest = to18("00UkW0000000001"), to18("003kW0000000001")
    host = to18("003kW0000000002")
    asked: list[str] = []

    def serve(request: Any) -> tuple[int, dict[str, str], str]:
        asked.append(request.params["q"])
        of_event = {"Id": event, "WhoId": host}
        of_relation = {"Id": to18("0RExx0000000001"), "EventId": event, "RelationId": guest}
        rows = [of_event if " FROM Event " in asked[-1] else of_relation]
        return 200, {"Content-Type": "application/json"}, json.dumps(answer(rows))

    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        let_log_in(mock)
        names = ("Id", "EventId", "RelationId", *(("IsWhat",) if shared else ()))
        let_describe(mock, "EventRelation", [field(name) for name in names])
        mock.add_callback("GET", QUERY, callback=serve)
        pages = connector().pages(Stream("events>contacts", "attendance", kind="links"), Window(), [event])
        found = {each.to_id for page in pages for each in page.links}
    assert found == ({guest} if shared else {guest, host})
    assert [("IsWhat" in query) for query in asked] == ([True] if shared else [False, False])


@pytest.mark.parametrize("code", ["INVALID_FIELD", "INVALID_TYPE"])
def test_a_query_that_no_longer_fits_the_org_is_drift(code: str) -> None:
    message = (
        "\nSELECT Name FROM Account\n       ^\nERROR at Row:1:Column:8\nNo such column 'Name' on entity 'Account'."
    )

    def arrange(mock: responses.RequestsMock) -> None:
        mock.get(QUERY_ALL, json=[{"errorCode": code, "message": message}], status=400)

    with pytest.raises(SchemaDrift, match="No such column 'Name'"):
        increment(arrange)


def test_an_expired_locator_goes_on_behind_the_last_row() -> None:
    asked: list[str] = []

    def arrange(mock: responses.RequestsMock) -> None:
        mock.get(QUERY_ALL, json=answer([row(1), row(2)], total=4, link=link(1)))
        stale = [{"errorCode": "INVALID_QUERY_LOCATOR", "message": "invalid query locator"}]
        mock.get(f"https://acme.my.salesforce.com{link(1)}", json=stale, status=400)
        mock.get(QUERY_ALL, json=answer([row(3), row(4)]))
        asked.append("")

    pages = increment(arrange)
    assert [record.id for page in pages for record in page.records] == [account_id(n) for n in (1, 2, 3, 4)]
    assert pages[-1].expected == 4


@pytest.mark.parametrize(
    ("raw", "archived", "merged_into"),
    [
        ({}, False, None),
        ({"IsDeleted": True}, True, None),
        ({"IsDeleted": True, "MasterRecordId": account_id(9)}, True, account_id(9)),
    ],
)
def test_deleted_and_merged_rows_say_so(raw: dict[str, Any], archived: bool, merged_into: str | None) -> None:
    pages = increment(lambda mock: mock.get(QUERY_ALL, json=answer([row(1, **raw)])) and None)
    (record,) = (record for page in pages for record in page.records)
    assert (record.archived, record.merged_into) == (archived, merged_into)
    assert record.modified_at == datetime(2026, 3, 1, 11, 30, tzinfo=UTC)
    assert record.properties == {"Name": "Account 1", "SystemModstamp": "2026-03-01T11:30:00.000Z"}


# --- results of bulk jobs -------------------------------------------------------------------------------------

JOB = "750R0000000zlh9IAA"
HEADER = '"Id","SystemModstamp","Name"\n'


def csv_row(number: int) -> str:
    return f'"{account_id(number)}","2026-03-01T11:30:00.000Z","Account {number}"\n'


def full_by_bulk(*pages: tuple[dict[str, str], str], processed: int) -> list[Page]:
    """The pages of a full pull whose job is done and whose result pages are given."""
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        let_log_in(mock)
        let_describe(mock)
        let_describe_absent(mock, "User", "OpportunityStage")
        job = {"id": JOB, "state": "JobComplete", "numberRecordsProcessed": processed}
        mock.get(f"{DATA}/jobs/query/{JOB}", json=job)
        mock.delete(f"{DATA}/jobs/query/{JOB}", status=204)
        mock.get(QUERY_ALL, json=answer([]))
        for headers, body in pages:
            mock.get(f"{DATA}/jobs/query/{JOB}/results", body=body, headers=headers, content_type="text/csv")
        one = connector(pull={"rows_a_page": 2})
        position = Position("bulk", datetime(2026, 3, 1, 12, tzinfo=UTC), job=JOB)
        return list(one.pages(one.streams()[0], Window(position=position.dump())))


def said(count: int, locator: str = "null") -> dict[str, str]:
    return {"Sforce-NumberOfRecords": str(count), "Sforce-Locator": locator}


def test_result_pages_follow_their_locators_until_the_word_null() -> None:
    first = HEADER + "".join(csv_row(n) for n in (1, 2, 3))
    pages = full_by_bulk((said(3, "MTAw"), first), (said(1), HEADER + csv_row(4)), processed=4)
    assert [record.id for page in pages for record in page.records] == [account_id(n) for n in (1, 2, 3, 4)]
    assert pages[-1].expected == 4


def test_a_result_page_with_fewer_rows_than_announced_is_read_again_from_its_locator() -> None:
    whole = HEADER + "".join(csv_row(n) for n in (1, 2, 3, 4, 5))
    cut = whole[: whole.index('"Account 4') + 4]
    pages = full_by_bulk((said(5), cut), (said(5), whole), processed=5)
    assert [record.id for page in pages for record in page.records] == [account_id(n) for n in (1, 2, 3, 4, 5)]


@pytest.mark.parametrize(
    "page",
    [
        (said(3), HEADER + csv_row(1)),
        ({"Sforce-Locator": "null"}, HEADER + csv_row(1)),
        (said(1), HEADER + csv_row(1).rstrip("\n")),
        (said(1), "<html>please log in</html>"),
    ],
)
def test_a_result_page_without_proof_is_no_page(page: tuple[dict[str, str], str]) -> None:
    with pytest.raises(BadAnswer):
        full_by_bulk(page, page, page, processed=1)


def test_a_last_row_without_line_break_counts_when_the_length_was_announced() -> None:
    body = HEADER + csv_row(1) + csv_row(2).rstrip("\n")
    pages = full_by_bulk((said(2) | {"Content-Length": str(len(body))}, body), processed=2)
    assert [record.id for page in pages for record in page.records] == [account_id(1), account_id(2)]


def test_fewer_results_than_the_job_found_are_an_error() -> None:
    with pytest.raises(BadAnswer, match="gave 1 rows of Account, but found 2"):
        full_by_bulk((said(1), HEADER + csv_row(1)), processed=2)


def test_a_result_without_an_asked_column_is_drift() -> None:
    with pytest.raises(SchemaDrift, match="without Name"):
        full_by_bulk((said(1), '"Id","SystemModstamp"\n"x","y"\n'), processed=1)


def test_a_job_that_never_ends_is_left_for_later() -> None:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        let_log_in(mock)
        let_describe(mock)
        let_describe_absent(mock, "User", "OpportunityStage")
        mock.get(f"{DATA}/jobs/query/{JOB}", json={"id": JOB, "state": "InProgress"})
        clock = StillClock()
        one = connector(clock, pull={"job_minutes": 10})
        position = Position("bulk", datetime(2026, 3, 1, 12, tzinfo=UTC), job=JOB)
        with pytest.raises(RetryLater, match="not done after 600 s"):
            list(one.pages(one.streams()[0], Window(position=position.dump())))
        assert 600 <= sum(clock.naps) < 660
        assert len(mock.calls) < 60, "polling slows down"


# --- the wire -------------------------------------------------------------------------------------------------


def local_client(url: str, **timeouts: float) -> SalesforceClient:
    """A client of a raw server with a ready token."""
    auth = {"flow": "token", "access_token": "00Dxx!raw.token", "instance_url": url}
    settings = SalesforceSettings.model_validate({"auth": auth, "timeouts": timeouts})
    clock = SystemClock()
    return SalesforceClient(settings, budget=MemoryBudget(clock, time.sleep), clock=clock, sleep=lambda _: None)


def test_a_dripping_answer_is_given_up_at_the_total_deadline() -> None:
    def drip(peer: Any, _: bytes) -> None:
        peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n")
        for _number in range(1_200):
            peer.sendall(b"{")
            time.sleep(0.05)

    with raw_server(drip) as (url, _log):
        started = time.monotonic()
        with pytest.raises(RetryLater, match="not complete after"):
            local_client(url, total=0.3).send("PATCH", "x", json={})
        assert time.monotonic() - started < 30


def test_a_body_shorter_than_announced_is_no_answer() -> None:
    def cut(peer: Any, _: bytes) -> None:
        peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n[]")

    with raw_server(cut) as (url, _log), pytest.raises(BadAnswer) as caught:
        local_client(url).send("PATCH", "x", json={})
    assert caught.value.sent


def test_endless_headers_are_given_up_too() -> None:
    def drip(peer: Any, _: bytes) -> None:
        peer.sendall(b"HTTP/1.1 200 OK\r\n")
        for number in range(1_200):
            peer.sendall(f"X-{number}: 1\r\n".encode())
            time.sleep(0.05)

    with raw_server(drip) as (url, _log):
        started = time.monotonic()
        with pytest.raises(RetryLater) as caught:
            local_client(url, total=0.3).send("PATCH", "x", json={})
        assert caught.value.sent
        assert time.monotonic() - started < 30


@pytest.mark.parametrize(("stale", "asked"), [(1, 2), (2, 2)])
def test_a_small_query_that_is_dropped_between_pages_is_asked_once_more(stale: int, asked: int) -> None:
    rows = [{"attributes": {"type": "User"}, "Id": account_id(number)} for number in (1, 2)]
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        let_log_in(mock)
        first = mock.get(QUERY, json=answer(rows[:1], total=2, link=link(1)))
        dropped = [{"errorCode": "INVALID_QUERY_LOCATOR", "message": "invalid query locator"}]
        for _ in range(stale):
            mock.get(f"{DATA}/query/0r8xx0000000001AAA-1", json=dropped, status=400)
        mock.get(f"{DATA}/query/0r8xx0000000001AAA-1", json=answer(rows[1:], total=2))
        if stale == 1:
            assert [one["Id"] for one in client().rows("SELECT Id FROM User")] == [account_id(1), account_id(2)]
        else:
            with pytest.raises(CallRefused, match="invalid query locator"):
                client().rows("SELECT Id FROM User")
        assert first.call_count == asked
