"""The pages of the portfolio and of accounts on both stores: what they show, their twins, and what goes wrong."""

from __future__ import annotations

import re
import shutil
from datetime import timedelta
from html.parser import HTMLParser
from os import getpid
from pathlib import Path
from time import sleep
from typing import Any

import pytest
from sqlalchemy import text

from dashboard.web.app import create_app
from dashboard.web.page import Engine
from store import open_store, runs
from tests.dashboard.client import Answer, Client
from tests.dashboard.kit import HOSTILE, NOW, World, fill, parts, put_run, with_engine, world

PAGES = ("/", "/accounts", "/accounts/crm:1", "/accounts/crm:4", "/accounts/crm:1/why", "/settings")
OURS = {"/static/vendor/chart.umd.min.js", "/static/keepwell.js", "/static/icon.svg"}
EXPLAINED = {
    "account_id": "crm:1", "name": HOSTILE, "as_of": "2026-06-30", "framework": "f", "model_version": "m2", "in_crm": [
        {"connection": "crm", "record_id": "1", "field": "segment", "property": "cs_segment", "seen": HOSTILE,
         "display": HOSTILE},
    ],
    "values": [{"field": "segment", "label": "Segment", "value": HOSTILE, "display": HOSTILE}], "nearly": [],
    "next_renewal": None, "change": None, "children": None, "alerts": [], "records": [],
    "inputs": {"fields": [{"field": "name", "value": HOSTILE, "connection": "crm", "others": {"other": HOSTILE}}]},
    "explanation": {
        "lifecycle": {"label": HOSTILE, "entered_on": None, "rules": [
            {"id": "a", "label": HOSTILE, "matched": True, "says": None, "when": HOSTILE,
             "saw": [{"name": "n", "value": HOSTILE}]},
        ], "next_stage": None, "ends_when": HOSTILE},
        "renewal": {"label": HOSTILE, "contract_ends_on": None, "rule": 1, "because": HOSTILE},
        "segments": {}, "next_touch": {"type": None}, "escalation": {"level": None}, "marks": [], "milestones": [],
    },
}  # fmt: skip


