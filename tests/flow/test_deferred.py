"""A day's quota ends a run as deferred; the next run goes on where it stopped and asks for nothing twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any

import pytest

from config.settings import Settings
from connectors.budget import QuotaPolicy
from store import raw
from sync.engine import run_apply, run_plan, run_pull
from tests.flow.checker import assert_sound
from tests.flow.rig import Rig, rig, settings_data, time_passes

DAY = 86_400


@contextmanager
def small_pages(folder: Path, store: str | None, **options: Any) -> Iterator[Rig]:
    """Both CRMs, Salesforce in pages of 200 rows so that a small portfolio has some of them."""
    with rig(folder, accounts=220, salesforce=True, provision=False, **options) as made:
        data = settings_data(made.crm, store or made.settings.store)
        data["connections"]["salesforce"]["pull"] = {"rest_page": 200, "rows_a_page": 200}
        made.settings = Settings(**data)
        yield made


def a_day_later(made: Rig) -> None:
    made.crm.hubspot.quota._today = 0
    made.crm.hubspot.quota._daily = 1_000_000
    if made.crm.salesforce is not None:
        made.crm.salesforce.usage._minutes.clear()
        made.crm.salesforce.usage._total = 0
        made.crm.salesforce.usage.limit = 100_000
    with made.deps() as deps:
        time_passes(deps.store, DAY)


def contents(made: Rig) -> dict[tuple[str, str], list[str]]:
    """Ids of the live records of every stream."""
    found = {}
    with made.deps() as deps, deps.store.read() as c:
        for name, connector in deps.connectors.items():
            for stream in connector.streams():
                found[name, stream.name] = sorted(raw.iter_ids(c, deps.workspace, name, stream.name))
    return found


def pages_of(routes: Mapping[str, int]) -> Counter[str]:
    """Requests for records and links, without those by which a connection is opened."""
    return Counter({route: n for route, n in routes.items() if "/objects/" in route or "/associations/" in route})


@dataclass(frozen=True)
class Unbroken:
    """A full pull that nothing stopped: requests by connection, HubSpot's pages, ids of all records."""

    requests: dict[str, int]
    pages: Counter[str]
    contents: dict[tuple[str, str], list[str]]


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> Unbroken:
    with small_pages(tmp_path_factory.mktemp("whole"), None) as made:
        made.crm.hubspot.stats.by_route.clear()
        report = made.run(run_pull)
        requests = {name: use.requests for name, use in report.api.items()}
        return Unbroken(requests, pages_of(made.crm.hubspot.stats.by_route), contents(made))


def test_hubspots_day_ends_in_the_middle_of_a_full_pull(
    tmp_path: Path, either_store: str | None, unbroken: Unbroken
) -> None:
    with small_pages(tmp_path, either_store) as made:
        made.crm.hubspot.quota._daily = unbroken.requests["hubspot"]  # of which a fifth is left to other apps
        made.crm.hubspot.stats.by_route.clear()
        first = made.run(run_pull)
        assert (first.status, first.exit_code) == ("deferred", 75)
        assert first.hint is not None
        assert "Worth a try from" in first.hint
        spent = made.crm.hubspot.stats.requests
        again = made.run(run_pull)
        assert (again.status, again.exit_code) == ("deferred", 75)
        assert made.crm.hubspot.stats.requests <= spent + 1, "which portal it is, and what the day has left"
        a_day_later(made)
        last = made.run(run_pull)
        assert (last.status, last.exit_code) == ("complete", 0)
        assert made.crm.hubspot.stats.by_status["429"] == 0
        twice = pages_of(made.crm.hubspot.stats.by_route) - unbroken.pages
        assert max(twice.values(), default=0) <= 1, "pages are asked for once, finished streams for what is new"
        assert contents(made) == unbroken.contents


def test_salesforces_day_ends_in_the_middle_of_a_full_pull(
    tmp_path: Path, either_store: str | None, unbroken: Unbroken
) -> None:
    whole = unbroken.requests["salesforce"]
    with small_pages(tmp_path, either_store) as made:
        usage = made.crm.salesforce.usage
        usage.limit = whole
        first = made.run(run_pull)
        assert (first.status, first.exit_code) == ("deferred", 75)
        assert first.hint is not None
        assert "Worth a try from" in first.hint
        spent = usage.used
        assert spent <= 0.8 * whole + 1
        again = made.run(run_pull)
        assert (again.status, again.exit_code, usage.used) == ("deferred", 75, spent)
        with made.deps() as deps:
            time_passes(deps.store, 901)
        probing = made.run(run_pull)
        assert (probing.status, probing.exit_code) == ("deferred", 75)
        assert usage.used <= spent + 1, "one request finds out that nothing became free yet"
        a_day_later(made)
        last = made.run(run_pull)
        assert (last.status, last.exit_code) == ("complete", 0)
        assert contents(made) == unbroken.contents
        for name, counts in last.pull["salesforce"].items():
            before = first.pull["salesforce"][name].read
            if counts.mode == "full" and name in ("accounts", "opportunities", "cases"):
                assert before + counts.read <= counts.live + counts.deleted, f"{name}: a page was read twice"


@pytest.mark.parametrize("crm", ["hubspot", "salesforce"])
def test_a_day_that_ends_while_writing_ends_the_run_and_the_next_one_writes_the_rest(
    tmp_path: Path, either_store: str | None, crm: str
) -> None:
    with rig(tmp_path, accounts=220, salesforce=True, store=either_store) as made:
        plan = made.run(run_plan)
        assert plan.plan is not None
        cost = plan.plan.by_connection[crm].cost
        if crm == "hubspot":
            made.crm.hubspot.quota._daily = ceil((made.crm.hubspot.quota._today + cost - 4) / 0.8)
        else:
            made.crm.salesforce.usage.limit = ceil((made.crm.salesforce.usage.used + cost - 3) / 0.8)
        first = made.run(lambda deps: run_apply(deps, plan.plan.plan_id))
        assert (first.status, first.exit_code) == ("deferred", 75)
        assert first.buckets().in_doubt == 0
        assert 0 < first.buckets().pending < first.buckets().planned
        a_day_later(made)
        rest = made.sync()
        assert (rest.status, rest.exit_code) == ("complete", 0)
        assert first.buckets().confirmed + rest.buckets().confirmed == plan.plan.total("changes")
        assert_sound(made)


def test_two_runs_on_one_portal_share_its_day(tmp_path: Path) -> None:
    """Two workspaces of one store read the same portal; together they keep to the limit and leave the reserve."""
    with small_pages(tmp_path, None) as made:
        made.crm.hubspot.quota._daily = 60
        other = Rig(made.crm, made.settings.model_copy(update={"workspace": "other"}))
        with ThreadPoolExecutor(2) as pool:
            reports = list(pool.map(lambda one: one.run(run_pull), (made, other)))
        assert "deferred" in {report.status for report in reports}
        assert made.crm.hubspot.stats.by_status["429"] == 0
        assert made.crm.hubspot.quota._today <= 0.8 * 60 + 2  # each asks once which portal it is


def test_a_run_that_ends_leaves_what_it_took_ahead_to_the_next(tmp_path: Path) -> None:
    daily = QuotaPolicy("somebody", "daily", 100, DAY)
    with rig(tmp_path, accounts=1, provision=False) as made:
        with made.deps() as deps:
            for _ in range(8):
                deps.budget.acquire(daily)
        with made.deps() as deps:
            assert deps.budget.remaining(daily) == 92
