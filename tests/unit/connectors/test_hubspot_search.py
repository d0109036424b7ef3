from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.base import Page, StreamMap, Window
from connectors.errors import BadAnswer
from connectors.http import Answer
from connectors.hubspot.records import from_millis, instant, to_millis
from connectors.hubspot.transport import Request
from tests.unit.connectors.hubspot_kit import answer, definitions, opened, rows
from tests.unit.connectors.kit import FakeClock

DEALS = {"deals": StreamMap("deal", ("dealname",))}
NOW = to_millis(FakeClock().now())
SINCE = NOW - 3_600_000


class SearchIndex:
    """HubSpot's search as documented: filters, one sort, a cap of 10,000, pages shorter than asked for."""

    def __init__(self, stamps: Mapping[str, int], page: int = 200, between: Callable[[], None] | None = None) -> None:
        self.stamps = dict(stamps)
        self.page = page
        self.between = between or (lambda: None)
        self.bodies: list[Mapping[str, object]] = []

    def __call__(self, request: Request) -> Answer:
        body = request.body
        assert body is not None
        self.bodies.append(body)
        self.between()
        found = [
            one for one in self.stamps if all(self.passes(one, item) for item in body["filterGroups"][0]["filters"])
        ]
        by_id = body["sorts"][0]["propertyName"] == "hs_object_id"
        found.sort(key=int if by_id else lambda one: (self.stamps[one], one))
        start = int(body.get("after", 0))
        assert start + body["limit"] <= 10_000
        shown = found[start : start + min(self.page, body["limit"])]
        results = [
            {"id": one, "properties": {"hs_lastmodifieddate": self.stamp(one), "dealname": None}} for one in shown
        ]
        reply: dict[str, object] = {"total": len(found), "results": results}
        if start + len(shown) < len(found):
            reply["paging"] = {"next": {"after": str(start + len(shown)), "link": "https://evil.example"}}
        return answer(reply)

    def stamp(self, one: str) -> str:
        return from_millis(self.stamps[one]).isoformat().replace("+00:00", "Z")

    def passes(self, one: str, item: Mapping[str, str]) -> bool:
        value = self.stamps[one] if item["propertyName"] == "hs_lastmodifieddate" else int(one)
        bound = int(item["value"])
        return {"GTE": value >= bound, "LTE": value <= bound, "EQ": value == bound, "GT": value > bound}[
            item["operator"]
        ]


def pull(index: Callable[[Request], Answer], position: str | None = None, maps=DEALS) -> list[Page]:
    def handle(request: Request) -> Answer:
        if request.path.endswith("/search"):
            return index(request)
        if "/properties/" in request.path:
            return answer(definitions("dealname", "hs_lastmodifieddate", *maps["deals"].properties))
        if request.path.endswith("/batch/read"):
            wanted = [item["id"] for item in request.body["inputs"]]  # type: ignore[index]
            return answer(
                {
                    "results": [
                        {"id": one, "properties": dict.fromkeys(request.body["properties"], "x")} for one in wanted
                    ]
                }
            )  # type: ignore[index]
        return answer(rows())

    connector, _script, _clock = opened(handle, maps=maps)
    deals = next(stream for stream in connector.streams() if stream.name == "deals")
    return list(connector.pages(deals, Window(since=from_millis(SINCE), position=position)))


def ids(pages: list[Page]) -> list[str]:
    return [record.id for page in pages for record in page.records]


@given(
    st.lists(st.integers(0, 30), min_size=0, max_size=60),
    st.integers(1, 7),
)
def test_every_record_of_the_window_is_found_whatever_the_page_size(offsets: list[int], page: int):
    stamps = {str(100 + number): SINCE + offset for number, offset in enumerate(offsets)}
    pages = pull(SearchIndex(stamps, page))
    assert set(ids(pages)) == set(stamps)
    assert pages[-1].complete


def test_records_outside_of_the_window_are_not_asked_for():
    stamps = {"1": SINCE - 1, "2": SINCE, "3": NOW, "4": NOW + 1}
    assert ids(pull(SearchIndex(stamps))) == ["2", "3"]


class AsksFor(SearchIndex):
    """A search that gives what it is asked for and nothing else."""

    def __call__(self, request: Request) -> Answer:
        body = orjson.loads(super().__call__(request).body)
        assert request.body is not None
        for row in body["results"]:
            own = {"hs_lastmodifieddate": row["properties"]["hs_lastmodifieddate"]}
            row["properties"] = {name: own.get(name, "x") for name in request.body["properties"]}
        return answer(body)


