"""Commands that need no CRM."""

import json
import os
import re
import resource
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import cli
from config.load import load_settings

TOKEN = {"HUBSPOT_ACCESS_TOKEN": "pat-na1-11111111-2222-3333"}


@pytest.fixture
def ready(invoke):  # type: ignore[no-untyped-def]
    assert invoke("init", "--no-input", "--no-salesforce", "--hubspot-url", "http://127.0.0.1:9").exit_code == 0
    return lambda *words, **env: invoke(*words, **(TOKEN | env))


def test_init_writes_a_private_file_without_secrets(invoke, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    result = invoke("init", "--no-input", "--json")
    path = tmp_path / "keepwell.yaml"
    assert json.loads(result.stdout)["variables"][0] == "HUBSPOT_ACCESS_TOKEN"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert yaml.safe_load(path.read_text())["connections"]["hubspot"]["access_token"] == "${HUBSPOT_ACCESS_TOKEN}"
    again = invoke("init", "--no-input")
    assert (again.exit_code, "left alone" in again.stderr) == (2, True)
    assert invoke("init", "--no-input", "--force", "--no-salesforce").exit_code == 0
    assert list(load_settings(path, TOKEN).connections) == ["hubspot"]


def test_config_check_masks_secrets_and_names_origins(ready) -> None:  # type: ignore[no-untyped-def]
    result = ready("config", "check", KEEPWELL_TIMEZONE="Europe/Paris")
    assert result.exit_code == 0
    assert "connections.hubspot.access_token = ***  # keepwell.yaml:" in result.stdout
    assert "timezone = Europe/Paris  # environment KEEPWELL_TIMEZONE" in result.stdout
    assert TOKEN["HUBSPOT_ACCESS_TOKEN"] not in result.stdout + ready("config", "check", "--json").stdout


def test_config_schema_needs_no_file(invoke) -> None:  # type: ignore[no-untyped-def]
    plain, as_json = invoke("config", "schema"), invoke("config", "schema", "--json")
    assert json.loads(plain.stdout) == json.loads(as_json.stdout)
    assert json.loads(plain.stdout)["title"] == "Keepwell configuration"


def test_the_tests_of_a_framework_need_neither_store_nor_configuration(invoke, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    shipped = invoke("framework", "test", "portfolio_management")
    assert (shipped.exit_code, " passed" in shipped.stdout, "failed" in shipped.stdout) == (0, True, False)
    (tmp_path / "ours.yaml").write_text("framework: ours\ntitle: Ours\nextends: cradle_to_grave\n")
    missing = invoke("framework", "test", "./ours.yaml")
    assert (missing.exit_code, "ours.tests.yaml: there is no such file" in missing.stderr) == (2, True)
    tests = 'tests:\n  - name: "\\e[31mred"\n    as_of: 2026-01-02\n    expect: {segment: strategic}\n'
    (tmp_path / "ours.tests.yaml").write_text(tests)
    failed = invoke("framework", "test", "./ours.yaml")
    assert failed.exit_code == 1
    assert "segment is standard, expected strategic" in failed.stdout
    assert "ours: 1 test, 0 passed, 1 failed" in failed.stdout
    assert "\x1b" not in failed.stdout
    data = json.loads(invoke("framework", "test", "./ours.yaml", "--json").stdout)
    assert (data["passed"], data["failed"]) == (0, 1)
    assert data["tests"][0]["misses"] == [{"what": "segment", "expected": "strategic", "found": "standard"}]


def test_what_a_framework_cannot_mean_is_named_with_its_place(invoke, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    clean = invoke("framework", "lint", "cradle_to_grave")
    assert (clean.exit_code, clean.stdout) == (0, "cradle_to_grave: nothing that cannot be meant\n")
    text = (
        "framework: ours\ntitle: Ours\nextends: cradle_to_grave\nsegments:\n  - dimension: segment\n    rules:\n"
        '      - {id: large, when: "arr >= 1000"}\n      - {id: standard, when: "TRUE"}\n'
        "overlays:\n  - {id: ours, label: Ours, when: \"renewal_status = 'churnd' AND name LIKE 'a%'\"}\n"
    )
    (tmp_path / "ours.yaml").write_text(text)
    found = invoke("framework", "lint", "./ours.yaml")
    assert found.exit_code == 3
    assert "ours.yaml:10: overlays[0].when: `renewal_status` is never 'churnd'." in found.stdout
    assert "Did you mean 'churned'?" in found.stdout
    assert "ours.yaml:10: overlays[0].when: it cannot be told" in found.stdout
    # The cadences of the other file name a segment that ours does not have.
    assert "`segment` is never 'strategic'." in found.stdout
    assert "ours.yaml extends this file." in found.stdout
    assert "unused" not in found.stdout
    data = json.loads(invoke("framework", "lint", "./ours.yaml", "--json").stdout)
    ours = [one for one in data["findings"] if one["file"].endswith("ours.yaml")]
    assert [(one["check"], one["line"], one["key"]) for one in ours] == [("unknown_value", 10, "overlays[0].when")]
    assert [one["key"] for one in data["undecided"]] == ["overlays[0].when"]
    (tmp_path / "broken.yaml").write_text("framework: ours\n")
    assert invoke("framework", "lint", "./broken.yaml").exit_code == 2


def test_the_rules_of_a_framework_as_a_page(invoke, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    page = invoke("framework", "docs", "cradle_to_grave").stdout
    assert page.startswith("# Cradle to grave\n")
    assert "| Growth and expansion | at least 365 days since go live<br>`days_since_go_live >= 365` |" in page
    assert json.loads(invoke("framework", "docs", "cradle_to_grave", "--json").stdout)["page"] == page
    written = invoke("framework", "docs", "cradle_to_grave", "--out", "rules.md")
    assert (written.exit_code, (tmp_path / "rules.md").read_text(encoding="utf-8")) == (0, page)
    (tmp_path / "notes.md").write_text("Notes.\n")
    refused = invoke("framework", "docs", "cradle_to_grave", "--out", "notes.md")
    assert (refused.exit_code, "has no rules that this command wrote" in refused.stderr) == (2, True)


QUESTIONS = (
    "explain acme.com", "report kpis", "report weekly-health", "alerts list", "alerts show 1", "alerts ack 1 --by me",
    "conflicts list", "conflicts accept 1", "failures list", "failures retry", "identity list", "drift", "undo r1",
    "runs list", "backtest", "simulate --framework onboarding_journey", "notify list", "notify retry",
    "status --max-age 26h",
)  # fmt: skip


@pytest.mark.parametrize("words", QUESTIONS)
def test_a_question_makes_no_store_and_is_not_answered_from_an_empty_one(ready, tmp_path: Path, words: str) -> None:  # type: ignore[no-untyped-def]
    """Whoever asks in the wrong folder must not hear that there are no alerts, and that nothing drifted."""
    answer = ready(*words.split())
    assert answer.exit_code == 1, answer.stdout
    assert "There is no store at" in answer.stderr
    assert "`keepwell config check` says where `store` comes from" in answer.stderr
    assert not list(tmp_path.glob("*.db"))


def test_the_store_commands(ready) -> None:  # type: ignore[no-untyped-def]
    missing = ready("runs", "list")
    assert missing.exit_code == 1
    assert "The first `keepwell plan` makes it" in missing.stderr
    revision = json.loads(ready("db", "upgrade", "--json").stdout)["revision"]
    assert json.loads(ready("db", "current", "--json").stdout) == {"revision": revision}
    assert json.loads(ready("db", "check", "--json").stdout) == {"findings": [], "ok": True}
    assert json.loads(ready("runs", "list", "--json").stdout) == {"runs": []}
    assert json.loads(ready("conflicts", "list", "--json").stdout) == {
        "plan_id": None,
        "planned_at": None,
        "conflicts": [],
        "accepted": 0,
    }
    assert "There is no plan yet" in ready("conflicts", "list").stdout
    assert "There is no run yet." in ready("runs", "show").stderr
    assert "No runs yet" in ready("runs", "list").stdout
    assert ready("runs", "show", "nope").exit_code == 2


def test_a_damaged_store_is_said_plainly(ready, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "keepwell.db").write_bytes(b"this is not a database" * 500)
    result = ready("runs", "list")
    assert result.exit_code == 1
    assert "Unexpected" not in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_status_is_a_probe(ready) -> None:  # type: ignore[no-untyped-def]
    ready("db", "upgrade")
    assert ready("status").exit_code == 0
    probe = ready("status", "--max-age", "26h", "--json")
    assert probe.exit_code == 1
    assert json.loads(probe.stdout)["fresh"] is False


def test_fields_export_needs_no_crm(ready) -> None:  # type: ignore[no-untyped-def]
    fields = {one["field"]: one for one in json.loads(ready("fields", "export", "--json").stdout)["fields"]}
    assert [option["value"] for option in fields["health_band"]["options"]] == ["green", "yellow", "red", "unknown"]
    assert fields["renewal_status_override"]["written_by_keepwell"] is False
    red = fields["health_band"]["options"][2]
    assert red == {"value": "red", "label": "Red", "meaning": "At risk; needs an executive", "colour": "#BA0517"}
    assert ready("fields", "export").exit_code == 0
    for words, said in ((["--out", "x"], "no connection takes it"), ([], "Add `--out FOLDER`")):
        refused = ready("fields", "export", "--format", "sfdx", *words)
        assert (refused.exit_code, said in refused.output.replace("\n", " ")) == (2, True)


def test_an_unreachable_crm_is_said_plainly(ready) -> None:  # type: ignore[no-untyped-def]
    result = ready("doctor")
    assert result.exit_code in (1, 6)
    assert "hubspot" in result.stdout
    assert "Traceback" not in result.stdout + result.stderr


def test_a_port_that_is_taken_is_said_plainly(invoke) -> None:  # type: ignore[no-untyped-def]
    with socket.create_server(("127.0.0.1", 0)) as taken:
        result = invoke("sandbox", "--accounts", "1", "--hubspot-port", str(taken.getsockname()[1]))
    assert result.exit_code == 1
    assert "Choose other ports" in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_fields_export_says_the_names_that_each_crm_uses(ready) -> None:  # type: ignore[no-untyped-def]
    fields = json.loads(ready("fields", "export", "--json").stdout)["fields"]
    assert {one["property"]: one["field"] for one in fields}["cs_health_band"] == "health_band"
    assert "cs_health_band" in ready("fields", "export").stdout


def typed(stdout: int, *words: str) -> "subprocess.Popen[str]":
    """The command line as a process of its own, its answer going to `stdout`."""
    program = Path(cli.__file__)
    return subprocess.Popen(
        [sys.executable, "-P", str(program), *words],
        stdout=stdout, stderr=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": str(program.parent)},
    )  # fmt: skip


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full is a Linux device")
@pytest.mark.parametrize("words", [("config", "schema"), ("config", "schema", "--json")])
def test_an_answer_that_cannot_be_written_is_said_plainly(words: tuple[str, ...]) -> None:
    with Path("/dev/full").open("w") as full, typed(full.fileno(), *words) as process:
        _, told = process.communicate(timeout=30)
    assert process.returncode == 1
    assert told.startswith("stdout cannot be written: No space left on device. ")
    assert len(told.splitlines()) == 1


@pytest.mark.parametrize(
    ("words", "code"), [(("config", "schema"), 0), (("--debug", "sync", "-c", "none", "--json"), 2)]
)
def test_a_reader_that_goes_away_is_no_failure(words: tuple[str, ...], code: int) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with typed(writer, *words) as process:
        os.close(writer)
        _, told = process.communicate(timeout=30)
    assert process.returncode == code
    assert "BrokenPipe" not in told


def test_version(invoke) -> None:  # type: ignore[no-untyped-def]
    assert re.fullmatch(r"keepwell \S+\n", invoke("--version").stdout)


def test_our_packages_are_beside_the_program() -> None:
    assert cli.check_packages() is None


def test_a_foreign_package_is_noticed_before_anything_runs(tmp_path: Path) -> None:
    decoy = tmp_path / "store"
    decoy.mkdir()
    (decoy / "__init__.py").write_text("raise SystemExit('the decoy ran')")
    program = f"import sys; sys.path[:0] = [{str(tmp_path)!r}, {str(Path(cli.__file__).parent)!r}]; import cli"
    done = subprocess.run([sys.executable, "-P", "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "the package `store` is found at" in done.stderr
    assert "decoy ran" not in done.stdout + done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_help_is_fast_and_imports_nothing_heavy() -> None:
    heavy = "{'pydantic', 'polars', 'sqlalchemy', 'rich', 'hubspot', 'simple_salesforce', 'structlog', 'requests'}"
    program = (
        f"import sys, atexit; atexit.register(lambda: print(sorted({heavy} & set(sys.modules)), file=sys.stderr));"
        "sys.argv = ['keepwell', '--help']; import cli; cli.main()"
    )
    best = float("inf")
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=Path(cli.__file__).parent
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        # The processor's seconds: those of the wall depend on what else this machine does.
        best = min(best, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert done.stderr.strip() == "[]"
    assert "One whole run" in done.stdout
    assert best < 0.3


@pytest.mark.parametrize("group", [(), ("fields",), ("runs",), ("conflicts",), ("db",), ("config",)])
def test_no_line_of_a_list_of_commands_is_cut(invoke, group: tuple[str, ...]) -> None:  # type: ignore[no-untyped-def]
    assert "..." not in invoke(*group, "--help").stdout.split("Commands:")[1]
