"""`keepwell simulate`: what it says comes true when the framework is published, and nothing happens before."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cli import app
from config.frameworks import load_framework_file
from dashboard.simulated import FIELDS, show_simulation
from store.tables import evaluation
from sync.deps import RunOptions
from sync.engine import run_plan, run_pull, run_sync
from sync.errors import UsageError
from sync.simulate import COMPARED, OTHERS, simulate
from tests.flow.rig import Frozen, Rig, rig, settings_data
from tests.unit.cli.test_terminal import HOSTILE, screen

OURS = """
framework: ours
title: Ours
extends: cradle_to_grave
renewal: {window_days: 150}
score:
  bands:
    - {id: green, label: Green, min: 90}
    - {id: amber, label: Amber, min: 45}
    - {id: red, label: Red, min: 0}
segments:
  - dimension: segment
    rules:
      - {id: strategic, when: "strategic_flag"}
      - {id: small, when: "employees < 500"}
      - {id: standard, when: "TRUE"}
alerts:
  - {id: red, label: Red now, when: "health_band = 'red'"}
  - {id: tiny, label: Tiny, when: "segment = 'small'"}
"""


@pytest.fixture(scope="module")
def synced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with rig(tmp_path_factory.mktemp("simulated"), accounts=25, salesforce=True) as made:
        assert made.sync(clock=Frozen()).status == "complete"
        yield made


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("framework") / "ours.yaml"
    path.write_text(OURS, encoding="utf-8")
    return str(path)


def simulated(made: Rig, framework: str, **others: Any) -> dict[str, Any]:
    with made.deps(clock=Frozen()) as deps:
        return simulate(deps, load_framework_file(framework), **others)


def standing(made: Rig) -> dict[str, dict[str, str | None]]:
    with made.deps() as deps, deps.store.read() as c:
        rows = c.execute(evaluation.select().where(evaluation.c.is_current)).all()
    return {row.account_id: row.outputs["values"] for row in rows}


def test_nothing_is_asked_stored_or_written(synced: Rig, ours: str) -> None:
    before = (standing(synced), synced.crm.hubspot.stats.requests, len(synced.journal()))
    page = simulated(synced, ours)
    assert page["changed"] > 0
    assert (standing(synced), synced.crm.hubspot.stats.requests, len(synced.journal())) == before
    json.dumps(page)


def test_the_framework_in_force_changes_nothing(synced: Rig) -> None:
    page = simulated(synced, "cradle_to_grave")
    assert (page["changed"], page["listed"], page["alerts"]) == (0, [], [])
    assert page["now"] == page["then"]
    assert not any(page["moves"].values())
    assert page["scores"]["same"] == page["accounts"] == len(standing(synced))


def test_numbers_agree_with_the_accounts_that_are_listed(synced: Rig, ours: str) -> None:
    page = simulated(synced, ours)
    assert (page["hidden"], len(page["listed"])) == (0, page["changed"])
    for name in COMPARED:
        listed = sum(name in one["moves"] for one in page["listed"])
        assert listed == sum(one["accounts"] for one in page["moves"][name])
    for alert in page["alerts"]:
        for what in ("opens", "closes"):
            assert alert[what] == sum(alert["id"] in one[what] for one in page["listed"])
    assert page["bands"]["now"].keys() == page["bands"]["then"].keys()
    assert list(page["bands"]["now"]) == ["green", "yellow", "red", "amber", "unknown"]
    for side in ("now", "then"):
        assert sum(page["bands"][side].values()) == page["accounts"]
    assert {one["id"] for one in page["alerts"]} >= {"tiny"}


def test_the_other_framework_may_look_at_what_the_one_in_force_does_not(synced: Rig, tmp_path: Path) -> None:
    head = "framework: ours\ntitle: Ours\nextends: cradle_to_grave\n"
    facts = 'facts: {answers: {from: surveys, value: "COUNT(*)", empty: zero}}\n'
    overlays = 'overlays: [{id: heard, label: Heard, when: "answers > 0"}]\nalerts: [{id: asked, when: "heard"}]\n'
    (tmp_path / "ours.yaml").write_text(head + facts + overlays, encoding="utf-8")
    page = simulated(synced, f"{tmp_path}/ours.yaml")
    assert [one["opens"] for one in page["alerts"] if one["id"] == "asked"] != []


def test_the_day_can_be_another_one(synced: Rig, ours: str) -> None:
    page = simulated(synced, ours, as_of=datetime(2026, 6, 30, tzinfo=UTC).date())
    assert page["as_of"] == "2026-06-30"
    assert page["moves"] != simulated(synced, ours)["moves"]


RHYTHM = """
framework: {name}
title: Rhythm
extends: cradle_to_grave
cadences:
  - {{id: review, label: Review, when: "segment = 'standard'", anchor: go_live_at, every: {every}, types: [QBR]}}
