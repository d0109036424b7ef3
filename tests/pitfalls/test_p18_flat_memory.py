"""P-18: memory blows up on bulk files. A result is read as it is needed: what waits in memory has a limit."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from connectors.base import StreamMap, Window
from connectors.budget import MemoryBudget
from connectors.clock import SystemClock
from connectors.salesforce.connector import SalesforceConnector, connect
from connectors.salesforce.settings import SalesforceSettings
from tests.unit.connectors.salesforce_kit import ACCOUNT_FIELDS, account_id

ROWS = 25_000
ROW = '"%s","2026-03-01T11:30:00.000Z","' + "n" * 2_000 + '"\n'
SIZE = ROWS * len(ROW % account_id(1))


class Org(BaseHTTPRequestHandler):
    """Fifty megabytes of accounts, in one result page of one bulk job."""

    protocol_version = "HTTP/1.1"
    sent = 0

    def do_GET(self) -> None:
        if self.path.endswith("/sobjects/Account/describe"):
            self._json({"name": "Account", "queryable": True, "updateable": True, "fields": list(ACCOUNT_FIELDS)})
        elif "/results" in self.path:
            self._results()
        elif "/jobs/query/" in self.path:
            self._json({"id": "750xx", "state": "JobComplete", "numberRecordsProcessed": ROWS})
        elif "/describe" in self.path:
            self._json([{"errorCode": "NOT_FOUND", "message": "none"}], 404)
        else:
            self._json({"totalSize": 0, "done": True, "records": []})

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self._json({"id": "750xx", "state": "UploadComplete"})

    def _json(self, body: Any, status: int = 200) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _results(self) -> None:
        head = b'"Id","SystemModstamp","Name"\n'
        self.send_response(200)
        self.send_header("Content-Type", "text/csv")
        self.send_header("Content-Length", str(len(head) + SIZE))
        self.send_header("Sforce-NumberOfRecords", str(ROWS))
        self.send_header("Sforce-Locator", "null")
        self.end_headers()
        try:
            self.wfile.write(head)
            for number in range(ROWS):
                self.wfile.write((ROW % account_id(number + 1)).encode())
                Org.sent += 1
        except OSError:
            self.close_connection = True  # the reader has seen enough

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def served() -> Iterator[SalesforceConnector]:
    Org.sent = 0
    server = ThreadingHTTPServer(("127.0.0.1", 0), Org)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    url = f"http://127.0.0.1:{server.server_address[1]}"
    settings = SalesforceSettings.model_validate(
        {
            "auth": {"flow": "token", "access_token": "00Dxx!raw.token", "instance_url": url},
            "pull": {"always_bulk": ["Account"], "bulk_page": 250_000, "rows_a_page": 500},
        }
    )
    clock = SystemClock()
    budget = MemoryBudget(clock, time.sleep)
    maps = {"accounts": StreamMap("account", ("Name",))}
    connector = connect("salesforce", settings, maps, budget=budget, clock=clock, sleep=lambda _: None)
    try:
        yield connector
    finally:
        connector.close()
        server.shutdown()
        server.server_close()
        thread.join()


def test_p18_a_result_of_any_size_is_read_as_it_is_needed() -> None:
    with served() as connector:
        accounts = next(one for one in connector.streams() if one.name == "accounts")
        pages = connector.pages(accounts, Window())
        first = next(page for page in pages if page.records)
        assert 0 < len(first.records) <= 500
        sent, before = Org.sent, -1
        while sent != before:  # until the one who sends has to wait
            time.sleep(0.2)
            sent, before = Org.sent, sent
        assert sent < ROWS / 2, "the rest waits at the server until somebody wants it"
        pages.close()  # type: ignore[attr-defined]
