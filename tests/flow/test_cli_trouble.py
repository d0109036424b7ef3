"""Trouble as somebody at the command line meets it: a plain sentence, the documented exit code, clean stdout."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import chdir
from datetime import date
from pathlib import Path
from unittest.mock import patch

import pytest
import requests
from typer.testing import CliRunner, Result

from cli import app
from config.frameworks import framework_path
from config.load import load_settings
from config.starter import write_private
from dashboard.demo import sandbox_starter
from sandbox.hubspot.state import HubSpotOptions
from sandbox.serve import Portfolio, Running, running
from store import leases, open_store

Run = Callable[..., Result]


@pytest.fixture(scope="module")
def crms(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Both CRMs with a small portfolio and Keepwell's properties, shared by the tests of this file."""
    portfolio = Portfolio(accounts=15, seed=3, today=date(2026, 11, 20))
    with running(portfolio, hubspot_options=HubSpotOptions(burst=10_000)) as started:
        folder = tmp_path_factory.mktemp("provision")
        assert caller(started, folder)("fields", "apply").exit_code == 0
        yield started


@pytest.fixture
def keepwell(crms: Running, tmp_path: Path) -> Iterator[Run]:
    """Call the command line in a folder with a configuration for the sandbox."""
    with chdir(tmp_path):
        yield caller(crms, tmp_path)