"""


def test_another_day_of_the_same_touch_is_a_change(synced: Rig, tmp_path: Path) -> None:
    for name, every in (("often", "1mo"), ("rarely", "3mo")):
        (tmp_path / f"{name}.yaml").write_text(RHYTHM.format(name=name, every=every), encoding="utf-8")
    rarely = Rig(synced.crm, synced.settings.model_copy(update={"framework": f"{tmp_path}/rarely.yaml"}), synced.events)
    page = simulated(rarely, f"{tmp_path}/often.yaml")
    assert not any(page["moves"].values())
    assert page["changed"] >= page["others"]["next_touch_due_on"] > 5
    assert "next touch due" in screen(show_simulation, page, "often")


def test_an_empty_store_is_said(tmp_path: Path, ours: str) -> None:
    with (
        rig(tmp_path, accounts=3, provision=False) as made,
        pytest.raises(UsageError, match="no accounts in the store"),
    ):
        simulated(made, ours)


def test_what_an_empty_store_is_told_to_do_helps(tmp_path: Path, ours: str) -> None:

    with rig(tmp_path, accounts=3) as made:
        made.run(run_pull, clock=Frozen())
        with pytest.raises(UsageError) as caught:
            simulated(made, ours)
        assert "keepwell pull" not in (caught.value.hint or "")
        made.run(run_plan, clock=Frozen())
        assert simulated(made, ours)["accounts"]


def test_what_it_says_comes_true(tmp_path: Path, ours: str, either_store: str | None) -> None:
    with rig(tmp_path, accounts=16, store=either_store) as made:
        assert made.sync(clock=Frozen()).status == "complete"
        page, before = simulated(made, ours), standing(made)
        published = Rig(made.crm, made.settings.model_copy(update={"framework": ours}), made.events)
        published.provision()  # the new framework has other options
        options = RunOptions(accept_model_change=True)
        report = published.run(lambda deps: run_sync(deps, options), clock=Frozen())
        after = standing(made)
    expected = {account: {name: values[name] for name in COMPARED} for account, values in before.items()}
    for line in page["listed"]:
        expected[line["account_id"]] |= {name: pair["then"] for name, pair in line["moves"].items()}
    assert {account: {name: values[name] for name in COMPARED} for account, values in after.items()} == expected
    changed = {
        account
        for account in after
        if any(before[account][one] != after[account][one] for one in (*COMPARED, *OTHERS, "health_score"))
    }
    assert changed <= {line["account_id"] for line in page["listed"]}
    assert report.model_version == page["then"]["model_version"]


def test_the_command_tells_it_to_a_person(synced: Rig, ours: str, tmp_path: Path) -> None:
    config = tmp_path / "keepwell.yaml"
    config.write_text(json.dumps(_plain(settings_data(synced.crm, synced.settings.store))), encoding="utf-8")
    asked = CliRunner().invoke(app, ["simulate", "--framework", ours, "-c", str(config), "--as-of", "2026-11-20"])
    assert asked.exit_code == 0, asked.output
    assert "With ours instead of cradle_to_grave, " in asked.stdout
    assert "Nothing was stored or written." in asked.stdout
    assert "--accept-model-change" in asked.stdout
    assert "keepwell fields apply" in asked.stdout
    missing = CliRunner().invoke(app, ["simulate", "--framework", f"{tmp_path}/none.yaml", "-c", str(config)])
    assert (missing.exit_code, "none.yaml: there is no such file" in missing.stderr) == (2, True)


def test_names_from_a_crm_do_nothing(synced: Rig, ours: str) -> None:
    page = simulated(synced, ours)
    hostile = [{**one, "account": HOSTILE} for one in page["listed"]]
    shown = screen(show_simulation, {**page, "listed": hostile}, ours)
    assert "\x1b" not in shown
    assert "[bold]" in shown


def test_every_field_has_a_label() -> None:
    assert tuple(FIELDS) == COMPARED


def _plain(data: dict[str, Any]) -> dict[str, Any]:
    return dict(json.loads(json.dumps(data, default=str)))
