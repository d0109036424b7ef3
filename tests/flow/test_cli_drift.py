"""`keepwell drift` as it is typed."""

import json
from datetime import date
from pathlib import Path

import pytest
import requests

from sandbox.hubspot.state import HubSpotOptions
from sandbox.serve import Portfolio, running
from tests.flow.test_cli_trouble import caller

KEYS = {
    "connection", "object", "record_id", "account_id", "account", "field", "property", "state", "written", "written_at",
    "run_id", "now", "told",
}  # fmt: skip


def test_drift_says_what_differs_and_ends_with_three(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    options = HubSpotOptions(burst=10_000, searches_per_second=1_000)
    with running(Portfolio(9, 3, date(2026, 11, 20)), state_dir=tmp_path, hubspot_options=options) as crms:
        keepwell = caller(crms, tmp_path)
        assert keepwell("fields", "apply").exit_code == 0
        run = json.loads(keepwell("sync", "--json").stdout)

        quiet = keepwell("drift")
        assert quiet.exit_code == 0, quiet.stdout + quiet.stderr
        assert quiet.stdout.endswith("No drift: the CRMs show what Keepwell wrote.\n")

        live = crms.hubspot.portal.stores["companies"].live
        company = str(min(key for key, one in live.items() if "cs_health_reasons" in one.values))
        body = {"object": "companies", "id": company, "properties": {"cs_health_reasons": "\x1b[31mtheirs"}}
        requests.post(f"{crms.hubspot_url}/_sandbox/edit", json=body, timeout=60).raise_for_status()

        found = keepwell("drift", "--select", company)
        assert (found.exit_code, "\x1b" in found.stdout) == (3, False)
        assert f"hubspot {company} " in found.stdout
        assert "now \N{REPLACEMENT CHARACTER}[31mtheirs" in found.stdout
        assert "UTC by user 900001" in found.stdout
        assert ", 1 changed, " in found.stdout
        assert "The next `keepwell sync` decides about them" in found.stdout

        as_json = keepwell("drift", "--json")
        data = json.loads(as_json.stdout)
        assert (as_json.exit_code, set(data)) == (3, {"connections", "found", "hidden", "drift"})
        (row,) = data["drift"]
        assert set(row) == KEYS
        assert (row["state"], row["run_id"], row["told"]["kind"]) == ("changed", run["run_id"], "person")
        assert (data["found"], data["hidden"]) == (1, 0)
        assert sum(one["values"] for one in data["connections"].values()) == run["apply"]["confirmed"]
        assert keepwell("drift", "--select", "nobody").exit_code == 2
