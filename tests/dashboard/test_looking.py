"""The pages of renewals, KPIs, reports, runs, plans and data quality: what they show, and that text stays text."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette

from dashboard.web.reckoned import NotReckoned
from mapping.reports.document import Document
from tests.dashboard.client import Answer, Client
from tests.dashboard.looked import HOSTILE, dashboard, document
from tests.dashboard.reader import Reader

PAGES = ("/renewals", "/kpis", "/kpis/nrr", "/reports", "/reports/weekly-health", "/reports/annual-value", "/runs",
         "/runs/run-1", "/runs/latest", "/conflicts", "/failures", "/plans", "/plans/latest", "/quality")  # fmt: skip
OURS = {"script": {"/static/vendor/chart.umd.min.js", "/static/keepwell.js"}, "img": {"/static/icon.svg"}}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Starlette]:
    with dashboard(tmp_path_factory.mktemp("looked"), document) as made:
        yield made


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Starlette]:
    with dashboard(tmp_path_factory.mktemp("bare"), fill=False) as made:
        yield made


def ask(app: Starlette, address: str) -> Answer:
    return Client(app).get(address)


def found(app: Starlette, address: str) -> Answer:
    answer = ask(app, address)
    assert answer.status == 200, answer.text[-3000:]
    return answer


def twin(app: Starlette, address: str) -> Any:
    path, _, query = address.partition("?")
    return found(app, f"{path}.json" + (f"?{query}" if query else "")).json()


@pytest.mark.parametrize("address", PAGES)
def test_hostile_text_is_shown_and_does_nothing(app: Starlette, address: str) -> None:
    page = found(app, address).text
    reader = Reader(page)
    for tag, allowed in OURS.items():
        sources = {str(one.get("src")).partition("?")[0] for one in reader.named(tag)}
        assert sources <= allowed, tag
    assert not [
        name for _, attributes in reader.tags for name in attributes if name.startswith("on") or name == "style"
    ]
    assert "\u202e" not in page
    assert "\x1b" not in page
    if address not in {"/reports", "/plans"}:
        assert "<img src=x onerror=alert(1)>" in reader.text


@pytest.mark.parametrize("address", PAGES)
def test_every_page_has_a_twin_of_its_model(app: Starlette, address: str) -> None:
    assert isinstance(twin(app, address), dict)


@pytest.mark.parametrize("address", PAGES)
def test_an_empty_store_says_what_to_type(bare: Starlette, address: str) -> None:
    answer = ask(bare, address)
    assert answer.status == (404 if address in {"/runs/run-1", "/runs/latest", "/plans/latest"} else 200)
    text = Reader(answer.text).text
    assert "keepwell" in text.replace("Keepwell", "") or address == "/reports" or "/runs lists" in text


def test_renewals_are_narrowed_and_paged(app: Starlette) -> None:
    first = twin(app, "/renewals")
    assert (first["matching"], len(first["rows"]), first["next"]) == (130, 100, 100)
    assert first["statuses"] == ["at_risk", "due"]
    second = twin(app, f"/renewals?after={first['next']}")
    assert [row["account_id"] for row in first["rows"] + second["rows"]] == [f"a{n}" for n in range(130)]
    assert second["next"] is None
    due = twin(app, "/renewals?status=due&month=2026-11")
    assert due["matching"] == 65
    assert {row["status"] for row in due["rows"]} == {"due"}
    assert "No contract is like that" in Reader(found(app, "/renewals?month=1999-01").text).text


def test_a_kpi_that_is_not_there_is_not_found(app: Starlette) -> None:
    assert ask(app, "/kpis/nnr").status == 404
    assert ask(app, "/reports/daily-gossip").status == 404


def test_runs_are_paged_and_narrowed(app: Starlette) -> None:
    first = twin(app, "/runs")
    assert first["runs"][0]["run_id"] == "run-1"
    assert (first["failures"], first["conflicts"]) == (1, 1)
    assert [(one["connection"], one["left"]) for one in first["budgets"]] == [("hubspot", 249_993)]
    second = twin(app, f"/runs?before={first['next']}")
    ids = [one["run_id"] for one in first["runs"] + second["runs"]]
    assert len(ids) == len(set(ids)) == 61
    assert second["next"] is None
    assert [one["run_id"] for one in twin(app, "/runs?status=partial")["runs"]] == ["run-1"]
    assert "No run is like that" in Reader(found(app, "/runs?command=undo").text).text


def test_a_run_says_what_became_of_each_value_and_what_it_cost(app: Starlette) -> None:
    page = twin(app, "/runs/run-1")
    (crm,) = page["connections"]
    assert crm["buckets"] == {"confirmed": 1, "unchanged": 0, "conflict": 1, "gone": 0, "rejected": 1, "pending": 0,
                              "in_doubt": 0}  # fmt: skip
    assert sum(crm["buckets"].values()) == crm["changes"]
    assert (crm["cost"], crm["requests"], crm["throttled"], crm["retried"]) == (2, 7, 1, 2)
    assert crm["quota_left"] == 249_993
    (refused,) = page["refused"]
    assert (refused["account_id"], refused["property"], refused["code"]) == ("a0", "cs_health_band", "INVALID")
    (written,) = page["written"]
    assert (written["written"], written["verified_at"]) == ("red", None)
    assert page["plan_id"] == twin(app, "/plans")["plans"][0]["plan_id"]


def test_a_plan_is_paged_record_by_record(app: Starlette) -> None:
    plan_id = twin(app, "/plans")["plans"][0]["plan_id"]
    first = twin(app, f"/plans/{plan_id}")
    second = twin(app, f"/plans/{plan_id}?after={first['next']}")
    seen = [one["record_id"] for one in first["records"] + second["records"]]
    assert len(seen) == len(set(seen)) == 62
    assert second["next"] is None
    head = first["plan"]
    assert (head["changes"], head["held"], head["cost"], head["state"]) == (63, 1, 2, "ready")
    assert first["command"] == f"keepwell apply {plan_id}"
    assert f"/plans/{plan_id}?after=hubspot%2Fcompanies%2Fx047" in found(app, f"/plans/{plan_id}").text


def test_a_plan_is_narrowed_by_property_account_and_kind(app: Starlette) -> None:
    band = twin(app, "/plans/latest?property=cs_health_band")["records"]
    assert [(one["record_id"], [change["property"] for change in one["changes"]]) for one in band] == [
        ("0", ["cs_health_band"])
    ]
    held = twin(app, "/plans/latest?only=held")["records"]
    assert [(one["record_id"], len(one["changes"]), len(one["held"])) for one in held] == [("0", 0, 1)]
    assert held[0]["held"][0]["reason"] == "somebody changed it since Keepwell wrote it"
    acme = twin(app, "/plans/latest?account=acm")["records"]
    assert [one["account"] for one in acme] == ["Acme"]
    assert [one["record_id"] for one in twin(app, "/plans/latest?account=a1")["records"]] == ["1"]
    assert twin(app, "/plans/latest?property=cs_health")["records"] == [], "a property's name is meant as a whole"
    assert twin(app, "/plans/latest?property=%25")["records"] == []
    assert "No record is like that" in Reader(found(app, "/plans/latest?account=nobody").text).text


def test_quality_names_what_is_old_unreadable_and_in_doubt(app: Starlette) -> None:
    page = twin(app, "/quality")
    assert {one["stream"]: one["stale"] for one in page["streams"]} == {"companies": False, "deals": True}
    (reason,) = page["reasons"]
    assert reason["records"] == 60
    after = "&".join(f"after={part}" for part in page["next"])
    rest = twin(app, f"/quality?{after}")["unreadable"]
    assert len(page["unreadable"]) + len(rest) == 60
    (case,) = page["cases"]
    assert [one["id"] for one in case["records"]] == ["1", "2"]
    assert page["cases_in_all"] == 1


def test_a_report_that_cannot_be_made_says_why(tmp_path: Path) -> None:
    def refuse(name: str) -> Document:
        raise NotReckoned(f"No {name} {HOSTILE}", "`keepwell plan` reads and makes them.")

    with dashboard(tmp_path, refuse) as app:
        for address in ("/renewals", "/kpis", "/reports/weekly-health", "/quality"):
            reader = Reader(found(app, address).text)
            assert "keepwell plan reads and makes them." in reader.text
            assert "<img src=x" in reader.text


def test_a_report_that_fails_takes_no_other_page_along(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def fail(_name: str) -> Document:
        raise RuntimeError("boom")

    with dashboard(tmp_path, fail) as app:
        page = found(app, "/quality").text
    assert "This report failed." in page
    assert "boom" not in page
    assert "hubspot deals" in Reader(page).text


def test_what_belongs_to_no_account_leads_nowhere(tmp_path: Path) -> None:
    def made(name: str) -> Document:
        whole = document(name)
        whole.sections[1].tables[0].rows[0].update({"account_id": None, "account": None})  # type: ignore[attr-defined]
        return whole

    with dashboard(tmp_path, made) as app:
        page = Reader(found(app, "/reports/weekly-health").text)
    assert "(of no account)" in page.text
    links = [str(one.get("href")) for one in page.named("a")]
    assert "/accounts/a1" in links
    assert "/accounts/None" not in links
