"""Exit codes and plain words for everything that can go wrong before a run."""

import json
from pathlib import Path

import pytest

from cli import teller
from config.errors import ConfigFileError, Problem
from connectors.errors import BadAnswer, ConfigError, CredentialsError, MissingScope, QuotaExhausted, Unreachable
from store.errors import LeaseHeld, StoreCorrupt, StoreNewer
from sync.errors import Busy, IncompletePull, Interrupted, Refused, StalePlan, UsageError

CODES = [
    (ConfigFileError([Problem("k.yaml", 3, "a.b", "wrong.")]), 2),
    (ConfigError("no such property"), 2),
    (UsageError("no such plan"), 2),
    (CredentialsError("wrong token"), 6),
    (MissingScope("no scope", scopes=("x",)), 6),
    (QuotaExhausted("empty"), 75),
    (Busy("held"), 75),
    (Refused("too many"), 5),
    (StalePlan("old"), 5),
    (Interrupted("stop"), 130),
    (KeyboardInterrupt(), 130),
    (Unreachable("no route"), 1),
    (BadAnswer("html"), 1),
    (IncompletePull("half", cause=CredentialsError("wrong token")), 6),
    (ValueError("a bug"), 1),
]


@pytest.mark.parametrize(("error", "code"), CODES, ids=lambda value: type(value).__name__)
def test_every_kind_of_failure_has_its_exit_code(error: BaseException, code: int) -> None:
    failure = teller.explain(error)
    assert failure.exit_code == code
    assert failure.message
    told = json.dumps(failure.to_dict())
    assert "\\n" not in told
    assert "Traceback" not in told


STATUSES = [(Busy("held"), "busy"), (Refused("no"), "refused"), (QuotaExhausted("empty"), "deferred"),
            (KeyboardInterrupt(), "interrupted"), (ValueError("a bug"), "failed")]  # fmt: skip


@pytest.mark.parametrize(("error", "status"), STATUSES, ids=lambda value: type(value).__name__)
def test_a_failure_has_the_status_that_a_report_would_have(error: BaseException, status: str) -> None:
    assert teller.explain(error).status == status


def test_a_bug_says_how_to_see_more() -> None:
    failure = teller.explain(RuntimeError("\x1b[31mred\nline"))
    assert "keepwell --debug" in failure.hint
    assert "\x1b" not in failure.message


def test_store_failures_are_not_bugs() -> None:
    for error in (StoreCorrupt("broken", "restore it"), StoreNewer("newer", "upgrade Keepwell")):
        failure = teller.explain(error)
        assert (failure.exit_code, failure.message, failure.hint) == (1, error.message, error.hint)
    assert teller.explain(LeaseHeld("held", owner="r1", expires_in=3)).exit_code == 75


def test_a_missing_file(invoke) -> None:  # type: ignore[no-untyped-def]
    result = invoke("sync")
    assert result.exit_code == 2
    assert result.stdout == ""
    assert (
        result.stderr == "keepwell.yaml: there is no such file. `keepwell init` writes one; --config names another.\n"
    )


def test_json_failures_are_one_object_on_stdout(invoke) -> None:  # type: ignore[no-untyped-def]
    result = invoke("sync", "--json")
    assert result.exit_code == 2
    problem = {"file": "keepwell.yaml", "line": None, "key": "", "message": "there is no such file.",
               "hint": "`keepwell init` writes one; --config names another."}  # fmt: skip
    assert json.loads(result.stdout) == {
        "status": "failed",
        "reason_code": "configuration",
        "exit_code": 2,
        "error": {"message": "The configuration cannot be used.", "hint": None, "problems": [problem]},
    }
    assert problem["hint"] in result.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("nope",), ("sync", "--nope"), ("sync", "--as-of", "tomorrow"),
        ("sync", "--select", ""), ("plan", "--select", " "),
        ("sync", "--max-changes", "lots"),
        ("sync", "--max-shrink", "5"), ("status", "--max-age", "yesterday"), ("apply",), ("demo", "--accounts", "0"),
        ("init", "--no-input", "--no-hubspot", "--no-salesforce"), ("init", "--no-input", "--salesforce-flow", "saml"),
    ],
)  # fmt: skip
def test_usage_errors_exit_with_2(invoke, words: tuple[str, ...]) -> None:  # type: ignore[no-untyped-def]
    result = invoke(*words)
    assert result.exit_code == 2
    assert "Error: " in result.stderr
    assert "Traceback" not in result.stderr


def test_a_secret_in_the_file_never_reaches_an_error(invoke, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    secret = "pat-na1-77777777-aaaa-bbbb"
    (tmp_path / "keepwell.yaml").write_text(
        f"connections:\n  hubspot: {{type: hubspot, access_token: {secret}, base_url: 'ftp://{secret}'}}\n"
    )
    for words in (("doctor",), ("sync",), ("config", "check"), ("--debug", "sync")):
        result = invoke(*words)
        assert secret not in result.stdout + result.stderr
