"""Runs over past days leave a history, and the history says what the scores were worth."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import polars as pl
import pytest
import yaml
from typer.testing import CliRunner

from cli import app
from config.errors import ConfigFileError
from config.frameworks import load_framework_file
from config.suggested import write_suggestion
from dashboard.backtested import notes, show_backtest
from mapping.framework.structure import RENEWAL_STATUSES
from mapping.kept import KEPT
from store import evaluations, runs
from store.evaluations import NewEvaluations
from store.types import dump_json
from sync.backtest import BacktestOptions, backtest
from sync.deps import RunOptions
from sync.engine import run_plan
from sync.errors import UsageError
from tests.flow.rig import Frozen, Rig, rig, settings_data
from tests.unit.cli.test_terminal import screen

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
DATED = """
framework: dated
title: What has a date
extends: cradle_to_grave
score:
  min_coverage: 0.1
  components:
    - id: contact
      label: Contact
      weight: 60
      metrics:
        - {id: held, label: Meetings held, value: meetings_held_90d, curve: [[0, 0], [3, 100]]}
        - {id: met, label: People met, value: stakeholders_90d, curve: [[0, 0], [3, 100]]}
    - id: mood
      label: Mood
      weight: 40
      metrics:
        - {id: mood, label: Mood of tickets, value: sentiment_90d, curve: [[-1, 0], [1, 100]]}
