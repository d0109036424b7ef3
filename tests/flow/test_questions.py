"""Commands that only look: explain, doctor, fields, runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import SecretStr

from store import runs
from sync.doctor import doctor
from sync.errors import UsageError
from sync.explain import explain_account
from sync.fields import fields_plan
from tests.flow.rig import rig


def test_an_account_is_explained_by_id_domain_and_name(tmp_path: Path) -> None:
    with rig(tmp_path) as made:
        made.sync()
        record = made.some_company()
        before = made.crm.hubspot.stats.requests
        with made.deps() as deps:
            by_id = explain_account(deps, record)
            by_name = explain_account(deps, made.company(record)["name"].upper())
            by_account = explain_account(deps, by_id["account_id"])
            assert by_id["account_id"] == by_name["account_id"] == by_account["account_id"]
            with pytest.raises(UsageError, match="no account"):
                explain_account(deps, "nobody.example")
        assert made.crm.hubspot.stats.requests == before, "explaining asks no CRM"
        json.dumps(by_id)
        shown = {one["field"]: one["seen"] for one in by_id["in_crm"]}
        computed = {one["field"]: one["value"] for one in by_id["values"]}
        assert shown["segment"] == computed["segment"] == made.company(record)["cs_segment"]
        assert by_id["explanation"]["health"]["metrics"]


def test_doctor_finds_nothing_wrong_after_a_good_run(tmp_path: Path) -> None:
    with rig(tmp_path, accounts=6) as made:
        made.sync()
        found = doctor(made.settings)
        assert {check.status for check in found} <= {"ok", "warning"}, found
        names = {check.name for check in found}
        assert {
            "configuration",
            "framework",
            "store",
            "last good run",
            "hubspot: account",
            "hubspot: properties",
        } <= names


def test_doctor_says_what_is_wrong_with_a_token_and_goes_on(tmp_path: Path) -> None:
    with rig(tmp_path, accounts=4) as made:
        hubspot = made.settings.connections["hubspot"].model_copy(update={"access_token": SecretStr("pat-wrong")})
        settings = made.settings.model_copy(update={"connections": {"hubspot": hubspot}})
        found = doctor(settings)
        errors = [check for check in found if check.status == "error"]
        assert len(errors) == 1
        assert errors[0].name.startswith("hubspot")
        assert "pat-wrong" not in str(found)
        assert found[-1].name == "last good run"


def test_fields_plan_after_apply_finds_everything_there(tmp_path: Path) -> None:
    with rig(tmp_path, accounts=4) as made, made.deps() as deps:
        found = fields_plan(deps)["hubspot"]
        assert {one.action for one in found} == {"exists"}
        assert len(found) == len(deps.specs)


def test_a_run_that_died_is_noted_as_interrupted_by_the_next(tmp_path: Path) -> None:
    with rig(tmp_path, accounts=4) as made, made.deps() as deps:
        with deps.store.write() as c:
            runs.start(c, "default", "dead", "sync", as_of=None, version="0", now=deps.clock.now())
        made.sync()
        with deps.store.read() as c:
            dead = runs.get(c, "default", "dead")
        assert dead is not None
        assert dead.status == "interrupted"