def caller(crms: Running, folder: Path) -> Run:
    """The command line with a configuration of its own for these CRMs."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("KEEPWELL_")}
    config = folder / "keepwell.yaml"
    write_private(config, sandbox_starter(crms.as_json()).text())

    def run(*words: str, **env: str) -> Result:
        with patch.dict(os.environ, clean | {"KEEPWELL_CONFIG": str(config)} | env, clear=True):
            return CliRunner().invoke(app, list(words))

    return run


def test_a_wrong_token(keepwell: Run) -> None:
    for verb in ("sync", "plan", "pull", "fields"):
        words = (verb, "plan") if verb == "fields" else (verb,)
        result = keepwell(*words, "--json", KEEPWELL_CONNECTIONS__HUBSPOT__ACCESS_TOKEN="pat-na1-wrong-wrong-wrong")
        assert result.exit_code == 6, result.stdout + result.stderr
        assert json.loads(result.stdout)["exit_code"] == 6
        assert "pat-na1-wrong" not in result.stdout + result.stderr


def test_doctor_says_what_to_do_about_a_wrong_token(keepwell: Run) -> None:
    result = keepwell("doctor", KEEPWELL_CONNECTIONS__SALESFORCE__AUTH__CONSUMER_SECRET="wrong-secret")
    assert result.exit_code == 6
    assert "salesforce" in result.stdout
    assert "wrong-secret" not in result.stdout


def test_a_crm_that_is_not_there(keepwell: Run) -> None:
    result = keepwell("sync", "--json", KEEPWELL_CONNECTIONS__HUBSPOT__BASE_URL="http://127.0.0.1:9")
    assert result.exit_code == 1
    report = json.loads(result.stdout)
    assert report["status"] == "failed"
    assert report["reason"]


@pytest.mark.parametrize(("kind", "code"), [("html_200", 1), ("truncated_json", 1), ("daily", 75), ("forbidden", 6)])
def test_a_crm_that_answers_badly(keepwell: Run, crms: Running, kind: str, code: int) -> None:
    faults = f"{crms.hubspot_url}/_sandbox/faults"
    fault = {"kind": kind, "path": "/crm/v3/objects/companies*", "times": 0}
    requests.post(faults, json={"faults": [fault]}, timeout=5).raise_for_status()
    try:
        result = keepwell("sync", "--json")
    finally:
        requests.delete(faults, timeout=5).raise_for_status()
    assert result.exit_code == code
    report = json.loads(result.stdout)
    assert report["reason"]
    assert report["apply"]["confirmed"] == 0
    assert result.stderr == ""


def test_a_property_that_does_not_exist(keepwell: Run) -> None:
    override = '{"hubspot": {"companies": {"arr": "no_such_property"}}}'
    result = keepwell("sync", KEEPWELL_FIELDS=override)
    assert result.exit_code == 2
    assert "no_such_property" in result.stdout + result.stderr


def test_a_framework_with_an_unknown_column(keepwell: Run, tmp_path: Path) -> None:
    text = (
        framework_path("cradle_to_grave").read_text().replace("days_since_go_live >= 365", "days_since_gone >= 365", 1)
    )
    (tmp_path / "own.yaml").write_text(text)
    line = next(number for number, one in enumerate(text.splitlines(), 1) if "days_since_gone" in one)
    for words in (("sync",), ("config", "check"), ("explain", "x")):
        result = keepwell(*words, KEEPWELL_FRAMEWORK=str(tmp_path / "own.yaml"))
        assert result.exit_code == 2
        assert f"own.yaml:{line}: stages[" in result.stderr
        assert "days_since_gone" in result.stderr


def test_two_runs_at_once(keepwell: Run, tmp_path: Path) -> None:
    assert keepwell("db", "upgrade").exit_code == 0
    settings = load_settings(tmp_path / "keepwell.yaml", {})
    store = open_store(settings.store, settings.workspace)
    lease = leases.acquire(store, settings.workspace, "connection:hubspot", "another run", 60)
    try:
        result = keepwell("sync", "--json")
        assert result.exit_code == 75
        assert json.loads(result.stdout)["status"] == "busy"
        assert keepwell("fields", "apply").exit_code == 75
    finally:
        leases.release(store, lease)
        store.close()


def test_guards_stale_plans_and_unknown_ones(keepwell: Run, tmp_path: Path) -> None:
    assert keepwell("plan", "--out", "plan.json", "--exit-code").exit_code == 4
    refused = keepwell("sync", "--max-changes", "1")
    assert refused.exit_code == 5
    assert "--max-changes" in refused.stdout
    assert keepwell("apply", "no-such-plan").exit_code == 2
    data = json.loads((tmp_path / "plan.json").read_text())
    data["records"][0]["changes"][0]["after"] = "forged"
    (tmp_path / "forged.json").write_text(json.dumps(data))
    forged = keepwell("apply", "forged.json", "--json")
    assert forged.exit_code == 2
    assert json.loads(forged.stdout)["exit_code"] == 2
    assert keepwell("sync").exit_code == 0
    stale = keepwell("apply", "plan.json")
    assert stale.exit_code == 5


def test_explain_by_id_domain_and_name(keepwell: Run) -> None:
    report = json.loads(keepwell("plan", "--json").stdout)
    assert report["status"] in ("complete", "partial"), report
    top = report["top"][0]
    by_id = json.loads(keepwell("explain", top["account_id"], "--json").stdout)
    assert by_id["name"] == top["name"]
    assert (
        json.loads(keepwell("explain", by_id["records"][0]["id"], "--json").stdout)["account_id"] == top["account_id"]
    )
    shown = keepwell("explain", top["account_id"])
    assert shown.exit_code == 0
    assert "Health:" in shown.stdout
    assert keepwell("explain", "nobody at all").exit_code == 2
    assert keepwell("explain", top["account_id"], "--as-of", "2020-01-01").exit_code == 0


def test_secrets_reach_neither_output_nor_logs_nor_the_store(keepwell: Run, crms: Running, tmp_path: Path) -> None:
    assert crms.salesforce_access is not None
    secrets = [crms.hubspot_token, crms.salesforce_access.consumer_secret]
    told = ""
    for words in (("doctor",), ("sync", "--json"), ("config", "check"), ("runs", "show"), ("--debug", "pull")):
        result = keepwell(*words, KEEPWELL_LOG_LEVEL="debug")
        told += result.stdout + result.stderr
    written = b"".join(path.read_bytes() for path in tmp_path.glob("keepwell.db*"))
    assert written
    for secret in secrets:
        assert secret not in told
        assert secret.encode() not in written
