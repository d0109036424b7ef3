"""What an operator's tools see of a run: lines of JSON, and metrics."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import select

from config.catalogue import CATALOGUE
from config.starter import write_private
from dashboard.demo import sandbox_starter
from dashboard.metrics import METRICS
from sandbox.hubspot.state import HubSpotOptions
from sandbox.serve import Portfolio, Running, running
from store import open_store
from store.tables import raw_record

ROOT = Path(__file__).resolve().parents[2]
ALWAYS = {"timestamp", "level", "event", "workspace"}


@pytest.fixture(scope="module")
def crms() -> Iterator[Running]:
    """Both CRMs with a small portfolio."""
    portfolio = Portfolio(accounts=12, seed=3, today=date(2026, 11, 20))
    with running(portfolio, hubspot_options=HubSpotOptions(burst=10_000)) as started:
        yield started


def keepwell(folder: Path, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("KEEPWELL_")}
    return subprocess.run(
        [sys.executable, str(ROOT / "cli.py"), *words],
        cwd=folder, env=clean | env, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def lines(text: str) -> list[dict[str, Any]]:
    """Every line of stderr, which all have to be JSON."""
    return [json.loads(line) for line in text.splitlines()]


def pulled_ids(folder: Path) -> set[str]:
    """Ids of all records that the store has."""
    store = open_store(f"sqlite:///{folder}/keepwell.db", "default")
    try:
        with store.read() as c:
            return set(c.execute(select(raw_record.c.id)).scalars())
    finally:
        store.close()


def test_a_run_is_a_line_of_json_for_each_event_of_the_catalogue(crms: Running, tmp_path: Path) -> None:
    write_private(tmp_path / "keepwell.yaml", sandbox_starter(crms.as_json()).text())
    assert keepwell(tmp_path, "fields", "apply").returncode == 0

    done = keepwell(tmp_path, "--log-format", "json", "sync", "--json", KEEPWELL_LOG_LEVEL="debug")

    report, logged = json.loads(done.stdout), lines(done.stderr)
    ours = [line for line in logged if line["event"] in CATALOGUE]
    for line in ours:
        known = CATALOGUE[line["event"]]
        assert line["level"] == known.level
        assert line.keys() - ALWAYS - {"run_id"} == set(known.fields)
    assert {line["workspace"] for line in logged} == {"default"}
    began = next(at for at, line in enumerate(logged) if line["event"] == "run.started")
    assert {line["run_id"] for line in logged[began:]} == {report["run_id"]}
    (end,) = (line for line in ours if line["event"] == "run.finished")
    assert (end["status"], end["exit_code"]) == (report["status"], report["exit_code"])

    rooms = [line["room"] for line in ours if line["event"] == "room.entered"]
    assert rooms == ["pull", "normalise", "evaluate", "plan", "guard", "apply", "verify"]
    assert rooms == [line["room"] for line in ours if line["event"] == "room.left"]
    calls = [line for line in ours if line["event"] == "call.made"]
    for name, use in report["api"].items():
        assert sum(line["connection"] == name for line in calls) == use["requests"]
    assert {line["status"] for line in calls} <= {200, 201, 204, 207}
    assert not pulled_ids(tmp_path) & {part for line in calls for part in line["operation"].split("/")}


def test_a_command_that_fails_is_a_line_of_json(tmp_path: Path) -> None:
    missing = keepwell(tmp_path, "--log-format", "json", "sync")
    assert missing.returncode == 2
    (line,) = lines(missing.stderr)
    assert (line["event"], line["level"], line["exit_code"]) == ("command.failed", "error", 2)
    assert line["reason_code"] == "configuration"
    assert "keepwell.yaml" in line["message"]
    plain = keepwell(tmp_path, "sync")
    assert "keepwell.yaml" in plain.stderr
    assert not plain.stderr.startswith("{")


def test_an_unknown_format_is_a_usage_error(tmp_path: Path) -> None:
    refused = keepwell(tmp_path, "--log-format", "xml", "sync")
    assert refused.returncode == 2
    assert "text, json" in refused.stderr


def test_a_run_leaves_metrics_that_say_what_its_report_says(crms: Running, tmp_path: Path) -> None:
    text = (
        sandbox_starter(crms.as_json()).text() + "metrics: {textfile: run.prom, push_gateway: 'http://127.0.0.1:9'}\n"
    )
    write_private(tmp_path / "keepwell.yaml", text)
    keepwell(tmp_path, "fields", "apply")
    assert not (tmp_path / "run.prom").exists(), "only a run leaves metrics"

    done = keepwell(tmp_path, "sync", "--json")

    report = json.loads(done.stdout)
    assert done.returncode == report["exit_code"], "a gateway that is not there changes nothing"
    assert "metrics.not_pushed" in done.stderr
    found: dict[str, float] = {}
    for family in text_string_to_metric_families((tmp_path / "run.prom").read_text()):
        for one in family.samples:
            assert one.name in METRICS
            found["/".join([one.name, *(one.labels[label] for label in METRICS[one.name].labels)])] = one.value
    assert found[f"keepwell_last_run_status/sync/{report['status']}"] == 1
    assert found[f"keepwell_runs_total/sync/{report['status']}"] == 1
    for band, number in report["evaluate"]["bands"].items():
        assert found[f"keepwell_accounts/{band}"] == number
    for name, use in report["api"].items():
        assert found[f"keepwell_last_run_api_requests/sync/{name}"] == use["requests"]
        assert found[f"keepwell_api_quota_left/{name}"] == use["quota_left"]
        for bucket, number in report["connections"][name]["apply"].items():
            assert found[f"keepwell_last_run_changes/sync/{name}/{bucket}"] == number
    assert sum(value for key, value in found.items() if "open_alerts" in key) == report["alerts"]["standing"]
