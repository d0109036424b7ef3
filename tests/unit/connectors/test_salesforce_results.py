"""Result pages of a bulk job: listed, read ahead, given out in order, bounded in memory."""

from __future__ import annotations

import gzip
import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
import responses

from connectors.errors import BadAnswer, QuotaExhausted
from connectors.salesforce.ahead import Ahead
from connectors.salesforce.csv_rows import read_blocks
from connectors.salesforce.results import Chunk, Results
from tests.unit.connectors.salesforce_kit import DATA, client, let_log_in

JOB = "750R0000000zlh9IAA"
BASE = f"/services/data/v62.0/jobs/query/{JOB}"
RESULTS, LIST = f"{DATA}/jobs/query/{JOB}/results", f"{DATA}/jobs/query/{JOB}/resultPages"
SIZE = 4  # rows of a page that nobody asked for


class Job:
    """A finished job of `count` rows behind canned answers; `asked` are the addresses in the order of asking."""

    def __init__(self, mock: responses.RequestsMock, count: int, next_link: str = "nextRecordsUrl") -> None:
        self.rows = [f"row {number}" for number in range(count)]
        self.next_link = next_link
        self.asked: list[str] = []
        self.lists = True
        mock.add_callback("GET", RESULTS, callback=self._results)
        mock.add_callback("GET", LIST, callback=self._list)

    def _results(self, request: Any) -> tuple[int, dict[str, str], bytes]:
        start, size = int(request.params.get("locator", 0)), int(request.params.get("maxRecords", SIZE))
        self.asked.append(f"results {start}")
        page = self.rows[start : start + size]
        following = start + size
        headers = {
            "Sforce-NumberOfRecords": str(len(page)),
            "Sforce-Locator": str(following) if following < len(self.rows) else "null",
            "Content-Type": "text/csv",
        }
        return 200, headers, "".join(f'"{cell}"\n' for cell in ["Id", *page]).encode()

    def _list(self, request: Any) -> tuple[int, dict[str, str], str]:
        start = int(request.params.get("from", 0))
        self.asked.append(f"list {start}")
        if not self.lists:
            return 404, {}, '[{"errorCode": "NOT_FOUND", "message": "no"}]'
        starts = list(range(start, len(self.rows), SIZE))
        body: dict[str, Any] = {"resultPages": [{"resultUrl": self.link(at)} for at in starts[:5]], "done": True}
        if starts[5:]:
            body |= {"done": False, self.next_link: f"{BASE}/resultPages?from={starts[5]}"}
        return 200, {"Content-Type": "application/json"}, json.dumps(body)

    def link(self, at: int) -> str:
        return f"{BASE}/results?locator={at}"


@pytest.fixture
def mock() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as one:
        let_log_in(one)
        yield one


def results(**changes: Any) -> Results:
    pull = {"bulk_page": SIZE, "rows_a_page": 2, **changes.pop("pull", {})}
    return Results(client(pull=pull, **changes))


def cells(chunks: list[Chunk]) -> list[str]:
    return [row[0] for chunk in chunks for row in chunk.rows]


