"""The least that a client of Salesforce has to do: log in, run a bulk query, read its pages."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import requests

VERSION = "62.0"


class Org:
    """A session of the served org."""

    def __init__(self, access: Mapping[str, Any]) -> None:
        grant = {
            "grant_type": "client_credentials",
            "client_id": access["consumer_key"],
            "client_secret": access["consumer_secret"],
        }
        login = requests.post(f"{access['url']}/services/oauth2/token", data=grant, timeout=30).json()
        self.url, self.token = str(login["instance_url"]), str(login["access_token"])
        self._session = requests.Session()
        self._session.headers["Authorization"] = f"Bearer {self.token}"

    def finished_job(self, name: str, fields: Iterable[str]) -> str:
        """Create a bulk query job for all records of an object, wait for it and return its id."""
        body = {"operation": "query", "query": " ".join(("SELECT", ", ".join(fields), "FROM", name))}
        job = self._session.post(self._address(), json=body, timeout=30).json()["id"]
        while (state := self._session.get(self._address(job), timeout=300).json()["state"]) != "JobComplete":
            if state in {"Failed", "Aborted"}:
                raise RuntimeError(f"the bulk job has {state}")
            time.sleep(0.01)
        return str(job)

    def results(self, job: str) -> Iterator[bytes]:
        """The bytes of all result pages."""
        locator: str | None = None
        while locator != "null":
            params = {"maxRecords": "50000"} | ({"locator": locator} if locator else {})
            with self._session.get(self._address(f"{job}/results"), params=params, stream=True, timeout=300) as page:
                page.raise_for_status()
                locator = page.headers["Sforce-Locator"]
                yield from page.iter_content(2**16)

    def _address(self, place: str = "") -> str:
        return f"{self.url}/services/data/v{VERSION}/jobs/query/{place}".rstrip("/")
