"""`keepwell backfill` as it is typed."""

import json
from datetime import date
from pathlib import Path

import pytest

from sandbox.hubspot.state import HubSpotOptions
from sandbox.serve import Portfolio, running
from tests.flow.test_cli_trouble import caller


@pytest.mark.long
def test_a_backfill_says_what_it_read_and_what_comes_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    options = HubSpotOptions(burst=10_000, searches_per_second=1_000)
    with running(Portfolio(15, 3, date(2026, 11, 20)), salesforce=False, hubspot_options=options) as crms:
        keepwell = caller(crms, tmp_path)
        early = keepwell("backfill", "companies", "--since", "2026-01-01")
        assert early.exit_code == 0
        assert "Nothing is evaluated before a first" in early.stdout
        assert keepwell("fields", "apply").exit_code == 0
        assert keepwell("pull").exit_code == 0

        told = keepwell("backfill", "companies", "deals", "--since", "2026-01-01", "--until", "2026-11-25")

        assert told.exit_code == 0, told.stdout + told.stderr
        assert "hubspot companies: 2026-01-01T00:00Z to 2026-11-26T00:00Z read, " in told.stdout
        assert "records would change in the CRMs. Nothing was written: the next `keepwell sync` does" in told.stdout
        lines = [line.split() for line in told.stdout.splitlines()]
        assert not any(line[:2] == ["hubspot", "tickets"] for line in lines), "only what was read is listed"
        as_json = keepwell("backfill", "hubspot:companies", "--since", "2026-01-01", "--restart", "--json")
        data = json.loads(as_json.stdout)
        (line,) = data["backfill"]
        assert (data["command"], data["status"], line["state"], line["done"]) == ("backfill", "complete", "done", 1.0)
        assert set(line) == {
            "connection", "stream", "state", "since", "until", "reached", "windows", "rows", "expected", "done",
            "seconds_left", "basis",
        }  # fmt: skip
        shown = keepwell("runs", "show", "latest")
        assert "hubspot companies: 2026-01-01T00:00Z to " in shown.stdout
        assert keepwell("status", "--max-age", "1h").exit_code == 1, "a backfill says nothing about the schedule"

        unknown = keepwell("backfill", "compnies", "--since", "2026-01-01")
        assert unknown.exit_code == 2
        assert "Known: hubspot:companies, hubspot:deals" in unknown.stdout
        for words in (("companies",), ("--since", "2026-01-01"), ("companies", "--since", "yesterday")):
            assert keepwell("backfill", *words).exit_code == 2
