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

OPEN = dict.fromkeys(
    ("hubspot", "salesforce", "hubspot_url", "salesforce_url", "salesforce_flow", "framework", "timezone", "store")
)
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
    typed = "y\ny\nclient_credentials\nhttps://acme.my.salesforce.com\n\nEurope/Copenhagen\n\n"
    output = asked(path, typed)
    for question in ("Connect HubSpot?", "Connect Salesforce?", "Salesforce login", "Framework", "Time zone", "Store"):
        assert question in output
    env = {"HUBSPOT_ACCESS_TOKEN": "t", "SALESFORCE_CONSUMER_KEY": "k", "SALESFORCE_CONSUMER_SECRET": "s"}
    settings = load_settings(path, env)
    assert settings.timezone == "Europe/Copenhagen"
    assert settings.connections["salesforce"].model_dump()["login_url"] == "https://acme.my.salesforce.com"


def test_init_does_not_ask_for_what_is_given(tmp_path: Path) -> None:
    output = asked(tmp_path / "k.yaml", "\n\n", hubspot=True, salesforce=False, timezone="UTC")
    assert "Connect" not in output
    assert "HUBSPOT_ACCESS_TOKEN" in output


def test_the_sandbox_says_how_to_be_used(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "keepwell.yaml"
    write_sandbox_config(CRMS, path, force=False)
    settings = load_settings(path, {})
    assert settings.connections["hubspot"].model_dump()["base_url"] == "http://127.0.0.1:1"
    assert settings.connections["salesforce"].model_dump()["login_url"] == "http://127.0.0.1:2"
    assert f"keepwell sync --config {path}" in sandbox_announcement(CRMS, path)
    assert "--write-config" in sandbox_announcement(CRMS, None)


WAITING = """
import polars
from contextlib import nullcontext
from types import SimpleNamespace
from dashboard.first_steps import serve

serve(nullcontext(SimpleNamespace(as_json=dict)), config=None, force=False, as_json=True)
"""


def test_ctrl_c_ends_the_sandbox_also_when_polars_is_loaded() -> None:
    """Polars catches the signal too, and after that a wait for a lock never ends."""
    with subprocess.Popen([sys.executable, "-c", WAITING], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "{}\n"
        time.sleep(0.5)  # it waits now
        process.send_signal(signal.SIGINT)
        try:
            assert process.wait(20) == 0
        finally:
            process.kill()
