"""The list of accounts against plain Python: the same order, whatever the values, and pages without gaps."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from dataclasses import replace
from typing import Any, cast, get_args

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.web.app import create_app
from dashboard.web.catalogue import Catalogue, Portfolio
from dashboard.web.listing import COLUMNS, Listing, Sort, Wanted
from tests.dashboard.client import Client
from tests.dashboard.kit import NOW, World
from tests.dashboard.reader import Reader

NUMBERS = ("urgent", "score", "coverage", "change", "arr")
SCORE = st.none() | st.sampled_from([0.0, -1.5, 50.0, 100.0])
NAME = st.none() | st.text(alphabet="aAäß%_ \u202e'\"", max_size=3)
ACCOUNT = st.fixed_dictionaries({"score": SCORE, "name": NAME, "band": st.sampled_from(["red", "green"])})


def listing(rows: list[dict[str, Any]]) -> Listing:
    whole = [
        dict.fromkeys(COLUMNS)
        | {"account_id": f"a{at:03}", "band": "red", "search": (row.get("name") or "").lower()}
        | row
        for at, row in enumerate(rows)
    ]
    schema = {name: pl.Float64() if name in NUMBERS else pl.String() for name in COLUMNS}
    return Listing(pl.DataFrame(whole, schema=schema))


@given(st.lists(ACCOUNT, max_size=12), st.sampled_from(["score", "-score", "name", "-name"]), st.integers(1, 4))
def test_pages_are_the_sorted_whole(rows: list[dict[str, Any]], sort: Sort, limit: int) -> None:
    column, down = sort.removeprefix("-"), sort.startswith("-")
    made, seen, after = listing(rows), list[str](), None
    while True:
        part = made.find(Wanted(), sort, after=after, limit=limit)
        seen += [row["account_id"] for row in part.rows]
        after = part.after
        if after is None:
            break
    numbered = [(row[column], f"a{at:03}") for at, row in enumerate(rows)]
    known = sorted((one for one in numbered if one[0] is not None), key=lambda one: one[1])
    known.sort(key=lambda one: one[0].encode() if isinstance(one[0], str) else one[0], reverse=down)
    assert seen == [one for _, one in known] + [one for value, one in numbered if value is None]


@given(st.lists(ACCOUNT, max_size=12), st.text(alphabet="aäß%_'", min_size=1, max_size=2))
def test_search_finds_the_text_as_it_is(rows: list[dict[str, Any]], text: str) -> None:
    found = listing(rows).find(Wanted(text), "name", limit=50).rows
    assert {row["account_id"] for row in found} == {
        f"a{at:03}" for at, row in enumerate(rows) if text.lower() in (row["name"] or "").lower()
    }


def place(of: object) -> str:
    return urlsafe_b64encode(json.dumps(of).encode()).decode()


NO_PLACES = [
    "x",
    "",
    "W10",
    "bnVsbA",
    "WzEsIDJd",
    "é",
    "A" * 1999,
    "W1tb" * 450,
    place([10**400, "a"]),
    place([True, "a"]),
]


@pytest.mark.parametrize("after", NO_PLACES)
def test_a_place_that_no_page_gave_is_refused(after: str) -> None:
    with pytest.raises(ValueError, match="first page"):
        listing([]).find(Wanted(), "score", after=after, limit=5)


def test_every_order_has_its_column() -> None:
    made = listing([{"score": 1.0, "name": "a"}])
    assert [len(made.find(Wanted(), sort, limit=1).rows) for sort in get_args(Sort)] == [1] * 10


def test_coverage_is_counted_in_tenths() -> None:
    made = listing([{"coverage": value} for value in (0.0, 9.9, 10.0, 99.0, 100.0, None)])
    mean, tenths = made.coverage()
    assert mean == pytest.approx(43.78)
    assert tenths == [2, 1, 0, 0, 0, 0, 0, 0, 0, 2]


class Fixed:
    """A catalogue of a portfolio that was made by hand."""

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        self._portfolio = Portfolio(NOW, None, listing(rows), ())

    def current(self, _c: object) -> Portfolio:
        return self._portfolio


@pytest.mark.parametrize(("people", "typed"), [(1_000, False), (1_001, True)])
def test_more_people_than_a_list_can_hold_are_typed(here: World, people: int, typed: bool) -> None:
    rows = [{"name": f"x{at}", "person": f"Person {at:04}"} for at in range(people)]
    asked = Client(create_app(replace(here.parts, catalogue=cast("Catalogue", Fixed(rows)))))
    last = f"Person+{people - 1:04}"
    page = asked.get(f"/accounts.json?person={last}").json()
    assert (len(page["choices"]["person"]), page["choices"]["more_people"], page["matching"]) == (1_000, typed, 1)
    tags = Reader(asked.get(f"/accounts?person={last}").text).tags
    (field,) = [(tag, one.get("value")) for tag, one in tags if one.get("name") == "person"]
    assert field == (("input", last.replace("+", " ")) if typed else ("select", None))