class Reader(HTMLParser):
    """The tags of a page, and the text that a reader sees."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def client(made: World) -> Client:
    return Client(create_app(with_engine(made.parts, Engine(explain=lambda _: EXPLAINED))))


def found(made: World, address: str) -> Answer:
    answer = client(made).get(address)
    assert answer.status == 200, answer.text[-2000:]
    return answer


def listed(made: World, query: str) -> list[str]:
    return [one["account_id"] for one in found(made, f"/accounts.json?{query}").json()["accounts"]]


def test_the_start_page_counts_bands_and_names_who_moved(whole: World) -> None:
    page = found(whole, "/overview.json").json()
    shown = page["portfolio"]
    assert {one["id"]: one["accounts"] for one in shown["bands"]} == {"green": 1, "yellow": 1, "red": 2, "unknown": 1}
    assert [(one["account_id"], one["change"]) for one in shown["fallen"]] == [("crm:5", -38.0), ("crm:1", -28.5)]
    assert [one["account_id"] for one in shown["risen"]] == ["crm:3", "crm:2"]
    assert [one["account_id"] for one in shown["first"]] == ["crm:1", "crm:2"], "who left needs nobody, nor who is well"
    assert shown["coverage"] == 80
    assert [(one["standing"], one["overdue"]) for one in page["alerts"]] == [(1, 1)]
    assert (page["last_run"]["run_id"], page["last_run"]["status"]) == ("run-0", "partial")


def test_the_bands_over_time_come_from_the_runs_and_mark_another_framework(whole: World) -> None:
    chart = found(whole, "/overview.json").json()["portfolio"]["over_time"]
    assert chart["labels"] == ["2026-05-21", "2026-06-30"]
    assert [one["values"] for one in chart["series"]] == [[1, 1], [1, 1], [2, 2], [1, 1]]
    assert chart["series"][0]["notes"] == [None, "the framework changed"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["crm:1", "crm:2", "crm:3", "crm:4", "crm:5"]),  # what left comes last, whatever its score
        ("sort=score", ["crm:5", "crm:1", "crm:2", "crm:3", "crm:4"]),  # without a score last
        ("sort=-score", ["crm:3", "crm:2", "crm:1", "crm:5", "crm:4"]),
        ("sort=name&band=red", ["crm:1", "crm:5"]),
        ("band=red&band=green&sort=score", ["crm:5", "crm:1", "crm:3"]),
        ("q=BOLT", ["crm:2"]),
        ("q=d3.example", ["crm:3"]),
        ("q=50%25_", ["crm:5"]),  # a pattern's signs are signs
        ("stage=adoption", ["crm:1"]),
        ("renewal=churned&q=elm", ["crm:5"]),
        ("segment=none", []),
    ],
)
def test_accounts_are_searched_filtered_and_sorted(here: World, query: str, expected: list[str]) -> None:
    assert listed(here, query) == expected


@pytest.mark.parametrize("sort", ["urgent", "score", "-score", "name", "-arr", "change"])
def test_pages_follow_each_other_without_a_gap_or_a_repetition(here: World, sort: str) -> None:
    seen, address = list[str](), f"/accounts.json?limit=2&sort={sort}"
    while address:
        page = found(here, address).json()
        seen += [one["account_id"] for one in page["accounts"]]
        address = f"/accounts.json?limit=2&sort={sort}&after={page['next']}" if page["next"] else ""
    assert seen == listed(here, f"sort={sort}")


def test_an_account_shows_where_its_score_comes_from_and_what_happened(whole: World) -> None:
    page = found(whole, "/accounts/crm:1.json").json()
    chart = page["score"]
    assert chart["series"][0]["values"] == [100, -10.5, 89.5]
    assert sum(chart["series"][0]["values"][:-1]) == chart["series"][0]["values"][-1]
    assert [one["stage"] for one in page["stages"]] == ["adoption"]
    scores = page["history"]["series"][0]["values"]
    assert (scores[0], scores[-1]) == (60, 31.5)
    assert "the framework changed" in page["history"]["series"][0]["notes"]
    assert [one["id"] for one in page["tickets"]] == ["t1", "t2"]
    assert (page["open_tickets"], len(page["meetings"]), len(page["terms"])) == (1, 1, 1)
    assert [(one["property"], one["written"]) for one in page["written"]] == [("cs_health_score", "31.5")]
    assert [(one["overdue"], one["owner"]) for one in page["alerts"]] == [(True, "csm")]


def test_an_account_without_a_score_says_what_is_missing(here: World) -> None:
    page = found(here, "/accounts/crm:4")
    assert "Unknown" in Reader(page.text).text


@pytest.mark.parametrize("address", PAGES)
def test_text_of_a_crm_is_shown_and_does_nothing(here: World, address: str) -> None:
    page = found(here, address).text
    reader = Reader(page)
    assert {str(one["src"]).partition("?")[0] for _, one in reader.tags if "src" in one} <= OURS
    assert not [name for _, one in reader.tags for name in one if name.startswith("on") or name == "style"]
    assert not [one for tag, one in reader.tags if tag == "a" and not re.match(r"[/#]", str(one["href"]))]
    assert "\u202e" not in page
    assert ("<img src=x onerror=window.hacked=1>" in reader.text) == (address != "/settings")
    assert "49=1+1" not in reader.text


@pytest.mark.parametrize("address", PAGES)
def test_every_page_links_to_its_twin(here: World, address: str) -> None:
    (link,) = [
        one for tag, one in Reader(found(here, address).text).tags if tag == "link" and one["rel"] == "alternate"
    ]
    answer = found(here, str(link["href"]))
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()


@pytest.mark.parametrize(
    ("address", "status", "said"),
    [
        ("/accounts?colour=red", 400, "colour"),
        ("/accounts?limit=9999", 400, "limit"),
        ("/accounts?sort=height", 400, "sort"),
        ("/accounts?after=nonsense", 404, "begin with the first page"),
        ("/accounts/crm:77", 404, "crm:77"),
        ("/nowhere", 404, "no such page"),
        ("/static/../app.py", 404, ""),
    ],
)
def test_what_cannot_be_answered_says_why(here: World, address: str, status: int, said: str) -> None:
    for twin in ("", ".json"):
        path, _, query = address.partition("?")
        answer = client(here).get(path + twin + (f"?{query}" if query else ""))
        assert answer.status == status
        assert said in answer.text


def test_a_page_that_fails_says_no_more_than_that(here: World, caplog: pytest.LogCaptureFixture) -> None:
    def broken(_: str) -> dict[str, Any]:
        raise RuntimeError("secret detail")

    answer = Client(create_app(with_engine(here.parts, Engine(explain=broken)))).get("/accounts/crm:1/why")
    assert answer.status == 500
    assert "secret detail" not in answer.text
    assert "content-security-policy" in answer.headers


def test_nothing_explains_without_an_engine(here: World) -> None:
    answer = Client(create_app(here.parts)).get("/accounts/crm:1/why.json")
    assert (answer.status, answer.json()["hint"]) == (404, "Type `keepwell explain` with the account's id.")


def test_without_a_store_the_page_says_what_to_type(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'none.db'}"
    made = parts(url)
    asked = Client(create_app(made))
    answer = asked.get("/")
    assert answer.status == 503
    assert "Nothing has been synced yet" in answer.text
    assert "<code>keepwell sync</code>" in answer.text
    assert not (tmp_path / "none.db").exists()
    assert asked.get("/healthz").status == 200
    fill(url)  # a first run, while the server runs
    assert asked.get("/").status == 200
    made.shelf.close()


def test_an_empty_store_has_pages_that_say_what_to_type(store_url: str) -> None:
    open_store(store_url, create=True).close()
    made = parts(store_url)
    asked = Client(create_app(made))
    assert "No account has been evaluated yet" in asked.get("/").text
    assert "keepwell sync" in asked.get("/accounts").text
    assert asked.get("/overview.json").json()["portfolio"] is None
    made.shelf.close()


def test_a_store_of_another_version_is_refused_until_it_is_upgraded(whole: World) -> None:
    asked = client(whole)
    assert asked.get("/").status == 200
    store = open_store(whole.url)  # an open store goes on, whatever becomes of its schema
    with store.write() as c:
        was = c.execute(text("SELECT version_num FROM alembic_version")).scalar_one()
        c.execute(text("UPDATE alembic_version SET version_num = '0001_initial'"))
    answer = asked.get("/accounts.json")
    assert (answer.status, answer.json()["hint"]) == (503, "Run `keepwell db upgrade`.")
    with store.write() as c:
        c.execute(text("UPDATE alembic_version SET version_num = :was"), {"was": was})
    store.close()
    assert asked.get("/accounts.json").status == 200


def test_while_the_database_is_down_the_page_says_so() -> None:
    answer = Client(create_app(parts("postgresql://nobody@127.0.0.1:1/none"))).get("/")
    assert answer.status == 503
    assert "The store cannot be read" in answer.text


@pytest.mark.long
def test_a_database_that_went_away_and_came_back_is_read_again(database: str) -> None:
    """Its server ends the connections that the dashboard keeps, as a restart does."""
    fill(database)
    mine = f"dashboard-{getpid()}"
    made = parts(f"{database}&application_name={mine}")
    asked = Client(create_app(made))
    for address in ("/", "/accounts", "/accounts/crm:1", "/conflicts"):
        assert asked.get(address).status == 200
        other = open_store(database)
        with other.read() as c:
            ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = :mine"
            assert c.execute(text(ended), {"mine": mine}).scalars().all() == [True]
        other.close()
        first = asked.get(address)
        assert first.status in (200, 503)
        if first.status == 503:
            assert "The store cannot be read" in first.text
        assert asked.get(address).status == 200
    made.shelf.close()


def test_another_file_in_the_place_of_the_store_is_what_is_shown(here: World, tmp_path: Path) -> None:
    asked = client(here)
    assert asked.get("/accounts/crm:1").status == 200
    (tmp_path / "keepwell.db").unlink()
    for name in ("keepwell.db-wal", "keepwell.db-shm"):
        (tmp_path / name).unlink(missing_ok=True)
    open_store(here.url, create=True).close()
    assert asked.get("/accounts/crm:1").status == 404


def test_nothing_can_be_written_through_the_dashboard(whole: World) -> None:
    with pytest.raises(Exception, match=r"read.?only"), whole.parts.shelf.reading() as c:
        runs.start(c, "default", "x", "sync", as_of=None, version="1", now=NOW)


def test_a_running_run_is_shown_and_the_pages_go_on(whole: World) -> None:
    asked = client(whole)
    with whole.writing() as c:
        runs.start(c, "default", "now", "sync", as_of=NOW, version="1", now=NOW + timedelta(minutes=5))
        assert asked.get("/accounts").status == 200  # readers do not wait for a writer
    assert asked.get("/overview.json").json()["last_run"]["status"] == "running"


def test_the_catalogue_follows_the_runs(whole: World) -> None:
    """The pages show the portfolio of before until the one after the run has been read."""
    before = found(whole, "/overview.json").json()["portfolio"]["over_time"]
    assert len(before["labels"]) == 2
    with whole.writing() as c:
        put_run(c, "default", NOW + timedelta(days=1), status="complete")
    for _ in range(100):
        sleep(0.05)
        shown = found(whole, "/overview.json").json()["portfolio"]["over_time"]
        if len(shown["labels"]) == 3:
            return
    pytest.fail("the catalogue was not read anew")


def test_revenue_is_in_the_reporting_currency(filled: Path, tmp_path: Path) -> None:
    """Amounts of several currencies could be neither sorted nor added."""
    shutil.copy(filled, tmp_path / "keepwell.db")
    rates = [{"currency": "EUR", "on": "2000-01-01", "rate": 7.5}]
    made = world(f"sqlite:///{tmp_path / 'keepwell.db'}", currency="DKK", rates=rates)
    one = Client(create_app(made.parts)).get("/accounts.json").json()["accounts"][0]
    assert (one["arr"], one["currency"]) == (90_000, "DKK")
    unknown = world(f"sqlite:///{tmp_path / 'keepwell.db'}", currency="DKK")
    one = Client(create_app(unknown.parts)).get("/accounts.json").json()["accounts"][0]
    assert (one["arr"], one["currency"]) == (12_000, "EUR")
    for each in (made, unknown):
        each.parts.shelf.close()
