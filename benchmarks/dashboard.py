"""The dashboard over a store of many accounts: how long the server takes for each page, and until it has read them."""

from __future__ import annotations

import json
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from statistics import median

import requests
import uvicorn

from benchmarks.looked import worked
from benchmarks.stored import deps_on, evaluated, fill
from dashboard.web.access import Access
from dashboard.web.app import Parts, create_app
from dashboard.web.catalogue import Catalogue
from dashboard.web.page import Engine
from dashboard.web.reckoned import Reckoner
from dashboard.web.serve import bound
from dashboard.web.shelf import Shelf
from sync.explain import explain_account
from verbs.reckoning import Reports

PAGES = {
    "start_page": "/",
    "start_page_json": "/overview.json",
    "accounts": "/accounts",
    "accounts_search": "/accounts?q=4999&sort=-arr",
    "accounts_filter": "/accounts?band=red&stage=adoption&sort=name",
    "accounts_by_change": "/accounts?sort=change",
    "accounts_json": "/accounts.json?limit=500",
    "account": "/accounts/hubspot:companies:77",
    "account_json": "/accounts/hubspot:companies:77.json",
    "account_held": "/accounts/hubspot:companies:80",
    "account_why": "/accounts/hubspot:companies:77/why",
    "renewals": "/renewals",
    "renewals_json": "/renewals.json",
    "kpis": "/kpis",
    "kpi": "/kpis/nrr",
    "report": "/reports/weekly-health",
    "report_json": "/reports/weekly-health.json",
    "runs": "/runs",
    "run": "/runs/bench-0",
    "conflicts": "/conflicts",
    "conflicts_json": "/conflicts.json",
    "conflicts_of_account": "/conflicts?account=company%2040",
    "failures": "/failures",
    "plans": "/plans",
    "plan": "/plans/latest",
    "plan_held": "/plans/latest?only=held",
    "plan_property": "/plans/latest?property=cs_segment",
    "plan_account": "/plans/latest?account=company%2040",
    "quality": "/quality",
    "quality_json": "/quality.json",
}
REPORTED = ("renewals", "kpis", "kpi", "report", "quality")
"""Pages of the engine's reports: what is measured is the page, once the report is there."""
TIMES = 15
LONGEST = 600.0
"""Seconds in which a report has to be there."""


def run(accounts: int, store: Path | None = None) -> dict[str, float]:
    """Milliseconds of each page, the median of the clock and the mean of the processor, which a busy machine leaves be.

    `store` is one that was made before.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = store or Path(folder) / "keepwell.db"
        if store is None:
            fill(path, accounts)
            evaluated(path)
            worked(path, accounts)
        with _served(path) as (base, seconds):
            figures = {"accounts": float(accounts), "first_look_s": seconds}
            for name in REPORTED:
                figures[f"{name}_reckoned_s"] = _ready(base + PAGES[name])
            for name, address in PAGES.items():
                _ask(base + address)
                before = time.process_time()
                taken = sorted(_ask(base + address) for _ in range(TIMES))
                processor = 1000 * (time.process_time() - before) / TIMES
                figures |= {f"{name}_ms": median(taken), f"{name}_cpu": processor}
    return figures


def _ask(address: str) -> float:
    started = time.perf_counter()
    answer = requests.get(address, timeout=60)
    taken = 1000 * (time.perf_counter() - started)
    assert answer.status_code == 200, answer.text
    return taken


def _ready(address: str) -> float:
    """Seconds until the report of a page is there; raises RuntimeError where it cannot be made."""
    started = time.perf_counter()
    while time.perf_counter() - started < LONGEST:
        report = requests.get(f"{address}.json", timeout=60).json()["report"]
        if report["state"] == "ready":
            return time.perf_counter() - started
        if report["state"] != "computing":
            raise RuntimeError(f"{address}: {report['message']}")
        time.sleep(0.2)
    raise RuntimeError(f"{address} took more than {LONGEST} s")


@contextmanager
def _served(path: Path) -> Iterator[tuple[str, float]]:
    """The dashboard's address, and the seconds until it had read all accounts."""
    deps = deps_on(path)
    shelf = Shelf(deps.settings.store, deps.settings.workspace)
    catalogue = Catalogue(shelf, deps.settings, deps.framework)
    started = time.perf_counter()
    catalogue.warm()
    seconds = time.perf_counter() - started
    engine = Engine(
        explain=lambda account: explain_account(deps, account), reports=Reckoner(Reports(deps.settings).make)
    )
    parts = Parts(deps.settings, deps.framework, shelf, Access(deps.settings.dashboard), catalogue, engine=engine)
    listening = bound("127.0.0.1", 0)
    server = uvicorn.Server(uvicorn.Config(create_app(parts), log_config=None, access_log=False))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    with closing(listening), closing(shelf), closing(deps):
        thread.start()
        while not server.started:
            time.sleep(0.01)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}", seconds
        server.should_exit = True
        thread.join()


def main() -> None:
    """`python -m benchmarks.dashboard [STORE]`."""
    store = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    print(json.dumps(run(50_000, store), indent=1))


if __name__ == "__main__":
    main()
