"""What `deploy/` says is true: commands and options exist, metrics and settings exist, and nothing secret is in it."""

from __future__ import annotations

import ast
import json
import os
import re
import runpy
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import yaml

from config.load import load_settings
from dashboard.answers import Failure
from dashboard.metrics import METRICS
from sync.report import RunReport, Status
from tests.docs.test_documented import ALL

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
FILES = sorted(path for path in DEPLOY.rglob("*") if path.is_file())
TEXTS = {str(path.relative_to(DEPLOY)): path.read_text(encoding="utf-8") for path in FILES}
RULES = yaml.safe_load(TEXTS["prometheus/keepwell.rules.yaml"])["groups"][0]["rules"]
DASHBOARD = json.loads(TEXTS["grafana/keepwell.json"])
COMPOSE = yaml.safe_load(TEXTS["compose.yaml"])


def typed() -> Iterator[tuple[str, list[str]]]:
    """Where, and the words of each Keepwell command that is started by something in `deploy/`."""
    for name, text in TEXTS.items():
        lines = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
        for words in re.findall(r"(?<![\w/.-])(?:/usr/local/bin/)?keepwell((?: -{0,2}[a-z][\w-]*)+)", lines):
            yield name, words.split()
        for tree in ast.walk(ast.parse(text)) if name.endswith(".py") else ():
            if isinstance(tree, ast.List) and ast.unparse(tree).startswith("['keepwell', "):
                yield name, ast.literal_eval(tree)[1:]
    for name, service in COMPOSE["services"].items():
        if "command" in service:
            yield f"compose.yaml {name}", service["command"]
    values = yaml.safe_load(TEXTS["helm/keepwell/values.yaml"])
    yield "values.yaml", values["command"]
    yield "values.yaml watch", values["watch"]["command"]


@pytest.mark.parametrize(("place", "words"), list(typed()))
def test_every_command_and_option_that_is_started_exists(place: str, words: list[str]) -> None:
    if words[0] == "--log-format":
        words = words[2:]
    names = [name for name in (f"keepwell {' '.join(words[:2])}", f"keepwell {words[0]}") if name in ALL]
    assert names, f"{place}: keepwell {' '.join(words)}"
    assert {word for word in words if word.startswith("--")} <= {*ALL[names[0]]}


@pytest.mark.parametrize(
    ("place", "expression"),
    [(rule["alert"], rule["expr"]) for rule in RULES]
    + [(panel["title"], target["expr"]) for panel in DASHBOARD["panels"] for target in panel["targets"]]
    + [("variable", one["query"]) for one in DASHBOARD["templating"]["list"] if one["type"] == "query"],
)
def test_every_metric_and_label_that_is_watched_exists(place: str, expression: str) -> None:
    named = re.findall(r"(keepwell_[a-z_]+)(?:\{([^}]*)\})?", expression)
    assert named, place
    for metric, matchers in named:
        labels = set(re.findall(r"([a-z_]+)\s*=", matchers))
        assert labels <= {"workspace", *METRICS[metric].labels}, (place, metric)


def test_every_rule_says_what_happened_and_what_to_do() -> None:
    assert len({rule["alert"] for rule in RULES}) == len(RULES)
    for rule in RULES:
        assert rule["labels"]["severity"] in {"critical", "warning", "info"}
        assert set(rule["annotations"]) == {"summary", "description"}
        labels = {"workspace"} | {label for name in METRICS if name in rule["expr"] for label in METRICS[name].labels}
        assert set(re.findall(r"\$labels\.([a-z]+)", str(rule["annotations"]))) <= labels


def test_the_panels_of_the_dashboard_do_not_lie_over_one_another() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24
        taken |= cells
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])


