"""`keepwell notify` as it is typed, and what `keepwell sync` says of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from dashboard.notifications import show_notices, show_told
from sandbox.hubspot.state import HubSpotOptions
from sandbox.serve import Portfolio, running
from tests.flow.test_cli_trouble import Run, caller
from tests.receivers import Receivers, Reply, receivers
from tests.unit.cli.test_terminal import HOSTILE, screen

NOTICE = {
    "id", "channel", "alert_id", "run_id", "change", "critical", "state", "message", "noted_at", "next_at", "attempts",
    "lost", "claimed_at", "settled_at", "error",
}  # fmt: skip
ROUTE = {"to": ["team"], "runs": ["failed", "credentials", "never_ran"]}


@pytest.fixture(scope="module")
def there() -> Iterator[Receivers]:
    with receivers() as found:
        yield found


@pytest.fixture(scope="module")
def keepwell(tmp_path_factory: pytest.TempPathFactory, there: Receivers) -> Iterator[Run]:
    """The command line before a first run, with one channel that is to be told everything."""
    folder: Path = tmp_path_factory.mktemp("notify")
    options = HubSpotOptions(burst=10_000, searches_per_second=1_000)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        portfolio = Portfolio(12, 7, date(2026, 11, 20))
        with running(portfolio, state_dir=folder, salesforce=False, hubspot_options=options) as crms:
            made = caller(crms, folder)
            told = {
                "channels": {"team": {"type": "slack", "webhook_url": there.slack_hook, "existing": "digest"}},
                "routes": [ROUTE],
            }

            def run(*words: str, **env: str) -> Any:
                return made(*words, KEEPWELL_NOTIFICATIONS=json.dumps(told), **env)

            assert run("fields", "apply").exit_code == 0
            yield run


def data(keepwell: Run, *words: str) -> Any:
    return json.loads(keepwell(*words, "--json").stdout)


def test_a_channel_is_tried_and_what_is_wrong_with_it_is_said(keepwell: Run, there: Receivers) -> None:
    assert keepwell("notify", "test", "team").stdout == "team: sent.\n"
    there.faults = [Reply(404, b"no_service")]
    failed = keepwell("notify", "test", "team")
    assert failed.exit_code == 1
    assert "the address or its key is wrong, or switched off" in failed.stdout
    other = keepwell("notify", "test", "teams")
    assert (other.exit_code, "Did you mean team?" in other.stderr) == (2, True)


def test_a_run_whose_receiver_is_in_trouble_ends_as_it_would_have_and_a_person_can_mend_it(
    keepwell: Run, there: Receivers
) -> None:
    there.faults = [Reply(400, b"invalid_payload")]
    ended = keepwell("sync")
    assert ended.exit_code == 0
    assert "notifications: team: answered 400: invalid_payload" in ended.stdout
    assert "given up; `keepwell notify list` says why." in ended.stdout
    page = data(keepwell, "notify", "list")
    assert all(one.keys() == NOTICE for one in page["notifications"])
    assert {one["state"] for one in page["notifications"]} == {"given_up"}
    assert page["counts"]["given_up"] == len(page["notifications"])
    assert "answered 400: invalid_payload" in keepwell("notify", "list").stdout
    assert "given up, which nobody was told" in keepwell("doctor").stdout
    report = data(keepwell, "runs", "show", "latest")
    assert report["notifications"]["given_up"] == page["counts"]["given_up"]
    number = page["notifications"][0]["id"]
    assert len(data(keepwell, "notify", "retry", str(number))["retried"]) == page["counts"]["given_up"], "one message"
    assert keepwell("notify", "send").exit_code == 0
    assert data(keepwell, "notify", "list")["notifications"] == []
    assert {one["state"] for one in data(keepwell, "notify", "list", "--state", "sent")["notifications"]} == {"sent"}
    assert "ok" in next(line for line in keepwell("doctor").stdout.splitlines() if "notifications" in line)


def test_what_cannot_be_sent_now_is_said(keepwell: Run, there: Receivers) -> None:
    there.faults = [Reply(503)]
    told = keepwell("notify", "send", "--max-age", "0s")
    assert told.exit_code == 1
    assert "team: answered 503" in told.stdout
    assert "again from" in keepwell("notify", "list").stdout
    assert data(keepwell, "notify", "send")["sent"] == 0
    assert data(keepwell, "notify", "send", "--now") == {
        "noted": 0, "sent": 1, "given_up": 0, "waiting": 0, "problems": {}
    }  # fmt: skip


def test_mistakes_of_the_command_line_are_told(keepwell: Run) -> None:
    assert keepwell("notify", "list", "--state", "lost").exit_code == 2
    missing = keepwell("notify", "retry", "4711")
    assert (missing.exit_code, "No notification 4711 was given up." in missing.stderr) == (2, True)
    assert "Nothing was given up." in keepwell("notify", "retry").stdout


def test_text_of_a_receiver_does_nothing_on_a_terminal() -> None:
    row: dict[str, Any] = dict.fromkeys(NOTICE) | {
        "id": 1, "channel": "team", "change": "opened", "state": "given_up", "attempts": 1,
        "noted_at": "2026-11-20T08:00:00Z", "run_id": HOSTILE, "error": HOSTILE,
    }  # fmt: skip
    counts = {"waiting": 0, "sending": 0, "sent": 0, "given_up": 1}
    told = {**dict.fromkeys(("sent", "waiting", "given_up"), 0), "problems": {"team": HOSTILE}}
    page = {"notifications": [row], "counts": counts}
    assert "\x1b" not in screen(show_notices, page) + screen(show_told, told)
