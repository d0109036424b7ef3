"""`keepwell conflicts` as it is typed."""

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
    "connection", "object", "record_id", "account_id", "account", "field", "property", "seen", "last_written", "want",
    "reason", "reason_code", "found_at", "state", "decided_at", "told",
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
    assert made("fields", "apply").exit_code == 0
    assert made("sync").exit_code == 0
    return made


def edit(url: str | None, **body: Any) -> None:
    requests.post(f"{url}/_sandbox/edit", json=body, timeout=60).raise_for_status()


def edit_company(crms: Running, value: str = "\x1b[31mtheirs", user: str = "900007") -> str:
    live = crms.hubspot.portal.stores["companies"].live
    record = min(key for key, one in live.items() if "cs_health_reasons" in one.values)
    properties = {"cs_health_reasons": value}
    edit(crms.hubspot_url, object="companies", id=str(record), properties=properties, user=user)
    return str(record)


def edit_account(crms: Running) -> str:
    assert crms.salesforce is not None
    table = crms.salesforce.org.tables["Account"]
    at, gone = table.columns["CS_Health_Reasons__c"], table.columns["IsDeleted"]
    record = min(key for key, row in table.rows.items() if row[at] and not row[gone])
    edit(crms.salesforce_url, object="Account", id=record, properties={"CS_Health_Reasons__c": "theirs too"})
    return record


def test_what_somebody_set_is_listed_with_who_and_when(crms: Running, keepwell: Run) -> None:
    assert keepwell("conflicts", "list").stdout == "No conflicts: nobody changed a value that Keepwell wrote.\n"
    company, account = edit_company(crms), edit_account(crms)
    assert keepwell("sync").exit_code == 3

    page = json.loads(keepwell("conflicts", "list", "--json").stdout)

    assert set(page) == {"plan_id", "planned_at", "conflicts", "accepted"}
    by_record = {row["record_id"]: row for row in page["conflicts"]}
    assert by_record.keys() == {company, account}
    assert all(set(row) == KEYS and row["state"] == "open" for row in page["conflicts"])
    told = by_record[company]["told"]
    assert (told["by"], told["of"], told["kind"], told["who"]) == ("somebody", "property", "person", "900007")
    told = by_record[account]["told"]
    assert (told["by"], told["of"], told["kind"]) == ("somebody", "record", "user")
    assert told["name"], "the org's owners have names"

    text = keepwell("conflicts", "list").stdout
    assert "\x1b" not in text
    assert "    left alone: somebody changed it since Keepwell wrote it\n    changed at 20" in text
    assert " UTC by user 900007\n" in text
    assert "    the record, if not this value, was last changed at 20" in text
    assert f" UTC by {told['name']} (user {told['who']})\n" in text
    assert "To let a value stand: keepwell conflicts accept RECORD" in text


def test_a_value_is_accepted_then_reclaimed_and_each_says_what_comes_next(crms: Running, keepwell: Run) -> None:
    company = edit_company(crms)
    keepwell("sync")

    accepted = keepwell("conflicts", "accept", company, "--property", "health_reasons")

    assert accepted.exit_code == 0, accepted.stderr
    assert "1 value accepted" in accepted.stdout
    assert f"hubspot:{company}" in accepted.stdout
    assert "\x1b" not in accepted.stdout
    assert "To take that back: keepwell conflicts reclaim RECORD" in accepted.stdout
    assert keepwell("sync").exit_code == 0
    listed = keepwell("conflicts", "list")
    assert listed.stdout.endswith("Keepwell wrote. 1 accepted value stands; `--all` shows them.\n")
    assert "accepted: " in keepwell("conflicts", "list", "--all").stdout

    again = keepwell("conflicts", "accept", company)
    assert (again.exit_code, again.stdout) == (2, "")
    assert f"Everything of '{company}' is accepted already." in again.stderr

    reclaimed = keepwell("conflicts", "reclaim", company, "--json")
    data = json.loads(reclaimed.stdout)
    assert (reclaimed.exit_code, data["verdict"]) == (0, "reclaim")
    assert [(row["record_id"], row["state"], set(row)) for row in data["decided"]] == [(company, "reclaimed", KEYS)]
    assert "What is reclaimed is written by the next `keepwell sync`." in keepwell("conflicts", "list").stdout
    assert keepwell("sync").exit_code == 0
    assert crms.hubspot.portal.stores["companies"].live[int(company)].values["cs_health_reasons"] != "theirs"
    assert json.loads(keepwell("conflicts", "list", "--all", "--json").stdout)["conflicts"] == []


def test_a_decision_names_what_it_is_about(crms: Running, keepwell: Run) -> None:
    for words in ((), ("4711", "--all")):
        for verb in ("accept", "reclaim"):
            refused = keepwell("conflicts", verb, *words)
            assert (refused.exit_code, refused.stdout) == (2, "")
            assert f"keepwell conflicts {verb} --all" in refused.stderr
    nothing = keepwell("conflicts", "accept", "--all")
    assert (nothing.exit_code, "nothing to decide" in nothing.stderr) == (2, True)
    edit_company(crms)
    edit_account(crms)
    keepwell("sync")
    everything = keepwell("conflicts", "reclaim", "--all")
    assert everything.exit_code == 0
    assert "2 values reclaimed" in everything.stdout
    assert "Next: keepwell sync (`keepwell plan` shows it first)" in everything.stdout
    assert keepwell("sync").exit_code == 0
