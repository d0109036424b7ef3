"""The loop that one writes first with each vendor's own client: every page of one object after the other, into a table.

`python -m benchmarks.sdk_loops hubspot|salesforce FILE` reads what it needs from standard input and prints how many
records it has. Nothing is resumed, compared, proved or shared with other apps; a row is kept as it came.
"""

from __future__ import annotations

import csv
import io
import json
import sqlite3
import sys
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import requests
from hubspot import HubSpot
from requests.adapters import HTTPAdapter
from simple_salesforce.api import Salesforce
from urllib3.util.retry import Retry

from benchmarks.org import VERSION, Org

Columns = Mapping[str, list[str]]


def hubspot(db: sqlite3.Connection, given: Mapping[str, Any]) -> int:
    """`get_all` of each object with its companies beside it, retried on 429 as the client's README suggests."""
    retry = Retry(total=5, status_forcelist=(429,))
    client: Any = HubSpot(access_token=given["token"], host=given["url"], base_url=given["url"], retry=retry)
    count = 0
    for name, properties in given["properties"].items():
        linked = {} if name == "companies" else {"associations": ["companies"]}
        records = getattr(client.crm, name).get_all(properties=properties, **linked)
        count += _keep(db, name, ((record.id, json.dumps(record.to_dict(), default=str)) for record in records))
    return count


def salesforce(db: sqlite3.Connection, given: Mapping[str, Any]) -> int:
    """`bulk2` of each object, asked for its state every `wait` seconds, every page parsed by the `csv` module."""
    with requests.Session() as session:
        session.mount("https://", _Plain())
        org = Org(given["org"])
        client: Any = Salesforce(instance_url=org.url, session_id=org.token, session=session, version=VERSION)
        count = 0
        for name, properties in given["properties"].items():
            query = " ".join(("SELECT", ", ".join(properties), "FROM", name))
            for page in getattr(client.bulk2, name).query(query, wait=given["wait"]):
                rows = csv.DictReader(io.StringIO(page, newline=""))
                count += _keep(db, name, ((row["Id"], json.dumps(row)) for row in rows))
    return count


class _Plain(HTTPAdapter):
    """The client only speaks https, the served org only http."""

    def send(self, request: requests.PreparedRequest, **more: Any) -> requests.Response:  # type: ignore[override]
        _, place, path, query, _ = urlsplit(str(request.url))
        request.url = urlunsplit(("http", place, path, query, ""))
        return super().send(request, **more)


def _keep(db: sqlite3.Connection, name: str, rows: Iterable[tuple[str, str]]) -> int:
    with db:
        given = ((name, record_id, document) for record_id, document in rows)
        return db.executemany("INSERT OR REPLACE INTO record VALUES (?, ?, ?)", given).rowcount


def main() -> None:
    """Run one of the loops."""
    which, file = sys.argv[1:]
    db = sqlite3.connect(file)
    db.execute("CREATE TABLE record (object TEXT, id TEXT, document TEXT, PRIMARY KEY (object, id))")
    given = json.load(sys.stdin)
    print(json.dumps({"records": {"hubspot": hubspot, "salesforce": salesforce}[which](db, given)}))


if __name__ == "__main__":
    main()
