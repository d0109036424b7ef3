"""Trouble as somebody at the command line meets it: a plain sentence, the documented exit code, clean stdout."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import chdir, contextmanager
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
ROOT = Path(__file__).resolve().parents[2]


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


@contextmanager
def fault(crms: Running, kind: str) -> Iterator[None]:
    """HubSpot answers this badly about companies until the block ends."""
    faults = f"{crms.hubspot_url}/_sandbox/faults"
    wanted = {"kind": kind, "path": "/crm/v3/objects/companies*", "times": 0}
    requests.post(faults, json={"faults": [wanted]}, timeout=60).raise_for_status()
    try:
        yield
    finally:
        requests.delete(faults, timeout=60).raise_for_status()


def test_a_wrong_token(keepwell: Run) -> None:
    for verb in ("sync", "plan", "pull", "fields"):
        words = (verb, "plan") if verb == "fields" else (verb,)
        result = keepwell(*words, "--json", KEEPWELL_CONNECTIONS__HUBSPOT__ACCESS_TOKEN="pat-na1-wrong-wrong-wrong")
        assert result.exit_code == 6, result.stdout + result.stderr
        assert json.loads(result.stdout)["exit_code"] == 6
        assert "pat-na1-wrong" not in result.stdout + result.stderr
    report = json.loads(keepwell("sync", "--json", KEEPWELL_CONNECTIONS__HUBSPOT__ACCESS_TOKEN="pat-na1-wrong").stdout)
    assert report["reason"].startswith("HubSpot does not accept the access token"), "before what HubSpot makes of it"
    assert "`keepwell config check`" in report["hint"]
    assert "`keepwell doctor`" in report["hint"]


@pytest.mark.parametrize(
    ("name", "variable"),
    [
        ("hubspot", "KEEPWELL_CONNECTIONS__HUBSPOT__ACCESS_TOKEN"),
        ("salesforce", "KEEPWELL_CONNECTIONS__SALESFORCE__AUTH__CONSUMER_SECRET"),
    ],
)
def test_doctor_says_what_to_do_about_wrong_credentials(keepwell: Run, name: str, variable: str) -> None:
    result = keepwell("doctor", "--json", **{variable: "pat-na1-wrong-secret"})
    assert result.exit_code == 6
    (wrong,) = [check for check in json.loads(result.stdout)["checks"] if check["status"] == "error"]
    assert wrong["name"].startswith(f"{name}: ")
    assert wrong["hint"]
    assert "wrong-secret" not in result.stdout + result.stderr


def test_doctor_tells_a_missing_scope_from_a_missing_server_and_a_missing_property(
    keepwell: Run, crms: Running
) -> None:
    with fault(crms, "forbidden"):
        assert keepwell("doctor").exit_code == 6
    assert keepwell("doctor", KEEPWELL_CONNECTIONS__HUBSPOT__BASE_URL="http://127.0.0.1:9").exit_code == 1
    override = '{"hubspot": {"companies": {"arr": "no_such_property"}}}'
    assert keepwell("doctor", KEEPWELL_FIELDS=override).exit_code == 2
    assert keepwell("doctor").exit_code == 0


def test_a_crm_that_is_not_there(keepwell: Run) -> None:
    result = keepwell("sync", "--json", KEEPWELL_CONNECTIONS__HUBSPOT__BASE_URL="http://127.0.0.1:9")
    assert result.exit_code == 1
    report = json.loads(result.stdout)
    assert report["status"] == "failed"
    assert report["reason"]


@pytest.mark.parametrize(("kind", "code"), [("html_200", 1), ("truncated_json", 1), ("daily", 75), ("forbidden", 6)])
def test_a_crm_that_answers_badly(keepwell: Run, crms: Running, kind: str, code: int) -> None:
    with fault(crms, kind):
        result = keepwell("sync", "--json")
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
        provisioning = keepwell("fields", "apply", "--json")
        assert provisioning.exit_code == 75
        assert json.loads(provisioning.stdout)["status"] == "busy"
        assert "run another run" in provisioning.stderr
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


def test_fields_are_exported_as_a_package_where_a_crm_takes_one(keepwell: Run, crms: Running, tmp_path: Path) -> None:
    folder = tmp_path / "package"
    told = json.loads(keepwell("fields", "export", "--out", str(folder), "--json").stdout)
    files = {Path(name) for name in told["files"]["salesforce"]}
    assert files == {path for path in folder.rglob("*") if path.is_file()}
    assert (
        folder / "salesforce/force-app/main/default/objects/Account/fields/CS_Health_Score__c.field-meta.xml" in files
    )
    names = {(one["connection"], one["property"]) for one in told["fields"]}
    assert {("hubspot", "cs_health_score"), ("salesforce", "CS_Health_Score__c")} <= names
    shown = keepwell("fields", "export", "--out", str(folder))
    assert shown.exit_code == 0
    assert "cs_health_score" in shown.stdout
    assert "sf project deploy start" in shown.stdout
    (tmp_path / "busy/salesforce").mkdir(parents=True)
    (tmp_path / "busy/salesforce/mine.txt").write_text("mine")
    refused = keepwell("fields", "export", "--out", str(tmp_path / "busy"))
    assert refused.exit_code == 2
    assert "Choose an empty folder" in refused.stderr


def test_a_full_disk_loses_nothing_and_the_next_run_goes_on(crms: Running, tmp_path: Path) -> None:
    write_private(tmp_path / "keepwell.yaml", sandbox_starter(crms.as_json()).text())
    command = [sys.executable, "-P", str(ROOT / "cli.py"), "sync", "--json"]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("KEEPWELL_")}
    environment = clean | {"PYTHONPATH": str(ROOT)}

    def run(limit: str) -> subprocess.CompletedProcess[str]:
        limited = ["/bin/sh", "-c", f'ulimit -f {limit}; exec "$@"', "sh", *command]
        return subprocess.run(
            limited, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=60
        )

    full = run("700")
    assert full.returncode == 1
    told = json.loads(full.stdout)
    assert told["status"] == "failed"
    assert "keepwell.db" in full.stdout + full.stderr
    assert "Traceback" not in full.stderr
    assert "Unexpected" not in full.stderr
    again = run("unlimited")
    assert json.loads(again.stdout)["status"] in ("complete", "partial"), again.stderr


def test_secrets_reach_neither_output_nor_logs_nor_the_store(keepwell: Run, crms: Running, tmp_path: Path) -> None:
    assert crms.salesforce_access is not None
    secrets = [crms.hubspot_token, crms.salesforce_access.consumer_secret]
    told = ""
    commands = (
        ("doctor",), ("sync", "--json"), ("config", "check"), ("config", "check", "--json"), ("runs", "show"),
        ("plan", "--out", "plan.json"), ("fields", "export", "--out", "package"),
        ("--debug", "sync", "--select", "nobody at all"),
    )  # fmt: skip
    for words in commands:
        result = keepwell(*words, KEEPWELL_LOG_LEVEL="debug")
        told += result.stdout + result.stderr
    told += keepwell("--debug", "sync", KEEPWELL_CONNECTIONS__HUBSPOT__BASE_URL="http://127.0.0.1:9").stderr
    files = [path for path in tmp_path.rglob("*") if path.is_file() and path.name != "keepwell.yaml"]
    assert {"keepwell.db", "plan.json"} <= {path.name for path in files}
    written = b"".join(path.read_bytes() for path in files)
    for secret in secrets:
        assert secret not in told
        assert secret.encode() not in written
