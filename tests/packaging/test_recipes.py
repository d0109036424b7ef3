"""What is in `deploy/` is what the tools that read it take: systemd, Compose, GitHub. And something watches runs."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator

from sync import ending
from tests.services import absent

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
VENDOR = Path(__file__).with_name("vendor")
UNITS = DEPLOY / "systemd"
COMMON = UNITS / "keepwell-.service.d" / "common.conf"


def wrong(given: object, schema: str) -> list[str]:
    """What a JSON Schema finds in a document."""
    found = Draft7Validator(json.loads((VENDOR / schema).read_text(encoding="utf-8")))
    return [f"{error.json_path}: {error.message[:200]}" for error in found.iter_errors(given)]


def yaml_of(path: Path) -> Any:
    """A file as its readers see it: YAML 1.1 takes a workflow's `on` for true, GitHub does not."""
    given = yaml.safe_load(path.read_text(encoding="utf-8"))
    return {"on" if key is True else key: value for key, value in given.items()}


def test_compose_is_what_the_specification_allows() -> None:
    given = yaml_of(DEPLOY / "compose.yaml")
    assert wrong(given, "compose-spec.json") == []
    given["services"]["sync"]["depends_on"]["fields"]["condition"] = "service_done"
    assert wrong(given, "compose-spec.json"), "the schema would find it"


@pytest.mark.parametrize("path", sorted((DEPLOY / "github-actions").iterdir()), ids=lambda path: path.name)
def test_a_workflow_is_what_github_takes_and_puts_no_input_into_a_script(path: Path) -> None:
    flow = yaml_of(path)
    assert wrong(flow, "github-workflows.json") == []
    assert flow["permissions"] == {"contents": "read"}
    assert flow["concurrency"] == {"group": path.stem, "cancel-in-progress": False}
    for job in flow["jobs"].values():
        assert not [step for step in job["steps"] if "${{" in step.get("run", "")]
        assert job["timeout-minutes"]
        del job["runs-on"]
    assert wrong(flow, "github-workflows.json"), "the schema would find it"


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """The units in a folder, starting a program that is there."""
    folder = tmp_path / "units"
    shutil.copytree(UNITS, folder)
    for path in folder.glob("*.service"):
        path.write_text(path.read_text(encoding="utf-8").replace("/usr/local/bin/keepwell", "/bin/true"))
    return folder


def verified(folder: Path) -> str:
    """What systemd has to say about the units of a folder."""
    tool = shutil.which("systemd-analyze")
    if tool is None:
        absent("systemd-analyze is not installed (apt-get install systemd)")
    named = [str(path) for path in sorted(folder.glob("*.*")) if path.is_file()]
    done = subprocess.run(
        [tool, "verify", "--man=no", *named], capture_output=True, text=True, timeout=60, check=False
    )  # fmt: skip
    return done.stdout + done.stderr


def test_systemd_has_nothing_to_say_about_the_units(units: Path) -> None:
    assert verified(units) == ""
    with (units / COMMON.relative_to(UNITS)).open("a", encoding="utf-8") as out:
        out.write("ProtectEverything=yes\n")
    assert "ProtectEverything" in verified(units), "what the units share is read with each of them"


def keys(path: Path) -> dict[str, list[str]]:
    """Key → its values, in order."""
    found: dict[str, list[str]] = {}
    for key, value in re.findall(r"^(\w+)=(.*)$", path.read_text(encoding="utf-8"), re.MULTILINE):
        found.setdefault(key, []).append(value)
    return found


def test_every_unit_is_the_same_user_with_the_same_store_confined() -> None:
    common = keys(COMMON)
    # With DynamicUser the name is what makes two units one user; else each start takes the store away from the other.
    assert common["DynamicUser"] == ["yes"]
    assert common["User"] == common["StateDirectory"] == ["keepwell"]
    assert (common["ProtectSystem"], common["NoNewPrivileges"]) == (["strict"], ["yes"])
    assert common["CapabilityBoundingSet"] == [""]
    # A variable would win over `store` in keepwell.yaml, silently.
    assert not [one for one in common["Environment"] if one.startswith("KEEPWELL_STORE=")]
    for path in UNITS.glob("*.service"):
        assert path.name.startswith("keepwell-"), "or what they share would not hold for it"
        assert not keys(path).keys() & common.keys() - {"Description"}


def test_the_run_keeps_its_exit_codes_apart_and_what_is_missed_is_made_up_for() -> None:
    run = keys(UNITS / "keepwell-sync.service")
    assert run["Type"] == ["oneshot"]
    assert {int(code) for code in run["SuccessExitStatus"][0].split()} == {ending.EXIT_ROWS, ending.EXIT_LATER}
    for timer in UNITS.glob("*.timer"):
        assert timer.with_suffix(".service").is_file()
        assert keys(timer)["Persistent"] == ["true"]


def test_something_outside_the_run_watches_for_runs_that_never_come() -> None:
    """A schedule of its own in each scheduler, with the command that can tell."""
    watch = "keepwell notify send --max-age 26h"
    assert keys(UNITS / "keepwell-watch.service")["ExecStart"] == [f"/usr/local/bin/{watch}"]
    assert (UNITS / "keepwell-watch.timer").is_file()
    (job,) = yaml_of(DEPLOY / "github-actions" / "keepwell-watch.yaml")["jobs"].values()
    assert job["steps"][-1]["run"] == watch
    assert watch.replace("keepwell ", "keepwell --log-format json ") in (DEPLOY / "airflow/keepwell_dag.py").read_text()
    assert json.dumps(watch.split()) in (DEPLOY / "dagster/keepwell_job.py").read_text()
    values = yaml_of(DEPLOY / "helm/keepwell/values.yaml")
    assert values["watch"]["command"] == watch.split()[1:]
