"""`keepwell alerts` as it is typed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from dashboard.alerts import show_acknowledged, show_alert, show_alerts
from sandbox.hubspot.state import HubSpotOptions
from sandbox.serve import Portfolio, running
from tests.flow.test_cli_trouble import Run, caller
from tests.unit.cli.test_terminal import HOSTILE, screen

KEYS = {
    "id", "account_id", "account", "alert", "label", "state", "because", "owner", "owner_name", "raised_at", "due_at",
    "answered_at", "acknowledged_at", "touched_at", "escalated_at", "resolved_at", "sla_hours", "response", "overdue",
    "level", "level_label", "acknowledged_by", "note", "touch", "tasks", "why", "run_id", "last_run_id",
    "to_do",
}  # fmt: skip


@pytest.fixture(scope="module")
def keepwell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """The command line after a first run."""
    folder: Path = tmp_path_factory.mktemp("alerts")
    options = HubSpotOptions(burst=10_000, searches_per_second=1_000)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        portfolio = Portfolio(16, 7, date(2026, 11, 20))
        with running(portfolio, state_dir=folder, salesforce=False, hubspot_options=options) as crms:
            made = caller(crms, folder)
            assert made("fields", "apply").exit_code == 0
            assert "alerts list` shows them" in made("sync").stdout
            yield made


def listed(keepwell: Run, *words: str) -> list[dict[str, Any]]:
    page = json.loads(keepwell("alerts", "list", "--json", "--limit", "500", *words).stdout)
    assert page["total"] == len(page["alerts"])
    return list(page["alerts"])


def test_alerts_are_listed_with_what_a_person_needs(keepwell: Run) -> None:
    found = listed(keepwell)
    assert found
    one = next(one for one in found if one["owner"] == "csm")
    assert one.keys() == KEYS
    assert (one["state"], one["answered_at"], one["resolved_at"]) == ("open", None, None)
    assert all(one[name] for name in ("account", "label", "because", "owner_name", "raised_at", "run_id"))
    shown = keepwell("alerts", "list", "--limit", "2").stdout
    assert f"and {len(found) - 2} more" in shown
    assert found[0]["label"][:20] in shown


def test_lists_are_narrowed(keepwell: Run) -> None:
    found = listed(keepwell)
    one = next(one for one in found if one["owner_name"])
    assert {each["account_id"] for each in listed(keepwell, "--account", one["account_id"])} == {one["account_id"]}
    mine = listed(keepwell, "--owner", one["owner_name"].upper())
    assert {each["owner_name"] for each in mine} == {one["owner_name"]}
    assert {each["owner"] for each in listed(keepwell, "--owner", "escalation")} <= {"escalation"}
    assert listed(keepwell, "--owner", "nobody@example.com") == []
    assert listed(keepwell, "--state", "resolved") == []
    assert listed(keepwell, "--overdue") == []
    assert keepwell("alerts", "list", "--overdue").stdout == "No such alerts.\n"
    assert keepwell("alerts", "list", "--state", "closed").exit_code == 2
    assert keepwell("alerts", "list", "--account", "no such account").exit_code == 2


def test_somebody_takes_an_alert_up_once(keepwell: Run) -> None:
    one = listed(keepwell, "--state", "open")[-1]
    number = str(one["id"])
    assert f"keepwell alerts ack {number} --by NAME" in keepwell("alerts", "show", number).stdout
    assert keepwell("alerts", "ack", number).exit_code == 2, "by whom?"
    done = keepwell("alerts", "ack", number, "--by", "Anna Berg", "--note", "Call on Monday")
    assert (done.exit_code, done.stdout.startswith(f"Anna Berg takes up alert {number} (")) == (0, True)
    again = keepwell("alerts", "ack", number, "--by", "Ben")
    assert (again.exit_code, "Anna Berg acknowledged alert" in again.stderr) == (2, True)
    shown = keepwell("alerts", "show", f"#{number}").stdout
    assert "by Anna Berg" in shown
    assert "Call on Monday" in shown
    assert "resolved once its condition has not held in 2 runs in a row" in shown
    assert number not in [str(each["id"]) for each in listed(keepwell, "--state", "open")]
    found = json.loads(keepwell("alerts", "show", number, "--json").stdout)
    assert (found["state"], found["acknowledged_by"], found["note"]) == ("acknowledged", "Anna Berg", "Call on Monday")


def test_who_names_no_alert_is_told_which_there_are(keepwell: Run) -> None:
    one = listed(keepwell)[0]
    close = keepwell("alerts", "show", f"{one['id']}{one['id']}9")
    assert (close.exit_code, "There is no alert" in close.stderr) == (2, True)
    assert "Did you mean" in keepwell("alerts", "ack", f"{one['id']}{one['id']}9", "--by", "Anna").stderr
    account = keepwell("alerts", "show", one["account_id"])
    assert account.exit_code == 2
    assert f"{one['id']} ({one['label']})" in account.stderr
    nothing = keepwell("alerts", "show", "nothing of this name")
    assert (nothing.exit_code, "is no number of an alert" in nothing.stderr) == (2, True)
    assert keepwell("alerts", "show", "9" * 40).exit_code == 2


def test_an_explanation_names_the_alerts(keepwell: Run) -> None:
    one = listed(keepwell)[0]
    shown = keepwell("explain", one["account_id"]).stdout
    assert f"Alert {one['id']}: {one['label']}" in shown
    assert f"since {one['raised_at'][:10]}" in shown


def test_words_of_people_do_nothing(keepwell: Run) -> None:
    one = listed(keepwell)[0]
    texts = (
        "account",
        "account_id",
        "label",
        "because",
        "owner",
        "owner_name",
        "note",
        "touch",
        "level_label",
        "to_do",
    )
    hostile = {**one, **dict.fromkeys((*texts, "acknowledged_by", "level"), HOSTILE), "escalated_at": one["raised_at"]}
    hostile |= {"answered_at": one["raised_at"], "touched_at": one["raised_at"], "response": "met"}
    text = screen(show_alert, hostile) + screen(show_acknowledged, hostile)
    text += screen(show_alerts, {"alerts": [hostile], "total": 1})
    assert "\x1b" not in text
    assert "[bold]" in text
