"""P-1: search silently stops at 10,000. Every query starts at the last millisecond seen, and totals are checked."""

from __future__ import annotations

import pytest

from connectors.errors import BadAnswer
from tests.unit.connectors.hubspot_kit import answer
from tests.unit.connectors.test_hubspot_search import SINCE, SearchIndex, ids, pull


def test_p01_ten_thousand_results_are_passed() -> None:
    stamps = {str(100_000 + number): SINCE + number // 3 for number in range(10_500)}
    pages = pull(SearchIndex(stamps))
    assert set(ids(pages)) == set(stamps)


def test_p01_ten_thousand_records_of_one_millisecond_are_walked_by_id() -> None:
    stamps = {str(100_000 + number): SINCE + 5 for number in range(10_300)} | {"7": SINCE, "8": SINCE + 6}
    pages = pull(SearchIndex(stamps))
    assert set(ids(pages)) == set(stamps)
    assert len(ids(pages)) < len(stamps) + 200  # at most the page before the walk comes twice


def test_p01_fewer_rows_than_announced_is_an_error() -> None:
    found = {"id": "1", "properties": {}, "updatedAt": "2026-11-22T11:30:00Z"}
    with pytest.raises(BadAnswer, match="announced 2 records but gave 1"):
        pull(lambda _request: answer({"total": 2, "results": [found]}))
