"""The sandbox as a child process: started, asked for its addresses, edited like a person would, and always stopped."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_HOME = Path(__file__).resolve().parent.parent
_START_SECONDS = 90.0
_STOP_SECONDS = 10.0


class LocalCrmError(Exception):
    """The sandbox did not start, or did not answer."""


@dataclass(frozen=True, slots=True)
class Edit:
    """A value that a person changed in the sandbox."""

    record_id: str
    name: str
    property: str
    before: str
    after: str


@contextmanager
def local_crms(accounts: int, seed: int, state_dir: Path, *, with_gainsight: bool = False) -> Iterator[dict[str, Any]]:
    """Run the CRMs in a process of their own and yield addresses and credentials as the sandbox prints them.

    That process ends when the block ends, whatever ends it, and also when this process is killed. Raises LocalCrmError
    when it does not start.
    """
    arguments = [
        "--json",
        "--exit-with-parent",
        "--accounts",
        str(accounts),
        "--seed",
        str(seed),
        "--state-dir",
        str(state_dir),
        *(["--with-gainsight"] if with_gainsight else []),
    ]
    environment = os.environ | {"PYTHONPATH": str(_HOME)}
    with tempfile.TemporaryFile(mode="w+") as complaints:
        process = subprocess.Popen(  # noqa: S603 - our own module, by the running interpreter  # nosec B603
            [sys.executable, "-P", "-m", "sandbox", *arguments],
            stdout=subprocess.PIPE,
            stderr=complaints,
            stdin=subprocess.PIPE,  # never written to: it ends when this process does, even by SIGKILL
            text=True,
            env=environment,
            start_new_session=True,  # Ctrl-C reaches this process only, which then ends the other in order
        )
        try:
            yield _first_answer(process, complaints)
        finally:
            _stop(process)


def _first_answer(process: subprocess.Popen[str], complaints: Any) -> dict[str, Any]:
    watchdog = threading.Timer(_START_SECONDS, process.kill)
    watchdog.start()
    try:
        line = process.stdout.readline() if process.stdout else ""
    finally:
        watchdog.cancel()
    if not line:
        process.wait()
        complaints.seek(0)
        last = (complaints.read().strip().splitlines() or ["it said nothing"])[-1]
        raise LocalCrmError(f"The sandbox did not start: {last}")
    answer: dict[str, Any] = json.loads(line)
    return answer


def _stop(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe:
            pipe.close()


def edit_by_hand(hubspot: Mapping[str, Any], property_name: str) -> Edit:
    """Change one company's enumeration property in the sandbox's HubSpot, as a CRM user would in a form."""
    import requests

    with requests.Session() as session:
        session.trust_env = False
        session.headers["Authorization"] = f"Bearer {hubspot['access_token']}"
        objects = f"{hubspot['url']}/crm/v3/objects/companies"
        fields = session.get(f"{hubspot['url']}/crm/v3/properties/companies/{property_name}", timeout=10).json()
        options = [option["value"] for option in fields.get("options", ())]
        query = {"limit": "100", "properties": f"name,{property_name}"}
        companies = session.get(objects, params=query, timeout=10).json().get("results", ())
        for company in companies:
            before = company["properties"].get(property_name)
            after = next((value for value in options if value != before), None)
            if before and after:
                body = {"object": "companies", "id": company["id"], "properties": {property_name: after}}
                session.post(f"{hubspot['url']}/_sandbox/edit", json=body, timeout=10).raise_for_status()
                return Edit(company["id"], company["properties"].get("name") or "", property_name, before, after)
    raise LocalCrmError(f"No company in the sandbox has a value for {property_name}.")


def add_fields(gainsight: Mapping[str, Any], listed: Path) -> int:
    """Add the fields of `fields.csv` to the sandbox's Gainsight, as its admin would; returns how many."""
    import requests

    with listed.open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    with requests.Session() as session:
        session.trust_env = False
        for line in lines:
            body: dict[str, Any] = {
                "object": line["object"], "name": line["field name"], "label": line["label"], "type": line["type"],
            }  # fmt: skip
            if line["length"]:
                body["length"] = int(line["length"])
            if line["items"]:
                body["options"] = line["items"].split("; ")
            session.post(f"{gainsight['url']}/_sandbox/field", json=body, timeout=10).raise_for_status()
    return len(lines)
