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

from benchmarks.stored import deps_on, evaluated, fill
from dashboard.web.access import Access
from dashboard.web.app import Parts, create_app
from dashboard.web.catalogue import Catalogue
from dashboard.web.page import Engine
from dashboard.web.serve import bound
from dashboard.web.shelf import Shelf
from sync.explain import explain_account

PAGES = {
    "start_page_ms": "/",
    "accounts_ms": "/accounts",
    "accounts_search_ms": "/accounts?q=4999&sort=-arr",
    "accounts_filter_ms": "/accounts?band=red&stage=adoption&sort=name",
    "account_ms": "/accounts/hubspot:companies:77",
    "account_why_ms": "/accounts/hubspot:companies:77/why",
}
TIMES = 15


def run(accounts: int, store: Path | None = None) -> dict[str, float]:
    """Milliseconds of each page, the median of the clock and the mean of the processor, which a busy machine leaves be.

    `store` is one that was made before.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = store or Path(folder) / "keepwell.db"
        if store is None:
            fill(path, accounts)
            evaluated(path)
        with _served(path) as (base, seconds):
            figures = {"accounts": float(accounts), "first_look_s": seconds}
            for name, address in PAGES.items():
                before = time.process_time()
                taken = sorted(_ask(base + address) for _ in range(TIMES))
                processor = 1000 * (time.process_time() - before) / TIMES
                figures |= {name: median(taken), name.replace("_ms", "_cpu"): processor}
    return figures


def _ask(address: str) -> float:
    started = time.perf_counter()
    answer = requests.get(address, timeout=60)
    taken = 1000 * (time.perf_counter() - started)
    assert answer.status_code == 200, answer.text
    return taken


@contextmanager
def _served(path: Path) -> Iterator[tuple[str, float]]:
    """The dashboard's address, and the seconds until it had read all accounts."""
    deps = deps_on(path)
    shelf = Shelf(deps.settings.store, deps.settings.workspace)
    catalogue = Catalogue(shelf, deps.settings, deps.framework)
    started = time.perf_counter()
    catalogue.warm()
    seconds = time.perf_counter() - started
    engine = Engine(explain=lambda account: explain_account(deps, account))
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
