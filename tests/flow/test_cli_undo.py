"""`keepwell undo` as it is typed."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from shlex import quote
from typing import Any

import pytest

from sandbox.hubspot.state import HubSpotOptions
from sandbox.serve import Portfolio, running
from tests.flow.test_cli_trouble import caller


@contextmanager
def prepared(folder: Path) -> Iterator[Callable[..., Any]]:
    """The command, before a small portal that has Keepwell's properties and no value of them."""
    options = HubSpotOptions(burst=10_000, searches_per_second=1_000)
    with running(Portfolio(9, 3, date(2026, 11, 20)), salesforce=False, hubspot_options=options) as crms:
        keepwell = caller(crms, folder)
        assert keepwell("fields", "apply").exit_code == 0
        yield keepwell


def test_a_run_is_looked_at_then_undone_and_every_step_says_what_comes_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with prepared(tmp_path) as keepwell:
        assert keepwell("plan").exit_code == 0
        nothing = keepwell("undo", "latest")
        assert (nothing.exit_code, "No run has written anything yet" in nothing.stderr) == (2, True)
        run = json.loads(keepwell("sync", "--json").stdout)
        wrote, run_id = run["apply"]["confirmed"], run["run_id"]

        assert keepwell("plan").exit_code == 0
        looked = keepwell("undo", "latest", "--dry-run", "--max-changes", "100%")
        assert looked.exit_code == 0, looked.stdout + looked.stderr
        assert f"Undo of run {run_id}: these values go back." in looked.stdout
        assert f"{wrote} values of run {run_id} would go back.\nNothing was written." in looked.stdout
        assert f"To put them back: keepwell undo {run_id} --max-changes 100%\n" in looked.stdout
        shown = keepwell("runs", "show").stdout
        assert f"{wrote} values of run {run_id} would go back.\nNothing was written." in shown

        refused = keepwell("undo", run_id)
        assert refused.exit_code == 5
        assert "--max-changes" in refused.stdout
        assert f"0 of {wrote} values of run {run_id} went back." in refused.stdout

        undone = keepwell("undo", run_id, "--max-changes", "100%")
        assert undone.exit_code == 0, undone.stdout + undone.stderr
        assert "these values go back" in undone.stderr, "both lists stand on stderr before anything is written"
        assert f"{wrote} of {wrote} values of run {run_id} went back." in undone.stdout
        assert "To take back the undo itself: keepwell undo " in undone.stdout

        assert f"{wrote} of {wrote} values of run {run_id} went back." in keepwell("runs", "show").stdout

        last = json.loads(keepwell("undo", "latest", "--dry-run", "--max-changes", "100%", "--json").stdout)
        assert last["undo"]["run_id"] != run_id, "the last run that wrote is the undo"
        assert last["undo"]["changes"] == wrote

        again = keepwell("undo", run_id, "--dry-run", "--json")
        assert again.exit_code == 0
        data = json.loads(again.stdout)
        assert (data["command"], data["dry_run"], data["plan"]["changes"]) == ("undo", True, 0)
        assert data["undo"] == {"run_id": run_id, "changes": 0, "skipped": {"written_again": wrote}}
        assert {row["reason"] for row in data["plan"]["conflicts"]} == {"written_again"}

        unknown = keepwell("undo", "nothing")
        assert unknown.exit_code == 2
        assert "`keepwell runs list` shows which there are." in unknown.stdout


def test_what_was_looked_at_for_one_account_is_put_back_for_that_account_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with prepared(tmp_path) as keepwell:
        run = json.loads(keepwell("sync", "--json").stdout)
        listed = json.loads(keepwell("undo", "latest", "--dry-run", "--json", "--max-changes", "100%").stdout)
        account = listed["plan"]["shown"][0]["account"]

        looked = keepwell("undo", run["run_id"], "--select", account, "--dry-run")

        assert looked.exit_code == 0, looked.stdout + looked.stderr
        assert f"To put them back: keepwell undo {run['run_id']} --select {quote(account)}\n" in looked.stdout
