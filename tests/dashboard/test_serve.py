"""The command: what it refuses, that it starts without a store, answers and stops; and what its documentation shows."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import requests
import yaml

from config.dashboard import Dashboard
from config.errors import ConfigFileError
from config.load import load_settings
from dashboard.web.access import Access
from tests.children import child
from tests.docs.test_json_shapes import validator

ROOT = Path(__file__).resolve().parents[2]
HASH = "$argon2id$v=19$m=65536,t=3,p=4$c2FsdHNhbHQ$aGFzaGhhc2g"


def config(folder: Path, **dashboard: object) -> Path:
    path = folder / "keepwell.yaml"
    data = {"connections": {"hubspot": {"type": "hubspot", "access_token": "t"}}, "dashboard": dashboard}
    path.write_text(yaml.safe_dump(data), encoding="utf-8")
    path.chmod(0o600)
    return path


def keepwell(*words: str, given: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "cli.py"), *words]
    return subprocess.run(command, input=given, capture_output=True, text=True, timeout=60, check=False)


def test_the_server_starts_without_a_store_and_stops_when_it_is_told(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "cli.py"), "serve", "--port", "0", "--json", "-c", str(config(tmp_path))]
    with child(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        assert list(validator("serve").iter_errors(told)) == []
        url = told["url"]
        assert requests.get(f"{url}/healthz", timeout=10).text == "ok\n"
        answer = requests.get(f"{url}/accounts.json", timeout=10)
        assert (answer.status_code, answer.json()["title"]) == (503, "Nothing has been synced yet")
        assert "server" not in answer.headers
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    assert not (tmp_path / "keepwell.db").exists()


def test_an_address_that_others_reach_wants_people_who_are_known(tmp_path: Path) -> None:
    refused = keepwell("serve", "--host", "0.0.0.0", "--json", "-c", str(config(tmp_path)))  # noqa: S104
    assert refused.returncode == 2
    assert "keepwell config hash-password" in json.loads(refused.stdout)["error"]["hint"]


def test_a_hash_is_made_of_the_first_line_and_opens_the_door() -> None:
    made = keepwell("config", "hash-password", "--json", given="correct horse battery\nrest\n")
    hashed = json.loads(made.stdout)["password_hash"]
    own = {"users": {"anna": {"password_hash": hashed}}}
    assert isinstance(Access(Dashboard.model_validate(own)).log_in("anna", "correct horse battery", "1.2.3.4"), str)
    short = keepwell("config", "hash-password", given="short\n")
    assert short.returncode == 2
    assert "12 characters" in short.stderr


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({"users": {"anna": {"password_hash": "plain"}}}, "keepwell config hash-password"),
        ({"users": {"anna": {"password_hash": HASH, "role": "king"}}}, "role"),
        ({"session_secret": "short"}, "32 random characters"),
        ({"proxy": {"addresses": ["nowhere"]}}, "10.0.0.0/24"),
        ({"allowed_hosts": ["https://a.example"]}, "leave scheme and port out"),
        ({"allowed_hosts": ["a.example:8400"]}, "leave scheme and port out"),
        ({"hosts": []}, "there is no such key"),
    ],
)
def test_a_mistake_in_the_settings_is_named_and_no_secret_with_it(
    tmp_path: Path, section: dict[str, object], said: str
) -> None:
    with pytest.raises(ConfigFileError) as raised:
        load_settings(config(tmp_path, **section), {})
    assert said in str(raised.value)
    assert "plain" not in str(raised.value)


def test_secrets_of_the_dashboard_come_from_files_too(tmp_path: Path) -> None:
    for name, text in (("hash", HASH), ("secret", "s" * 32)):
        (tmp_path / name).write_text(text, encoding="utf-8")
        (tmp_path / name).chmod(0o600)
    users = {"anna": {"password_hash_file": "hash"}}
    own = load_settings(config(tmp_path, users=users, session_secret_file="secret"), {}).dashboard
    assert own.users["anna"].password_hash.get_secret_value() == HASH
    assert own.session_secret is not None
    assert "s" * 32 not in repr(own)


def test_the_documented_settings_load(tmp_path: Path) -> None:
    parts = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs/dashboard.md").read_text(encoding="utf-8"), re.DOTALL)
    assert len(parts) == 2
    for part in parts:
        assert load_settings(config(tmp_path, **yaml.safe_load(part)["dashboard"]), {}).dashboard.authenticates
