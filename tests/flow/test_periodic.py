"""`keepwell report weekly-health` and the others over a synced portfolio, from the store alone."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from cli import app
from store import identity
from store.tables import evaluation
from sync.explain import explain_account
from sync.kpis import report_kpis
from sync.periodic import REPORTS, report_periodic
from tests.flow.rig import TODAY, Frozen, Rig, rig, settings_data


@pytest.fixture(scope="module")
def synced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with rig(tmp_path_factory.mktemp("periodic"), accounts=40, salesforce=True) as made:
        assert made.sync(clock=Frozen()).status == "complete"
        yield made


def test_nothing_is_asked_stored_or_written(synced: Rig) -> None:
    def traces() -> tuple[int, int, int]:
        with synced.deps() as deps, deps.store.read() as c:
            rows = len(c.execute(evaluation.select()).all())
        return rows, synced.crm.hubspot.stats.requests, len(synced.journal())

    before = traces()
    with synced.deps(clock=Frozen()) as deps:
        for name in REPORTS:
            assert report_periodic(deps, name).report == name
    assert traces() == before


def test_a_store_that_cannot_be_written_is_enough(synced: Rig) -> None:
    """As the dashboard asks: through a connection that the database itself keeps from writing."""
    with synced.deps(clock=Frozen(), create=False, read_only=True) as deps:
        for name in REPORTS:
            assert report_periodic(deps, name).report == name
        assert report_kpis(deps)
        with deps.store.read() as c:
            account_id = next(identity.account_chunks(c, deps.workspace, 1))[0]
        assert explain_account(deps, account_id)["account_id"] == account_id
        with pytest.raises(Exception, match=r"read.?only"), deps.store.write() as c:
            c.execute(evaluation.delete())


def test_bands_are_those_that_the_run_stored(synced: Rig) -> None:
    with synced.deps(clock=Frozen()) as deps:
        found = report_periodic(deps, "weekly-health")
        with deps.store.read() as c:
            rows = c.execute(evaluation.select().where(evaluation.c.is_current)).all()
    figures = {one.id: one for one in found.sections[0].figures}
    stored = sum(row.band == "green" for row in rows)
    assert 0 < (figures["green_share"].numerator or 0) <= stored
    counted = sum(figures[f"{band}_share"].numerator or 0 for band in ("green", "yellow", "red", "unknown"))
    assert counted == found.accounts


def test_a_review_and_the_kpis_tell_one_story(synced: Rig) -> None:
    with synced.deps(clock=Frozen()) as deps:
        review, year = report_periodic(deps, "quarterly-review"), report_periodic(deps, "annual-value")
        kpis = {one["name"]: one for one in report_kpis(deps)["kpis"]}
    told = {one.id: one for one in review.sections[0].figures}
    assert set(told) == set(kpis)
    assert all(told[name].value == one["value"] for name, one in kpis.items())
    of_year = {one.id: one for section in year.sections for one in section.figures}
    for name in ("nrr", "grr", "renewal_rate"):
        assert of_year[name].value == kpis[name]["value"], name


def test_slices_do_not_change_an_answer(synced: Rig) -> None:
    with synced.deps(clock=Frozen()) as deps:
        for name in REPORTS:
            assert report_periodic(deps, name, size=7) == report_periodic(deps, name), name


def test_an_earlier_day_has_what_was_stored_by_then(synced: Rig) -> None:
    with synced.deps(clock=Frozen()) as deps:
        found = report_periodic(deps, "weekly-health", as_of=TODAY - timedelta(days=1))
    figures = {one.id: one for one in found.sections[0].figures}
    assert (figures["green_share"].value, figures["green_share"].reason) == (None, "no account has a score")


def test_the_commands(synced: Rig, tmp_path: Path) -> None:
    config = tmp_path / "keepwell.yaml"
    config.write_text(yaml.safe_dump(settings_data(synced.crm, synced.settings.store)), encoding="utf-8")

    def run(*words: str) -> tuple[int, str, str]:
        result = CliRunner().invoke(app, ["report", *words, "--config", str(config)])
        return result.exit_code, result.stdout, result.stderr

    page = tmp_path / "week.html"
    assert "Weekly health: Cradle to grave" in run("weekly-health")[1]
    assert run("weekly-health", "--out", str(page)) == (0, f"Written to {page}.\n", "")
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    code, out, _ = run("renewals", "--format", "csv", "--table", "calendar")
    rows = list(csv.DictReader(io.StringIO(out)))
    code, out, _ = run("renewals", "--json")
    told = json.loads(out)
    (calendar,) = [one for section in told["sections"] for one in section["tables"] if one["id"] == "calendar"]
    assert [row["term_id"] for row in rows] == [row["term_id"] for row in calendar["rows"]]
    assert told == json.loads(run("renewals", "--format", "json")[1])
    for words, said in (
        (("monthly-usage", "--out", str(tmp_path / "usage.txt")), "does not say what kind of file"),
        (("monthly-usage", "--format", "csv", "--table", "x"), "has no table 'x'"),
        (("monthly-usage", "--format", "html", "--table", "fallen"), "--table chooses what a CSV file holds."),
        (("annual-value", "--format", "pdf"), "'pdf' is none of html, csv, json"),
        (("annual-value", "--out", str(tmp_path / "no" / "a.html")), "cannot be written"),
    ):
        code, _, err = run(*words)
        assert (code, said in " ".join(err.split())) == (2, True), err
