"""Commands that only look: explain, doctor, fields, runs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from rich.console import Console

from config.frameworks import load_framework_file
from dashboard.explanation import show_explanation
from store import runs
from sync.doctor import doctor
from sync.engine import run_sync
from sync.errors import UsageError
from sync.explain import explain_account
from sync.fields import fields_plan
from tests.flow.rig import Rig, rig
from tests.unit.cli.test_terminal import screen


@pytest.fixture(scope="module")
def synced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """A rig after its first run, for questions that change nothing."""
    with rig(tmp_path_factory.mktemp("synced")) as made:
        assert made.sync().status == "complete"
        yield made


def test_an_account_is_explained_by_id_domain_and_name(synced: Rig) -> None:
    record = synced.some_company()
    before = synced.crm.hubspot.stats.requests
    with synced.deps() as deps:
        by_id = explain_account(deps, record)
        by_name = explain_account(deps, synced.company(record)["name"].upper())
        by_account = explain_account(deps, by_id["account_id"])
        assert by_id["account_id"] == by_name["account_id"] == by_account["account_id"]
    assert synced.crm.hubspot.stats.requests == before, "explaining asks no CRM"
    json.dumps(by_id)
    shown = {one["field"]: one["seen"] for one in by_id["in_crm"]}
    computed = {one["field"]: one["value"] for one in by_id["values"]}
    assert shown["segment"] == computed["segment"] == synced.company(record)["cs_segment"]
    assert by_id["explanation"]["health"]["metrics"]


def test_what_changed_since_the_evaluation_before_adds_up(tmp_path: Path, either_store: str | None) -> None:
    with rig(tmp_path, accounts=6, store=either_store, synced=True) as made:
        record = made.some_company(with_property="cs_health_score")
        with made.deps() as deps:
            assert explain_account(deps, record)["change"] is None
        values = made.company(record)
        before = values["cs_health_score"]
        more = str(float(values.get("logins_per_user_week_30d") or 0) + 0.7)
        usage = {"logins_per_user_week_30d": more, "usage_updated_on": datetime.now(UTC).date().isoformat()}
        made.person("edit", object="companies", id=record, properties=usage)
        assert made.sync().status == "complete"
        with made.deps() as deps:
            found = explain_account(deps, record)
    change = found["change"]
    assert change["score"]["before"] == float(before)
    assert "login_frequency" in {one["id"] for one in change["values"]}
    parts = [Decimal(str(change[name])) for name in ("metrics", "configuration", "coverage")]
    assert sum(parts) == Decimal(str(change["difference"])) != 0
    assert change["configuration"] == 0
    shown = screen(show_explanation, found)
    assert f"Since {change['since']}: " in shown
    assert "what is known " in shown


def test_an_account_that_is_unknown_or_ambiguous_is_asked_for_again(synced: Rig) -> None:
    with synced.deps() as deps:
        with pytest.raises(UsageError, match=r"no account 'nobody\.example'"):
            explain_account(deps, "nobody.example")
        with pytest.raises(UsageError, match=r"could be \d+ accounts: .+ \(hubspot:\d+\), .+, …") as several:
            explain_account(deps, "e")
        first = re.search(r"(\S[^,]*) \((hubspot:\d+)\)", several.value.message.partition(": ")[2])
        assert first is not None
        assert explain_account(deps, first[2])["name"] == first[1]


def test_the_marks_of_a_framework_are_shown(synced: Rig) -> None:
    with synced.deps() as deps:
        found = explain_account(deps, synced.some_company())
    marks = found["explanation"]["overlays"]
    assert {*marks} == {overlay.id for overlay in load_framework_file("cradle_to_grave").spec.overlays}
    shown = " ".join(screen(show_explanation, found).split())
    for one in found["explanation"]["marks"]:
        assert f"{'✓' if marks[one['id']] else '✗'} {one['label']}" in shown


def test_an_explanation_is_in_words_and_in_expressions_for_those_who_want_them(synced: Rig) -> None:
    with synced.deps() as deps:
        found = explain_account(deps, synced.some_company(with_property="cs_lifecycle_stage"))
    shown, everything = screen(show_explanation, found), screen(show_explanation_in_full, found)
    assert "Departed: renewal status is Churned" in shown
    for hidden in ("renewal_status = 'churned'", "Facts:"):
        assert hidden not in shown
        assert hidden in everything
    stage = next(one for one in found["in_crm"] if one["field"] == "lifecycle_stage")
    assert stage["display"] == found["explanation"]["lifecycle"]["label"] != stage["seen"]
    assert f" {stage['seen']} " not in shown


def show_explanation_in_full(out: Console, data: dict[str, Any]) -> None:
    show_explanation(out, data, verbose=True)


def test_an_account_that_is_not_there_any_more_is_explained_as_such(tmp_path: Path) -> None:
    with rig(tmp_path) as made, made.deps() as deps:
        with pytest.raises(UsageError, match="no accounts in the store yet"):
            explain_account(deps, "1")
        run_sync(deps)
        deleted, survivor, merged = (made.some_company(skip=number) for number in (0, 2, 4))
        made.person("archive", object="companies", id=deleted)
        made.person("merge", object="companies", id=survivor, other=merged)
        run_sync(deps)
        with pytest.raises(UsageError, match=f"{deleted} was deleted or archived in hubspot"):
            explain_account(deps, deleted)
        with pytest.raises(UsageError, match=f"merged record {merged} into"):
            explain_account(deps, merged)


def test_doctor_finds_nothing_wrong_after_a_good_run(tmp_path: Path) -> None:
    with rig(tmp_path, accounts=6, synced=True) as made:
        found = doctor(made.settings).checks
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
        diagnosis = doctor(settings)
        found = diagnosis.checks
        assert diagnosis.exit_code == 6
        errors = [check for check in found if check.status == "error"]
        assert len(errors) == 1
        assert errors[0].name.startswith("hubspot")
        assert "pat-wrong" not in str(found)
        assert found[-1].name == "last good run"


def test_fields_plan_after_apply_finds_everything_there(synced: Rig) -> None:
    with synced.deps() as deps:
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