@pytest.mark.parametrize("width", range(1, 60))
def test_no_record_comes_without_its_values_however_long_the_list_of_properties_is(width: int):
    """Some lists fit into one search and, a character longer, do not: every search of a pull has to agree on it."""
    names = ("dealname", *(f"{'p' * 47}{number}" for number in range(10, 57)), "q" * width)
    stamps = {str(100 + number): SINCE + number for number in range(6)}
    pages = pull(AsksFor(stamps), maps={"deals": StreamMap("deal", names)})
    assert set(ids(pages)) == set(stamps)
    for record in (record for page in pages for record in page.records):
        assert {name: record.properties.get(name) for name in names} == dict.fromkeys(names, "x")


@given(st.integers(1, 5), st.integers(0, 10_000))
def test_records_that_are_modified_meanwhile_hide_no_others(page: int, seed: int):
    """With offsets, a record that leaves its place would let another one slip past the reader."""
    stamps = {str(100 + number): SINCE + number for number in range(30)}
    index = SearchIndex(stamps, page)
    moved: set[str] = set()

    def person_edits() -> None:
        victim = sorted(index.stamps)[(seed + 7 * len(moved)) % 30]
        if len(moved) > 12:
            return
        index.stamps[victim] = NOW + 5_000  # after this window: it comes with the next one
        moved.add(victim)

    index.between = person_edits
    found = set(ids(pull(index)))
    assert set(stamps) - moved <= found


def test_the_walk_by_id_fails_loudly_when_ids_are_compared_as_text():
    class TextIndex(SearchIndex):
        def __call__(self, request: Request) -> Answer:
            reply = super().__call__(request)
            body = request.body
            if body is None or body["sorts"][0]["propertyName"] != "hs_object_id":
                return reply
            return answer({"total": 3, "results": [{"id": one, "properties": {}} for one in ("10", "100", "9")]})

    with pytest.raises(BadAnswer, match="numeric order"):
        pull(TextIndex({str(number): SINCE for number in range(8, 300)}))


@pytest.mark.parametrize("page", [1, 3, 200])
def test_each_position_leads_to_the_rest(page: int):
    stamps = {str(100 + number): SINCE + number // 6 for number in range(30)}
    pages = pull(SearchIndex(stamps, page))
    for done, one in enumerate(pages[:-1], 1):
        rest = pull(SearchIndex(stamps, page), one.position)
        assert set(ids(pages[:done])) | set(ids(rest)) == set(stamps)
        assert rest[-1].expected == pages[-1].expected


def test_the_last_page_says_how_many_rows_search_vouched_for():
    stamps = {str(100 + number): SINCE + number // 6 for number in range(30)}
    pages = pull(SearchIndex(stamps, 7))
    assert pages[-1].expected == len(ids(pages)) == 30


def test_an_empty_page_with_more_after_it_is_not_the_end():
    index = SearchIndex({str(100 + number): SINCE + number for number in range(5)})

    def gap(request: Request) -> Answer:
        if request.body is not None and "after" not in request.body:
            return answer({"total": 5, "results": [], "paging": {"next": {"after": "0"}}})
        return index(request)

    assert len(ids(pull(gap))) == 5


def test_empty_pages_that_lead_in_a_circle_end():
    with pytest.raises(BadAnswer, match="circle"):
        pull(lambda _request: answer({"total": 5, "results": [], "paging": {"next": {"after": "200"}}}))


def test_rows_in_another_order_than_asked_for_are_an_error():
    def shuffled(_request: Request) -> Answer:
        stamps = ["2026-11-22T11:30:00Z", "2026-11-22T11:20:00Z"]
        found = [{"id": str(number), "properties": {}, "updatedAt": stamp} for number, stamp in enumerate(stamps, 1)]
        return answer({"total": 9, "results": found, "paging": {"next": {"after": "2"}}})

    with pytest.raises(BadAnswer, match="order"):
        pull(shuffled)


def test_no_page_claims_more_than_it_proves():
    overlap = timedelta(minutes=10)
    stamps = {str(100 + number): SINCE + number * 60_000 for number in range(60)}
    pages = pull(SearchIndex(stamps, 7))
    for page in pages[:-2]:
        reached = max(record.modified_at for record in page.records if record.modified_at)
        assert page.high_water is not None
        assert page.high_water <= min(reached, from_millis(NOW) - overlap)
    assert pages[-1].high_water == from_millis(NOW) - overlap


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-02T03:04:05Z", "2026-01-02T03:04:05+00:00"),
        ("2026-01-02T03:04:05.678Z", "2026-01-02T03:04:05.678000+00:00"),
        ("1767323045678", "2026-01-02T03:04:05.678000+00:00"),
        ("2026-01-02", "2026-01-02T00:00:00+00:00"),
        ("soon", None),
        ("99999999999999999999", None),
        ("", None),
        (None, None),
        (1767323045678, "2026-01-02T03:04:05.678000+00:00"),
        (10**30, None),
        (True, None),
        ([], None),
    ],
)
def test_instants_come_in_many_forms(text: object, expected: str | None):
    found = instant(text)
    assert (found.isoformat() if found else None) == expected
