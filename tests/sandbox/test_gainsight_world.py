"""The tenant shows the portfolio of the CRMs, lives the same days, and is there only on demand."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
import requests

from sandbox.gainsight.options import GainsightOptions
from sandbox.gainsight.state import GainsightState
from sandbox.serve import Portfolio, running
from sandbox.world.generate import generate
from sandbox.world.ids import to18
from tests.children import child
from tests.sandbox.gainsight_tenant import tenant
from tests.sandbox.hubspot_portal import START, TODAY


def test_a_company_leads_to_the_same_account_in_both_crms() -> None:
    with running(Portfolio(120, seed=3, today=TODAY), with_gainsight=True) as handle:
        assert handle.gainsight is not None
        assert handle.salesforce is not None
        companies = handle.gainsight.tenant.tables["company"].rows.values()
        hubspot = handle.hubspot.portal.stores["companies"].live
        salesforce = handle.salesforce.org.tables["Account"]
        name_at = salesforce.columns["Name"]
        linked = 0
        for company in companies:
            if company["HubSpot_Company_Id__gc"]:
                assert hubspot[int(company["HubSpot_Company_Id__gc"])].values["name"].strip() == company["Name"]
                linked += 1
            if company["SfdcAccountId"]:
                assert salesforce.rows[to18(str(company["SfdcAccountId"]))][name_at] == company["Name"]
                linked += 1
        assert linked > 100
        assert {len(str(one["SfdcAccountId"])) for one in companies if one["SfdcAccountId"]} == {15, 18}
        domains = {
            one["Domain__gc"] for one in companies if not one["SfdcAccountId"] and not one["HubSpot_Company_Id__gc"]
        }
        assert len(domains - {None}) > 3


@pytest.mark.parametrize("days", [0, 60])
def test_a_contract_ends_on_the_day_before_its_renewal_also_when_it_was_renewed(days: int) -> None:
    with running(Portfolio(120, seed=3, today=TODAY, days=days), with_gainsight=True) as handle:
        assert handle.gainsight is not None
        hubspot = handle.hubspot.portal.stores["companies"].live
        seen = 0
        for company in handle.gainsight.tenant.tables["company"].rows.values():
            known = hubspot.get(int(str(company["HubSpot_Company_Id__gc"] or 0)))
            if known is not None and known.values.get("contract_end_date") and company["RenewalDate"]:
                ends = datetime.fromisoformat(str(known.values["contract_end_date"])).replace(tzinfo=UTC)
                assert company["RenewalDate"] == (ends.timestamp() + 86_400) * 1000
                seen += 1
        assert seen > 20


def test_the_same_seed_gives_the_same_tenant() -> None:
    options = GainsightOptions(clock=lambda: START)
    one, other = (GainsightState.from_world(generate(3, 60, TODAY), options) for _ in range(2))
    assert {name: table.rows for name, table in one.tenant.tables.items()} == {
        name: table.rows for name, table in other.tenant.tables.items()
    }
    assert one.tenant.journal.effects == []
    stamps = [row[table.kind.clock] for table in one.tenant.tables.values() for row in table.rows.values()]
    assert all(isinstance(stamp, int) and stamp <= START * 1000 for stamp in stamps)


def test_every_reference_leads_somewhere_and_every_value_fits_its_field() -> None:
    with tenant(accounts=150) as gs:
        held = gs.state.tenant
        for table in held.tables.values():
            for row in table.rows.values():
                for name, target in table.kind.fields.items():
                    if row[name] is not None and target.lookup is not None and name != "ParentCompany":
                        assert held.find(held.tables[target.lookup], row[name]) is not None, (table.kind.name, name)
                    if row[name] is not None and not target.read_only:
                        assert held.value(target, row[name]) == row[name], (table.kind.name, name, row[name])


def test_days_pass_in_the_tenant_too() -> None:
    with running(Portfolio(150, seed=3, today=date(2026, 11, 22), days=20), with_gainsight=True) as handle:
        assert handle.gainsight is not None
        effects = handle.gainsight.tenant.journal.effects
        changed = {(one.object, one.property) for one in effects}
        assert {("usage_metrics__gc", "Logins_Per_User_Week__gc"), ("call_to_action", "StatusId"),
                ("company", "RenewalDate")} <= changed  # fmt: skip
        days = {one.time[:10] for one in effects}
        assert min(days) >= "2026-11-02"
        assert max(days) <= "2026-11-21"
        assert {one.actor for one in effects} == {"user"}


def test_the_date_header_tells_the_tenants_time() -> None:
    then = datetime(2027, 3, 1, 12, tzinfo=UTC)
    options = replace(GainsightOptions(), clock=then.timestamp)
    with running(Portfolio(5, today=TODAY), salesforce=False, with_gainsight=True, gainsight_options=options) as handle:
        for path in ("/v1/nowhere", "/v1/meta/services/objects/list"):
            answer = requests.get(f"{handle.gainsight_url}{path}", timeout=5)
            assert answer.headers["date"] == "Mon, 01 Mar 2027 12:00:00 GMT"


def test_gainsight_is_there_only_when_it_is_asked_for() -> None:
    with running(Portfolio(3, today=TODAY), salesforce=False) as handle:
        assert (handle.gainsight_url, "gainsight" in handle.as_json()) == (None, False)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with running(Portfolio(3, today=TODAY), salesforce=False, gainsight_port=port) as handle:
        assert handle.gainsight_url == f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "sandbox", "--accounts", "5", "--with-gainsight", "--json"]
    with child(command, cwd=Path(__file__).parents[2], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())["gainsight"]
        answer = requests.post(f"{told['url']}/v1/data/objects/query/Company", json={"select": ["Name"]},
                               headers={"accesskey": told["access_key"]}, timeout=5)  # fmt: skip
        assert len(answer.json()["data"]["records"]) == 5
        token = requests.post(f"{told['url']}/v1/users/m2m/oauth/token", data={"grant_type": "client_credentials"},
                              auth=(told["oauth"]["client_id"], told["oauth"]["client_secret"]), timeout=5)  # fmt: skip
        assert token.json()["token_type"] == "Bearer"
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
