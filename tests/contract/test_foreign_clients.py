"""The vendors' JavaScript clients, written by people who never saw the sandbox, work against it."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from sandbox import serve
from tests.services import absent

FOLDER = Path(__file__).parent / "node"


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Node.js with the two clients installed beside the scripts, as `package-lock.json` pins them."""
    executable, npm = shutil.which("node"), shutil.which("npm")
    if executable is None or npm is None:
        absent("Node.js is not installed: the JavaScript clients cannot be tried")
    if not (FOLDER / "node_modules" / "jsforce").is_dir():
        log = tmp_path_factory.mktemp("npm") / "npm.log"
        with log.open("w") as out:
            code = subprocess.run([npm, "ci"], cwd=FOLDER, stdout=out, stderr=out, timeout=240, check=False).returncode
        if code != 0:
            absent(f"`npm ci` in tests/contract/node ended with {code}: {log.read_text()[-300:]}")
    return executable


@pytest.fixture(scope="module")
def sandbox_handle() -> Iterator[serve.Running]:
    with serve.running(serve.Portfolio(accounts=40, seed=11)) as handle:
        yield handle


def run(node: str, script: str, *arguments: str) -> dict[str, object]:
    finished = subprocess.run(
        [node, script, *arguments], cwd=FOLDER, capture_output=True, text=True, timeout=120, check=False
    )
    assert finished.returncode == 0, finished.stderr[-2000:]
    answer: dict[str, object] = json.loads(finished.stdout)
    return answer


def test_hubspots_own_javascript_client(node: str, sandbox_handle: serve.Running) -> None:
    answer = run(node, "hubspot.mjs", sandbox_handle.hubspot_url, sandbox_handle.hubspot_token)
    ids = answer["ids"]
    assert isinstance(ids, list)
    assert len(set(ids)) == 20
    assert answer["property"] == "foreign_score"
    assert answer["updated"] == [answer["target"]]
    assert answer["score"] == "42"
    assert answer["found"] == {"total": 1, "ids": [answer["target"]]}
    assert isinstance(answer["linked"], int)
    assert answer["linked"] > 0
    assert answer["labels"] == [341, 5]
    assert answer["again"] == 409
    assert answer["upsertedNew"] is False
    assert isinstance(answer["everything"], int)
    assert answer["everything"] > 30
    assert answer["owners"] == sum(not owner.archived for owner in sandbox_handle.hubspot.portal.owners)
    assert answer["pipelines"] == ["default", "renewals"]


def test_jsforce(node: str, sandbox_handle: serve.Running) -> None:
    access = sandbox_handle.salesforce_access
    assert access is not None
    assert sandbox_handle.salesforce_url is not None
    granted = requests.post(
        f"{sandbox_handle.salesforce_url}/services/oauth2/token",
        data={"grant_type": "client_credentials"},
        auth=(access.consumer_key, access.consumer_secret),
        timeout=60,
    )
    granted.raise_for_status()
    answer = run(node, "salesforce.mjs", sandbox_handle.salesforce_url, granted.json()["access_token"], "62.0")
    ids = answer["ids"]
    assert isinstance(ids, list)
    assert len(ids) == len(set(ids)) == answer["counted"] == answer["bulk"]
    assert isinstance(answer["fields"], int)
    assert answer["fields"] > 40
    assert answer["single"] is True
    assert answer["many"] == [True] * 5
    assert answer["employees"] == 4321
    assert answer["found"] == 5
    assert (answer["made"], answer["created"], answer["gone"]) == (True, [True, False], True)
    assert answer["ours"] == ["Foreign 1", "Foreign 2", "Foreign 4"]
    assert isinstance(answer["nested"], int)
    assert answer["retrieved"] == ["Foreign 1", "Foreign 2"]
    assert answer["loaded"] == [2, 1, 0]
