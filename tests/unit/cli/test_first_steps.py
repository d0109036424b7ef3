"""`init` with somebody at the keyboard, and what the sandbox announces."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import typer
from typer.testing import CliRunner

from config.load import load_settings
from dashboard.first_steps import begin, sandbox_announcement, write_sandbox_config
from tests.children import child

OPEN = dict.fromkeys(
    ("hubspot", "salesforce", "gainsight", "hubspot_url", "salesforce_url", "salesforce_flow", "gainsight_url",
     "framework", "timezone", "store")
)  # fmt: skip
CRMS = {
    "hubspot": {"url": "http://127.0.0.1:1", "access_token": "t"},
    "salesforce": {"url": "http://127.0.0.1:2", "consumer_key": "k", "consumer_secret": "s"},
}


def asked(path: Path, typed: str, **given: object) -> str:
    """Everything that `init` printed while it asked."""
    probe = typer.Typer()

    @probe.command()
    def command() -> None:
        answer = begin(path, OPEN | given, ask=True, force=False)
        typer.echo(answer.data["variables"])

    result = CliRunner().invoke(probe, [], input=typed)
    assert result.exception is None, result.output
    return result.output


def test_init_asks_for_what_is_open(tmp_path: Path) -> None:
    path = tmp_path / "keepwell.yaml"
    typed = "y\ny\nn\nclient_credentials\nhttps://acme.my.salesforce.com\n\nEurope/Copenhagen\n\n"
    output = asked(path, typed)
    for question in ("Connect HubSpot?", "Connect Salesforce?", "Salesforce login", "Framework", "Time zone", "Store"):
        assert question in output
    env = {"HUBSPOT_ACCESS_TOKEN": "t", "SALESFORCE_CONSUMER_KEY": "k", "SALESFORCE_CONSUMER_SECRET": "s"}
    settings = load_settings(path, env)
    assert settings.timezone == "Europe/Copenhagen"
    assert settings.connections["salesforce"].model_dump()["login_url"] == "https://acme.my.salesforce.com"


def test_init_does_not_ask_for_what_is_given(tmp_path: Path) -> None:
    output = asked(tmp_path / "k.yaml", "\n\n", hubspot=True, salesforce=False, gainsight=False, timezone="UTC")
    assert "Connect" not in output
    assert "HUBSPOT_ACCESS_TOKEN" in output


def test_gainsight_is_connected_on_request(tmp_path: Path) -> None:
    path = tmp_path / "keepwell.yaml"
    output = asked(path, "y\nhttps://acme.gainsightcloud.com\n\n\n\n", hubspot=False, salesforce=False)
    assert "Connect Gainsight?" in output
    assert "GAINSIGHT_ACCESS_KEY" in output
    (connection,) = load_settings(path, {"GAINSIGHT_ACCESS_KEY": "k"}).connections.values()
    found = connection.model_dump()
    assert (found["base_url"], found["access_key"].get_secret_value()) == ("https://acme.gainsightcloud.com", "k")


def test_an_address_that_is_given_is_connected_without_another_word(tmp_path: Path) -> None:
    path = tmp_path / "keepwell.yaml"
    given = OPEN | {"hubspot": False, "salesforce": False, "gainsight_url": "https://acme.gainsightcloud.com"}
    assert begin(path, given, ask=False, force=False).data["connections"] == ["gainsight"]
    (connection,) = load_settings(path, {"GAINSIGHT_ACCESS_KEY": "k"}).connections.values()
    assert connection.model_dump()["base_url"] == "https://acme.gainsightcloud.com"


def test_the_sandbox_says_how_to_be_used(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "keepwell.yaml"
    tenant = {"url": "http://127.0.0.1:3", "access_key": "k", "integration_user": "u"}
    write_sandbox_config(CRMS | {"gainsight": tenant}, path, force=False)
    settings = load_settings(path, {})
    assert settings.connections["gainsight"].model_dump()["integration_user"] == "u"
    assert settings.connections["hubspot"].model_dump()["base_url"] == "http://127.0.0.1:1"
    assert settings.connections["salesforce"].model_dump()["login_url"] == "http://127.0.0.1:2"
    assert f"keepwell sync --config {path}" in sandbox_announcement(CRMS, path)
    assert "--write-config" in sandbox_announcement(CRMS, None)
    assert "Gainsight" not in sandbox_announcement(CRMS, None)
    three = CRMS | {"gainsight": {"url": "http://127.0.0.1:3", "access_key": "gk"}}
    assert "http://127.0.0.1:3   access key gk" in sandbox_announcement(three, None)


WAITING = """
import polars
from contextlib import nullcontext
from types import SimpleNamespace
from dashboard.first_steps import serve_sandbox

serve_sandbox(nullcontext(SimpleNamespace(as_json=dict)), config=None, force=False, as_json=True)
"""


def test_ctrl_c_ends_the_sandbox_also_when_polars_is_loaded() -> None:
    """Polars catches the signal too, and after that a wait for a lock never ends."""
    with child([sys.executable, "-c", WAITING], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "{}\n"
        time.sleep(0.5)  # it waits now
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