@pytest.mark.parametrize("next_link", ["nextRecordsUrl", "nextRecordUrl"])
def test_listed_pages_come_in_their_order_under_either_spelling(mock: responses.RequestsMock, next_link: str) -> None:
    job = Job(mock, 27, next_link)
    chunks = list(results().chunks(JOB, expected=27))
    assert cells(chunks) == job.rows
    assert [chunk.last for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    assert [one for one in job.asked if one.startswith("list")] == ["list 0", "list 20"]
    assert sum(one.startswith("results") for one in job.asked) == 7


def test_every_chunk_says_where_to_go_on(mock: responses.RequestsMock) -> None:
    job = Job(mock, 27)
    chunks = list(results().chunks(JOB, expected=27))
    for number, chunk in enumerate(chunks, 1):
        for width in (1, 3):
            rest = list(results(pull={"bulk_parallel": width}).chunks(JOB, chunk.locator, chunk.skip, 27))
            assert cells(chunks[:number]) + cells(rest) == job.rows
            assert rest[-1].last


def test_a_place_in_a_large_page_is_found_in_smaller_ones(mock: responses.RequestsMock) -> None:
    job = Job(mock, 27)
    rest = list(results(pull={"bulk_page": 3, "bulk_parallel": 1}).chunks(JOB, "0", 11))
    assert cells(rest) == job.rows[11:]


@pytest.mark.parametrize(
    ("expected", "changes"),
    [(4, {}), (None, {}), (27, {"pull": {"bulk_parallel": 1}}), (27, {"api_version": "57.0"})],
)
def test_pages_are_listed_only_where_that_saves_time(
    mock: responses.RequestsMock, expected: int | None, changes: dict[str, Any]
) -> None:
    version = changes.get("api_version", "62.0")
    asked: list[str] = []

    def one_page(request: Any) -> tuple[int, dict[str, str], str]:
        asked.append(str(request.url))
        return 200, {"Sforce-NumberOfRecords": "1"}, '"Id"\n"row 0"\n'

    mock.add_callback("GET", RESULTS.replace("62.0", version), callback=one_page)
    assert cells(list(results(**changes).chunks(JOB, expected=expected))) == ["row 0"]
    assert len(asked) == 1


def test_a_list_that_is_refused_leaves_the_locators(mock: responses.RequestsMock) -> None:
    job = Job(mock, 11)
    job.lists = False
    assert cells(list(results().chunks(JOB, expected=11))) == job.rows
    assert job.asked == ["list 0", "results 0", "results 4", "results 8"]


@pytest.mark.parametrize(
    "body",
    [
        {"resultPages": [], "done": True},
        {"resultPages": None},
        {"resultPages": ["?locator=0"], "done": True},
        {"resultPages": [{"resultUrl": 7}], "done": True},
        {"resultPages": [{"resultUrl": f"{BASE}/results?locator=0"}], "done": True},
        {"resultPages": [{"resultUrl": f"{BASE}/results?locator=0"}], "nextRecordsUrl": f"{BASE}/resultPages"},
        {"resultPages": [{"resultUrl": "https://foreign.example/results?locator=0"}], "done": False},
        ["no object"],
    ],
)
def test_whatever_a_list_says_every_row_comes_once_and_from_our_own_job(body: Any) -> None:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        let_log_in(mock)
        mock.get(LIST, json=body)
        job = Job(mock, 11)
        assert cells(list(results().chunks(JOB, expected=11))) == job.rows


def test_a_page_that_breaks_off_is_read_again_while_others_wait(mock: responses.RequestsMock) -> None:
    broken = {"Sforce-NumberOfRecords": "4", "Sforce-Locator": "8", "Content-Type": "text/csv"}
    mock.get(RESULTS, body='"Id"\n"row 0"\n"row 1"\n"row 2"\n"ro', headers=broken)
    job = Job(mock, 12)
    assert cells(list(results(pull={"rows_a_page": 1}).chunks(JOB, expected=12))) == job.rows


@pytest.mark.parametrize("announced", ["3", "5", "", "many"])
def test_a_count_that_does_not_fit_its_page_ends_the_pull(mock: responses.RequestsMock, announced: str) -> None:
    body = '"Id"\n' + "".join(f'"row {number}"\n' for number in range(4))
    mock.get(RESULTS, body=body, headers={"Sforce-NumberOfRecords": announced})
    with pytest.raises(BadAnswer):
        list(results().chunks(JOB))


def test_no_more_than_the_pages_ahead_are_open_at_a_time(mock: responses.RequestsMock) -> None:
    job = Job(mock, 40)
    chunks = results(pull={"bulk_parallel": 3}).chunks(JOB, expected=40)
    next(chunks)
    deadline = time.monotonic() + 60
    while sum(one.startswith("results") for one in job.asked) < 3 and time.monotonic() < deadline:
        time.sleep(0.005)
    assert sorted(one for one in job.asked if one.startswith("results")) == ["results 0", "results 4", "results 8"]
    chunks.close()


def test_an_error_that_is_no_matter_of_a_page_ends_the_pull_at_once(mock: responses.RequestsMock) -> None:
    refusal = [{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "TotalRequests Limit exceeded."}]
    mock.get(RESULTS, json=refusal, status=403)
    with pytest.raises(QuotaExhausted):
        list(results().chunks(JOB))


# --- downloads that run ahead ---------------------------------------------------------------------------------


class Served:
    """A response whose body is made as it is read."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self.headers: dict[str, str] = {}
        self.made = 0
        self.closed = threading.Event()
        self._chunks = chunks

    def body(self, _response: requests.Response) -> Iterator[bytes]:
        for chunk in self._chunks:
            self.made += len(chunk)
            yield chunk

    def close(self) -> None:
        self.closed.set()


def ahead(served: Served, room: int = 1000) -> Ahead:
    open_: Callable[[], Any] = lambda: served  # noqa: E731
    return Ahead(open_, served.body, room)


def test_a_download_waits_when_its_room_is_full() -> None:
    served = Served(bytes(100) for _ in range(10**6))
    one = ahead(served)
    chunks = one.chunks()
    for number in range(50):
        assert len(next(chunks)) == 100
        assert served.made <= (number + 1) * 100 + 1000 + 100
    one.close()
    assert served.closed.wait(timeout=60), "a download that nobody wants ends"


def test_a_download_brings_everything_and_then_its_error() -> None:
    def broken() -> Iterator[bytes]:
        yield b"one"
        yield b"two"
        raise BadAnswer("broken")

    one = ahead(Served(broken()))
    found: list[bytes] = []
    with pytest.raises(BadAnswer, match="broken"):
        found.extend(one.chunks())
    assert one.headers == {}


def test_a_download_that_cannot_be_opened_says_so_at_its_headers() -> None:
    def refuse() -> Any:
        raise BadAnswer("no")

    one = Ahead(refuse, lambda _response: iter(()))
    with pytest.raises(BadAnswer, match="no"):
        _ = one.headers


# --- sizes ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("filler", [b"a", b'"a', b"a,"])
def test_a_line_without_an_end_is_given_up_before_it_fills_the_memory(filler: bytes) -> None:
    taken = [0]

    def endless() -> Iterator[bytes]:
        while taken[0] < 10**10:
            taken[0] += 2**20
            yield filler * (2**20 // len(filler))

    with pytest.raises(BadAnswer):
        list(read_blocks(endless(), 100))
    assert taken[0] <= 10 * 2**20


def test_blocks_have_the_size_that_was_asked_for() -> None:
    raw = b"Id\n" + b"".join(b"%d\n" % number for number in range(10))
    blocks = list(read_blocks([raw], 4))
    assert [len(block) for block in blocks] == [4, 4, 3]
    assert [row[0] for block in blocks for row in block] == ["Id", *map(str, range(10))]


def test_results_are_asked_for_in_compressed_form_and_read_so(mock: responses.RequestsMock) -> None:
    headers = {"Sforce-NumberOfRecords": "1", "Content-Encoding": "gzip"}
    mock.get(RESULTS, body=gzip.compress(b'"Id"\n"row 0"\n'), headers=headers)
    assert cells(list(results().chunks(JOB))) == ["row 0"]
    assert mock.calls[-1].request.headers["Accept-Encoding"] == "gzip"
