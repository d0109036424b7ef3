"""`keepwell failures` as it is typed."""

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import requests

from sandbox.hubspot.state import HubSpotOptions
from sandbox.serve import Portfolio, Running, running
from tests.flow.test_cli_trouble import Run, caller

KEYS = {
    "connection", "object", "record_id", "account_id", "account", "field", "property", "want", "reason", "code",
    "run_id", "first_at", "last_at", "attempts", "due_at", "due",
}  # fmt: skip


@pytest.fixture
def crms(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    monkeypatch.chdir(tmp_path)
    options = HubSpotOptions(burst=10_000, searches_per_second=1_000)
    with running(Portfolio(9, 3, date(2026, 11, 20)), state_dir=tmp_path, hubspot_options=options) as started:
        yield started


@pytest.fixture
def keepwell(crms: Running, tmp_path: Path) -> Run:
    made = caller(crms, tmp_path)
    assert made("failures", "list").exit_code == 1, "there is no store yet"
    assert made("fields", "apply").exit_code == 0
    return made


def rules(crms: Running, **rule: str) -> None:
    """The validation rules of the org: this one, or none."""
    requests.post(f"{crms.salesforce_url}/_sandbox/rules", json=rule, timeout=60).raise_for_status()


def refused(crms: Running, keepwell: Run) -> int:
    """Let the org refuse every segment; returns how many a first run could not write."""
    rules(crms, object="Account", field="CS_Segment__c", message="Ask \x1b[31mSales Ops")
    run = keepwell("sync", "--json")
    number: int = json.loads(run.stdout)["apply"]["rejected"]
    assert (run.exit_code, number > 1) == (3, True)
    return number


def listed(keepwell: Run) -> list[dict[str, Any]]:
    page = json.loads(keepwell("failures", "list", "--json").stdout)
    assert page["total"] == len(page["failures"])
    return list(page["failures"])


def test_nothing_refused_is_said(keepwell: Run) -> None:
    assert keepwell("failures", "list").stdout == "No failures: no CRM refuses a value.\n"
    assert json.loads(keepwell("failures", "list", "--json").stdout) == {"failures": [], "total": 0}
    nothing = keepwell("failures", "retry")
    assert nothing.exit_code == 0
    assert nothing.stdout == "No CRM refuses a value: there is nothing to try again.\n"


def test_refused_values_are_listed_with_what_a_person_needs(crms: Running, keepwell: Run) -> None:
    number = refused(crms, keepwell)
    found = listed(keepwell)
    assert len(found) == number
    one = found[0]
    assert one.keys() == KEYS
    told = (one["connection"], one["object"], one["property"], one["attempts"], one["due"])
    assert told == ("salesforce", "Account", "CS_Segment__c", 1, False)
    assert one["account"]
    assert one["account_id"]
    assert one["first_at"] == one["last_at"] < one["due_at"]

    shown = keepwell("failures", "list", "--limit", "1").stdout
    assert f"salesforce Account {one['record_id']} {one['account']}" in shown
    assert f"  CS_Segment__c: {one['want']}\n    FIELD_CUSTOM_VALIDATION_EXCEPTION: Ask " in shown
    assert "\x1b" not in shown
    assert f"tried again from {one['due_at'][:10]} {one['due_at'][11:16]} on (UTC)" in shown
    assert f"… and {number - 1} more; `--limit N` shows more of them." in shown

    waiting = keepwell("sync")
    assert waiting.exit_code == 3
    assert "`keepwell failures list` shows the values that a CRM refused." in waiting.stdout
    assert "Nothing to write.\n" in keepwell("plan").stdout


def test_refused_values_are_tried_again_when_somebody_asks(crms: Running, keepwell: Run) -> None:
    number = refused(crms, keepwell)
    other = listed(keepwell)[1]
    some = json.loads(keepwell("failures", "retry", "--select", other["record_id"], "--json").stdout)
    assert some == {"values": 1, "account_id": other["account_id"]}
    assert [row["due"] for row in listed(keepwell)[:2]] == [False, True]
    everything = keepwell("failures", "retry")
    assert everything.stdout == f"{number} values will be tried again by the next `keepwell sync`.\n"
    assert "refused at " in (shown := keepwell("failures", "list").stdout)
    assert "the next sync tries again (UTC)" in shown
    assert keepwell("sync").exit_code == 3
    assert "refused 2 times since " in keepwell("failures", "list").stdout

    rules(crms)
    assert keepwell("failures", "retry").exit_code == 0
    assert keepwell("sync").exit_code == 0
    assert listed(keepwell) == []

    unknown = keepwell("failures", "retry", "--select", "nobody.example")
    assert unknown.exit_code == 2
    assert "There is no account 'nobody.example' in the store." in unknown.stderr
    none = keepwell("failures", "retry", "--select", other["record_id"])
    assert none.stdout == f"No CRM refuses a value of account {other['account_id']}: there is nothing to try again.\n"
