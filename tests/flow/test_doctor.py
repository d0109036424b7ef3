"""What `keepwell doctor` finds: each thing that can be wrong is named, with what to do about it and the exit code."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from connectors.base import Check
from connectors.clock import Clock
from sandbox.hubspot.state import HubSpotOptions
from sandbox.salesforce.options import SalesforceOptions
from sync.doctor import Diagnosis, doctor
from tests.flow.one_crm import SESSION, SkippingClock, one_crm
from tests.flow.rig import Rig, rig


def found(diagnosis: Diagnosis, name: str) -> Check:
    (check,) = [one for one in diagnosis.checks if one.name == name]
    assert check.status == "ok" or check.hint, "whatever is found comes with what to do"
    return check


def examined(made: Rig, clock: Clock | None = None) -> Diagnosis:
    return doctor(made.settings, clock=clock, sleep=lambda _seconds: None)


@contextmanager
def org(folder: Path, **options: Any) -> Iterator[Rig]:
    chosen = SalesforceOptions(session_ids=(SESSION,), batch_size=20, **options)
    with one_crm(folder, "salesforce", accounts=6, salesforce_options=chosen) as made:
        yield made


@pytest.mark.parametrize("vendor", ["hubspot", "salesforce"])
def test_a_clock_that_is_wrong(tmp_path: Path, vendor: Any) -> None:
    clock = SkippingClock()
    with one_crm(tmp_path, vendor, accounts=6) as made:
        assert found(examined(made, clock), f"{vendor}: clock").status == "ok"
        clock.sleep(3_600)
        check = found(examined(made, clock), f"{vendor}: clock")
        assert check.status == "warning"
        assert abs(int(check.detail.split()[0].replace(",", "")) - 3_600) < 60
        assert "Synchronise" in check.hint


def test_a_run_that_never_came_and_one_that_is_long_ago(tmp_path: Path) -> None:
    clock = SkippingClock()
    with rig(tmp_path, accounts=6) as made:
        made.stay_today()
        never = found(examined(made, clock), "last good run")
        assert (never.status, never.hint) == ("warning", "Run `keepwell sync`.")
        made.sync()
        assert found(examined(made, clock), "last good run").status == "ok"
        clock.sleep(30 * 3_600)
        old = found(examined(made, clock), "last good run")
        assert (old.status, old.detail) == ("warning", "30 hours ago")
        assert "keepwell runs list" in old.hint


def test_properties_that_are_missing_and_one_of_another_type(tmp_path: Path) -> None:
    with one_crm(tmp_path, "hubspot", accounts=6) as made:
        missing = examined(made)
        check = found(missing, "hubspot: properties")
        assert (missing.exit_code, check.status, check.hint) == (0, "warning", "Run `keepwell fields apply`.")
        body = {"name": "cs_health_score", "label": "Theirs", "type": "string", "fieldType": "text",
                "groupName": "companyinformation"}  # fmt: skip
        answer = requests.post(
            f"{made.crm.hubspot_url}/crm/v3/properties/companies", json=body, timeout=30,
            headers={"Authorization": f"Bearer {made.crm.hubspot_token}"},
        )  # fmt: skip
        answer.raise_for_status()
        wrong = examined(made)
        check = found(wrong, "hubspot: properties")
        assert (wrong.exit_code, check.status) == (1, "error")
        assert "cs_health_score" in check.detail
        assert "another prefix" in check.hint


def test_a_field_that_field_level_security_hides(tmp_path: Path) -> None:
    with org(tmp_path) as made:
        made.provision()
        assert found(examined(made), "salesforce: properties").status == "ok"
        assert made.crm.salesforce is not None
        grants = made.crm.salesforce.org.tables["FieldPermissions"]
        at = grants.columns["Field"]
        (grant,) = [key for key, row in grants.rows.items() if row[at] == "Account.CS_Health_Score__c"]
        made.person("delete", at="salesforce", object="FieldPermissions", id=grant)
        hidden = examined(made)
        check = found(hidden, "salesforce: properties")
        assert (hidden.exit_code, check.status) == (1, "error")
        assert "CS_Health_Score__c: it exists, but the integration user may not see it" in check.detail


def test_a_day_whose_calls_are_nearly_used_up(tmp_path: Path) -> None:
    with org(tmp_path, daily_limit=1_000, used_today=790) as made:
        check = found(examined(made), "salesforce: quota")
        assert check.status == "warning"
        assert "of 1,000 API requests left" in check.detail


def test_a_day_without_calls_in_hubspot(tmp_path: Path) -> None:
    options = HubSpotOptions(burst=100_000, searches_per_second=1_000, daily=4_000)
    with one_crm(tmp_path, "hubspot", accounts=6, hubspot_options=options) as made:
        check = found(examined(made), "hubspot: quota")
        assert (check.status, "requests left today" in check.detail) == ("ok", True)