"""


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """Sixty accounts, evaluated as of every second month of a year that is over, oldest first."""
    folder = tmp_path_factory.mktemp("lived")
    (folder / "dated.yaml").write_text(DATED, encoding="utf-8")
    with rig(folder, accounts=60) as made:
        settings = made.settings.model_copy(update={"framework": f"{folder}/dated.yaml"})
        lived = Rig(made.crm, settings, made.events)
        lived.provision()
        for months in range(6, -1, -1):
            options = RunOptions(as_of=(NOW - timedelta(days=60 * months)).date())
            report = lived.run(lambda deps, options=options: run_plan(deps, options), clock=Frozen())
            assert report.status == "complete", report.reason
        yield lived


def looked(made: Rig, *, suggesting: bool = False, **options: Any) -> dict[str, Any]:
    with made.deps(clock=Frozen()) as deps:
        return backtest(deps, BacktestOptions(**options), suggesting=suggesting)


def test_past_days_give_a_history(lived: Rig) -> None:
    page = looked(lived, horizon=90)
    assert page["until"] == (NOW.date() - timedelta(days=90)).isoformat()
    assert page["days"] >= 8
    assert page["accounts"] > 20
    assert page["churned"] >= 1
    assert page["events"] >= page["churned"]
    assert sum(one["n"] for one in page["calibration"]["bins"]) <= page["observations"]
    assert 0 <= page["auc"]["value"] <= 1
    assert page["auc"]["low"] is None or page["auc"]["low"] <= page["auc"]["high"]
    assert page["left_out"]["no_contract_end"] + page["left_out"]["already_gone"] > 0
    # They were computed today, and it says so.
    assert page["afterwards"] == page["observations"]
    assert any("computed after their day" in one for one in page["warnings"])
    json.dumps(page)


def test_it_is_the_same_every_time_and_stores_and_asks_nothing(lived: Rig) -> None:
    def state() -> tuple[int, int]:
        with lived.deps() as deps, deps.store.read() as c:
            rows = evaluations.past(c, deps.workspace, evaluations.accounts(c, deps.workspace))
        return len(rows), lived.crm.hubspot.stats.requests

    before = state()
    assert looked(lived, horizon=90) == looked(lived, horizon=90)
    assert state() == before


def test_how_many_accounts_are_looked_at_at_once_changes_nothing(lived: Rig) -> None:
    whole = looked(lived, horizon=90)
    with lived.deps(clock=Frozen()) as deps:
        assert backtest(deps, BacktestOptions(horizon=90), size=3) == whole
    assert whole["accounts"] > 3


def test_few_departures_are_no_ground_for_weights(lived: Rig) -> None:
    page = looked(lived, horizon=90, suggesting=True)
    assert page["churned"] < 30
    assert f"{page['churned']} customers left" in page["suggestion"]["refused"]
    assert any(one.startswith("Only ") for one in page["warnings"])


def test_days_can_be_narrowed(lived: Rig) -> None:
    page = looked(lived, horizon=90, since=date(2026, 3, 1), until=date(2026, 6, 15))
    assert (page["since"], page["until"], page["days"]) == ("2026-03-17", "2026-06-15", 4)


def test_a_history_that_is_too_short_says_how_to_get_a_longer_one(lived: Rig) -> None:
    with pytest.raises(UsageError, match="only those up to 2025-01-29 count") as caught:
        looked(lived, horizon=660)
    assert "keepwell plan --as-of DATE" in (caught.value.hint or "")


def test_a_store_without_accounts_says_so(tmp_path: Path) -> None:
    with (
        rig(tmp_path, accounts=3, provision=False) as made,
        pytest.raises(UsageError, match="no accounts in the store"),
    ):
        looked(made)


def test_the_command_tells_it_to_a_person(lived: Rig, tmp_path: Path) -> None:
    config = tmp_path / "keepwell.yaml"
    data = {**settings_data(lived.crm, lived.settings.store), "framework": lived.settings.framework}
    config.write_text(json.dumps(data, default=str), encoding="utf-8")
    asked = CliRunner().invoke(app, ["backtest", "--horizon", "30d", "-c", str(config)])
    assert asked.exit_code == 0, asked.output
    assert "customers left within 30 days after one." in asked.stdout
    assert "AUC " in asked.stdout
    file = tmp_path / "other.yaml"
    refused = CliRunner().invoke(app, ["backtest", "--horizon", "30d", "--suggest", str(file), "-c", str(config)])
    assert (refused.exit_code, file.exists()) == (1, False)
    assert "No weights are suggested: " in refused.stdout
    wrong = CliRunner().invoke(app, ["backtest", "--horizon", "a year", "-c", str(config)])
    assert (wrong.exit_code, "no number of days such as 180d" in wrong.stderr) == (2, True)


def test_every_key_is_documented(long: Rig) -> None:
    told = (Path(__file__).parents[2] / "docs/backtest.md").read_text(encoding="utf-8")
    page = looked(long, suggesting=True)
    assert page["suggestion"]["refused"] is None
    parts = [page["auc"], page["top"], page["calibration"], page["calibration"]["bins"][0], page["suggestion"]]
    keys = {*page, *page["left_out"], *(key for part in parts for key in part)}
    assert sorted(key for key in keys if not re.search(rf"\b{key}\b", told)) == []


# A long history, put into the store as daily runs would have


def live(made: Rig, accounts: int, months: int) -> None:
    """Store monthly evaluations in which people were met by those that stayed, and the mood says nothing at all."""
    dice = Random(11)
    with made.deps(clock=Frozen()) as deps:
        version = deps.framework.version
        leaving = {
            f"x:{number:03}": dice.randrange(3, months) if number % 4 == 0 else None for number in range(accounts)
        }
        for month in range(months):
            at = NOW - timedelta(days=30 * (months - month))
            rows = [found(account, dice, month, gone) for account, gone in leaving.items()]
            new = NewEvaluations(
                account_ids=list(leaving),
                values_hashes=[f"{account}{month}" for account in leaving],
                outputs=[dump_json({"values": {"renewal_status": status}}) for _, status, _ in rows],
                scores=[score for score, _, _ in rows],
                bands=["green"] * len(rows),
                stages=["adoption"] * len(rows),
            )
            kept = [
                {"account_id": account, "metric": name, "points": points[name]}
                for name in ("held", "met", "mood")
                for account, (_, _, points) in zip(leaving, rows, strict=True)
            ]
            with deps.store.write() as c:
                runs.start(c, deps.workspace, f"m{month}", "sync", as_of=at, version="1", now=at)
                evaluations.save(
                    c, deps.workspace, f"m{month}", version, at, new, pl.DataFrame(kept, schema=dict(KEPT))
                )


def found(account: str, dice: Random, month: int, gone: int | None) -> tuple[float, str, dict[str, float]]:
    """Score, renewal status, and the points of each metric of one account in one month."""
    churned = gone is not None and month >= gone
    near = gone is not None and gone - month <= 6
    points = {"held": dice.uniform(0, 100), "met": dice.uniform(0, 60 if near else 100), "mood": dice.uniform(0, 100)}
    score = round(0.3 * points["held"] + 0.3 * points["met"] + 0.4 * points["mood"], 1)
    status = "churned" if churned else "not_due"
    assert status in RENEWAL_STATUSES
    return score, status, points


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    folder = tmp_path_factory.mktemp("long")
    path = folder / "dated.yaml"
    path.write_text(DATED, encoding="utf-8")
    with rig(folder, accounts=3, provision=False) as made:
        longer = Rig(made.crm, made.settings.model_copy(update={"framework": str(path)}), made.events)
        live(longer, 240, 36)
        yield longer


def test_weights_are_suggested_and_the_file_is_a_framework(long: Rig, tmp_path: Path) -> None:
    page = looked(long, suggesting=True)
    made = page["suggestion"]
    assert made["refused"] is None
    assert (page["afterwards"], made["level"]) == (0, "metrics" if made["churned"] >= 30 else "components")
    assert made["auc_suggested"] > made["auc_now"] + 0.05
    assert made["weights"]["contact"]["metrics"]["met"] > 0.6
    assert page["calibration"]["error"] < 0.08
    path = tmp_path / "suggested.yaml"
    write_suggestion(path, long.settings.framework, made["weights"], notes(page))
    framework = load_framework_file(str(path))
    assert framework.name == "dated_suggested"
    weights = {one.id: one.weight for one in framework.spec.score.components}
    assert weights == {name: one["weight"] for name, one in made["weights"].items()}
    assert framework.spec.score.min_coverage == 0.1
    text = path.read_text(encoding="utf-8")
    assert text.startswith("# Weights suggested by `keepwell backtest` on 2026-11-20 for dated")
    assert yaml.safe_load(text)["extends"] == "cradle_to_grave"
    with pytest.raises(ConfigFileError, match="is there already"):
        write_suggestion(path, long.settings.framework, made["weights"], notes(page))
    shown = screen(show_backtest, page, Path("suggested.yaml"))
    assert "`keepwell simulate --framework ./suggested.yaml`" in " ".join(shown.split())
    assert "Suggested weights" in shown
    assert "with these weights" in shown


def test_a_framework_of_its_own_is_extended_by_its_path(tmp_path: Path) -> None:
    components = load_framework_file("cradle_to_grave").spec.score.components
    weights = {
        one.id: {"weight": 25.0, "metrics": {metric.id: 1.0 for metric in one.metrics}} for one in components
    }  # fmt: skip
    write_suggestion(tmp_path / "a.yaml", "cradle_to_grave", weights, ["note"])
    assert yaml.safe_load((tmp_path / "a.yaml").read_text(encoding="utf-8")).keys() == {
        "framework", "title", "extends", "score",
    }  # fmt: skip
    assert [one.weight for one in load_framework_file(f"{tmp_path}/a.yaml").spec.score.components] == [25.0] * 4
    own = yaml.safe_load((Path(__file__).parents[2] / "config/frameworks/cradle_to_grave.yaml").read_text("utf-8"))
    (tmp_path / "own.yaml").write_text(yaml.safe_dump({**own, "framework": "own"}, sort_keys=False), encoding="utf-8")
    (tmp_path / "below").mkdir()
    write_suggestion(tmp_path / "below" / "b.yaml", f"{tmp_path}/own.yaml", weights, [])
    assert yaml.safe_load((tmp_path / "below" / "b.yaml").read_text("utf-8"))["extends"] == "./../own.yaml"
    assert load_framework_file(f"{tmp_path}/below/b.yaml").name == "own_suggested"


def test_other_metrics_than_those_of_today_are_no_ground_for_weights(long: Rig) -> None:
    with long.deps(clock=Frozen(), framework=load_framework_file("cradle_to_grave")) as deps:
        page = backtest(deps, BacktestOptions(), suggesting=True)
    assert "only 0 customers left in the earlier part" in page["suggestion"]["refused"]
