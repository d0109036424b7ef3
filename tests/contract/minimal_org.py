"""Another server that follows Salesforce's documents and does nothing beyond them: every optional thing is absent."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

STAMP = "2026-03-01T11:30:00.000+0000"
TOKEN = "a-token-without-any-form-of-its-own"
REFUSED = (403, [{"errorCode": "INSUFFICIENT_ACCESS", "message": f"no, {TOKEN} may not"}])
UNKNOWN = (404, [{"errorCode": "NOT_FOUND", "message": "The requested resource does not exist"}])
FASTAPI = (404, {"detail": "Not Found"})
FIELDS = {
    "Account": {"Id": "id", "Name": "string", "SystemModstamp": "datetime", "CS_Health_Score__c": "double"},
    "Contract": {"Id": "id", "StartDate": "date", "SystemModstamp": "datetime"},
    "Event": {"Id": "id", "Subject": "string", "SystemModstamp": "datetime"},
    "OpportunityStage": {"Id": "id", "MasterLabel": "string"},
    "User": {"Id": "id", "Name": "string"},
}
INVALID_TYPE = (400, [{"errorCode": "INVALID_TYPE", "message": "sObject type is not supported."}])
Answer = tuple[int, Any]


def account(number: int) -> str:
    """An account's id, 18 characters."""
    return f"001kW00000{number:05d}AAA"


@dataclass
class MinimalOrg:
    """Accounts by id, and what the server does differently; `log` has method and path of each request."""

    url: str = ""
    accounts: dict[str, dict[str, Any]] = field(default_factory=dict)
    refuse: dict[str, Answer] = field(default_factory=dict)
    token: dict[str, Any] = field(default_factory=dict)
    bulk: bool = True
    log: list[str] = field(default_factory=list)
    job: dict[str, Any] = field(default_factory=dict)
    uploads: list[str] = field(default_factory=list)

    def answer(self, method: str, path: str, query: str, body: str) -> Answer:  # noqa: PLR0911  (a routing table)
        """Status and body (text as it is, anything else as JSON) of a request."""
        self.log.append(f"{method} {path}")
        for part, refusal in self.refuse.items():
            if re.search(part, f"{method} {path}"):
                return refusal
        if path == "/services/oauth2/token":
            return 200, {"access_token": TOKEN, "instance_url": f"{self.url}/"} | self.token
        rest = re.sub(r"^/services/data/v\d+\.\d/", "", path)
        if rest.startswith("sobjects/"):
            return self._describe(rest.split("/")[1])
        if rest.startswith("query"):
            return self._query(rest, parse_qs(query).get("q", [""])[0])
        if rest.startswith("composite/"):
            return self._write(json.loads(body))
        if rest.startswith("jobs/") and self.bulk:
            return self._job(method, rest, body)
        return FASTAPI

    def _describe(self, name: str) -> Answer:
        if name not in FIELDS:
            return UNKNOWN
        return 200, {"name": name, "fields": [{"name": n, "type": kind} for n, kind in FIELDS[name].items()]}

    def _query(self, rest: str, text: str) -> Answer:
        """Two rows a page, whatever was asked for; the next page has the address of another version."""
        held = re.search(r"(\w+)-(\d+)$", rest)
        name, start = (held[1], int(held[2])) if held else ((re.search(r"FROM (\w+)", text) or ["", ""])[1], 0)
        rows = self._rows(name, unquote(text))
        if rows is None:
            return INVALID_TYPE
        page: dict[str, Any] = {"totalSize": len(rows), "records": rows[start : start + 2]}
        if start + 2 < len(rows):
            page["nextRecordsUrl"] = f"/services/data/v64.0/query/{name}-{start + 2}"
        return 200, page | {"done": start + 2 >= len(rows)}

    def _rows(self, name: str, text: str) -> list[dict[str, Any]] | None:
        if name == "Account":
            named = re.findall(r"'(001\w+)'", text)
            return [row for one, row in sorted(self.accounts.items()) if not named or one in named]
        return [{"Id": "005kW0000000001AAA", "Name": "Kim"}] if name == "User" else None

    def _write(self, body: dict[str, Any]) -> Answer:
        for record in body["records"]:
            self.accounts[record["id"]] |= {k: v for k, v in record.items() if k not in {"id", "attributes"}}
        return 200, [{"success": True, "errors": []} for _ in body["records"]]

    def _job(self, method: str, rest: str, body: str) -> Answer:
        if method == "POST":
            return 200, {"id": "750kW0000000001AAA"}
        if method == "PUT":
            self.uploads.append(body)
            return 200, ""
        if rest.endswith("successfulResults"):
            ids = [line.split(",")[0] for line in self.uploads[-1].splitlines()[1:]]
            return 200, "\n".join(["sf__Id,sf__Created,Id", *(f"{one},false,{one}" for one in ids)])
        if rest.endswith("failedResults"):
            return 200, "sf__Id,sf__Error,Id"
        if rest.endswith("/results"):
            return 200, "\n".join(["Id,SystemModstamp,Name", *(f"{one},{STAMP},A" for one in sorted(self.accounts))])
        return 200, {"id": "750kW0000000001AAA", "state": "jobComplete"} | self.job if "/750" in rest else UNKNOWN[1]


def _handler(org: MinimalOrg) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # one packet an answer, which saves the 40 ms of a delayed acknowledgement

        def _serve(self) -> None:
            parts = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            status, said = org.answer(self.command, parts.path, parts.query, body)
            raw = said.encode() if isinstance(said, str) else json.dumps(said).encode()
            self.send_response_only(status)
            self.send_header("Content-Type", "text/csv" if isinstance(said, str) else "application/json")
            self.send_header("Content-Length", str(len(raw)))
            if parts.path.endswith("/results"):
                self.send_header("Sforce-NumberOfRecords", str(len(org.accounts)))
            self.end_headers()
            self.wfile.write(raw)

        do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _serve  # noqa: N815  (the names that http.server looks for)

    return Handler


@contextmanager
def minimal_org(**changes: Any) -> Iterator[MinimalOrg]:
    """A running org of five accounts."""
    org = MinimalOrg(**changes)
    for number in range(1, 6):
        org.accounts[account(number)] = {
            "Id": account(number),
            "Name": f"Account {number}",
            "SystemModstamp": STAMP,
            "CS_Health_Score__c": None,
        }
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(org))
    org.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield org
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
