"""What a shell offers: names from files, quickly, in silence, and nothing from far away."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine

from config.frameworks import FRAMEWORKS_DIR, shipped_frameworks
from dashboard import completing
from store import open_store, runs

ROOT = Path(__file__).resolve().parents[3]
CONFIG = """\
store: {store}
connections:
  crm: {{type: hubspot, access_token: "{token}"}}
notifications:
  channels: {{team: {{type: slack, webhook_url: "${{SLACK_WEBHOOK}}"}}}}
  routes: [{{to: [team], runs: [failed]}}]
"""


@pytest.fixture
def ctx(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.chdir(tmp_path)
    return typed(tmp_path, "sqlite:///keepwell.db")


def typed(folder: Path, store: str, token: str = "t") -> Any:  # noqa: S107
    """The context of a command that was typed with a configuration."""
    path = folder / "keepwell.yaml"
    path.write_text(CONFIG.format(store=store, token=token), encoding="utf-8")
    path.chmod(0o600)
    return SimpleNamespace(params={"config": path})


def test_frameworks_are_the_shipped_ones_and_files_that_are_one(ctx: Any, tmp_path: Path) -> None:
    shutil.copy(FRAMEWORKS_DIR / "net_new_engagement.yaml", tmp_path / "ours.yaml")
    (tmp_path / "notes.yaml").write_text("title: framework\n", encoding="utf-8")
    assert completing.frameworks(ctx, "") == [*shipped_frameworks(), "./ours.yaml"]
    assert completing.frameworks(ctx, "net") == ["net_new_engagement"]


def test_streams_and_channels_are_those_of_the_file_whatever_secrets_are_missing(ctx: Any) -> None:
    assert completing.streams(ctx, "dea") == ["deals"]
    assert completing.streams(ctx, "crm:com") == ["crm:companies"]
    assert completing.channels(ctx, "") == ["team"]


def test_runs_are_the_last_ones_of_the_store(ctx: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLACK_WEBHOOK", "https://hooks.slack.com/services/T/B/x")
    assert completing.run_ids(ctx, "") == [], "there is no store yet, and none is made"
    assert not (tmp_path / "keepwell.db").exists()
    store = open_store(f"sqlite:///{tmp_path}/keepwell.db", create=True)
    now = datetime(2026, 11, 20, tzinfo=UTC)
    for run_id in ("20261119-a", "20261120-b"):
        with store.write() as c:
            runs.start(c, "default", run_id, "sync", as_of=now, version="1", now=now)
    store.close()
    assert completing.run_ids(ctx, "2026") == ["20261120-b", "20261119-a"]
    assert completing.run_ids(ctx, "20261119") == ["20261119-a"]
    assert completing.writing_run_ids(ctx, "") == [], "none of them wrote what could be put back"


def test_a_server_is_not_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLACK_WEBHOOK", "https://hooks.slack.com/services/T/B/x")
    ctx = typed(tmp_path, "postgresql://keepwell@127.0.0.1:1/none")
    asked: list[object] = []

    def note(*given: object) -> None:
        asked.append(given)

    event.listen(Engine, "do_connect", note)
    try:
        assert completing.run_ids(ctx, "") == []
    finally:
        event.remove(Engine, "do_connect", note)
    assert asked == []


def test_what_is_wrong_is_left_to_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    nowhere: Any = SimpleNamespace(params={})
    assert completing.streams(nowhere, "") == []
    assert completing.run_ids(nowhere, "") == []
    (tmp_path / "keepwell.yaml").write_text("connections: [", encoding="utf-8")
    assert completing.streams(nowhere, "") == completing.channels(nowhere, "") == []


@pytest.mark.parametrize(
    ("line", "offers"),
    [
        ("keepwell framework lint crad", {"cradle_to_grave"}),
        ("keepwell alerts list --state ack", {"acknowledged"}),
        ("keepwell report kpis --format h", {"html"}),
        ("keepwell conf", {"config", "conflicts"}),
    ],
)
def test_a_shell_gets_them(tmp_path: Path, line: str, offers: set[str]) -> None:
    start = "import sys; sys.argv[0] = 'keepwell'; from cli import main; main()"
    words = {"_KEEPWELL_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(len(line.split()) - 1)}
    done = subprocess.run(
        [sys.executable, "-P", "-c", start], cwd=tmp_path, env=os.environ | words | {"PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert set(done.stdout.split()) == offers, done.stderr
    assert done.stderr == ""