def test_compose_starts_what_it_says_in_an_order_that_works() -> None:
    services: dict[str, Any] = COMPOSE["services"]
    assert set(services) == {"postgres", "crms", "fields", "sync", "dashboard"}
    for name, service in services.items():
        for needed, how in service.get("depends_on", {}).items():
            assert needed in services
            if how["condition"] == "service_healthy":
                assert "test" in services[needed]["healthcheck"], f"{name} waits for the health of {needed}"
        if name != "postgres":
            assert service["read_only"] is True
            assert service["cap_drop"] == ["ALL"]
    # A sync that a CRM refused a value ends with 3, and is no reason to show nothing.
    assert services["dashboard"]["depends_on"] == {"sync": {"condition": "service_started"}}
    # Local CRMs are served on loopback only, and Keepwell speaks plain http to loopback only.
    assert {services[name]["network_mode"] for name in ("fields", "sync")} == {"service:crms"}
    assert services["dashboard"]["ports"] == ["127.0.0.1:8400:8400"], "not to the whole network"


def test_the_variables_of_compose_are_settings(tmp_path: Path) -> None:
    file = tmp_path / "keepwell.yaml"
    file.write_text("connections: {hubspot: {type: hubspot, access_token: abcdefgh}}\n")
    given = {name: str(value) for name, value in COMPOSE["services"]["sync"]["environment"].items()}
    assert given.pop("PGPASSWORD").startswith("${POSTGRES_PASSWORD:?")
    settings = load_settings(file, {name: value for name, value in given.items() if name != "KEEPWELL_CONFIG"})
    assert settings.store == "postgresql://keepwell@postgres/keepwell"
    assert settings.logging.format == "json"


@pytest.mark.parametrize("name", [name for name in TEXTS if name.endswith(".py")])
def test_the_recipes_of_schedulers_call_the_command_line_and_nothing_of_ours(name: str) -> None:
    tree = ast.parse(TEXTS[name])
    modules = {node.module.split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module}
    assert modules <= {"__future__", "airflow", "dagster", "datetime", "typing"}
    assert "75" in TEXTS[name], "try later is no failure"


def _ended(status: Status, reason: str | None = None) -> dict[str, Any]:
    return RunReport("r1", "sync", "2026-11-20", "2026-11-20T06:00:00Z", status=status, reason=reason).to_dict()


def _never_began(code: int, status: str) -> dict[str, Any]:
    return Failure("Somebody else holds the store.", "", code, status, "store_locked").to_dict()


@pytest.mark.parametrize(
    ("code", "answer", "told"),
    [
        (0, _ended("complete"), {"status": "complete", "run_id": "r1", "accounts": 0}),
        (3, _ended("partial", "One is held."), {"reason": "One is held."}),
        (75, _never_began(75, "busy"), {"status": "busy", "reason": "Somebody else holds the store."}),
        (2, _never_began(2, "failed"), "Somebody else holds the store."),
    ],
)  # fmt: skip
def test_dagster_is_told_how_a_run_ended_also_one_that_never_began(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, answer: dict[str, Any], told: dict[str, Any] | str
) -> None:
    stand_in = tmp_path / "keepwell"
    stand_in.write_text(f"#!/bin/sh\necho {shlex.quote(json.dumps(answer))}\nexit {code}\n")
    stand_in.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setitem(sys.modules, "dagster", _dagster())
    recipe = runpy.run_path(str(DEPLOY / "dagster" / "keepwell_job.py"))
    materialise = recipe["customer_success_fields"]
    if isinstance(told, str):
        for started in (materialise, recipe["tell_when_nothing_runs"]):
            with pytest.raises(RuntimeError, match=told):
                started()
    else:
        assert told.items() <= materialise().metadata.items()


def _dagster() -> ModuleType:
    """As much of Dagster as the recipe uses."""

    class DagsterFailure(RuntimeError):
        def __init__(self, description: str, metadata: dict[str, Any]) -> None:
            super().__init__(description, metadata)

    found = ModuleType("dagster")
    for name in ("Definitions", "MaterializeResult", "ScheduleDefinition"):
        setattr(found, name, SimpleNamespace)
    for name in ("job", "op"):
        setattr(found, name, lambda made: made)
    for name, value in {
        "Failure": DagsterFailure,
        "asset": lambda **_: lambda made: made,
        "define_asset_job": lambda *_, **__: None,
    }.items():
        setattr(found, name, value)
    return found
