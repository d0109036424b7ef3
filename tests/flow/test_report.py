"""`keepwell report`: KPIs and capacity of a synced portfolio, from the store alone, the same on both kinds of store."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml
from sqlalchemy import select
from typer.testing import CliRunner

from cli import app
from config.frameworks import load_framework_file
from config.settings import Settings
from dashboard.carried import show_capacity
from dashboard.kpis import kpis_csv, kpis_document, show_kpis
from dashboard.strategic import show_strategic, strategic_csv
from dashboard.web.reportfile import report_html
from mapping.kept import KEPT
from store import entities, evaluations, identity, runs
from store.evaluations import NewEvaluations
from store.tables import ENTITY_TABLES, evaluation
from store.types import dump_json
from sync.capacity import report_capacity
from sync.errors import UsageError
from sync.kpis import report_kpis
from sync.strategic import report_strategic
from tests.flow.rig import Frozen, Rig, rig, settings_data
from tests.unit.cli.test_terminal import HOSTILE, screen

RATES = {"USD": "0.92", "GBP": "1.17", "DKK": "0.134"}
FIGURES = {"cs_spend": "1200000", "sales_spend": "900000", "gross_margin": "80%"}


def priced(made: Rig) -> Rig:
    """The same workspace with figures and rates in its configuration."""
    rates = [{"currency": code, "on": "2000-01-01", "rate": rate} for code, rate in RATES.items()]
    data = settings_data(made.crm, made.settings.store)
    return Rig(made.crm, Settings(**data, currency="EUR", rates=rates, figures=FIGURES), made.events)


@pytest.fixture(scope="module")
def synced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with rig(tmp_path_factory.mktemp("reported"), accounts=60, salesforce=True) as made:
        assert made.sync(clock=Frozen()).status == "complete"
        yield priced(made)


def kpis(made: Rig, **asked: Any) -> dict[str, Any]:
    with made.deps(clock=Frozen()) as deps:
        return report_kpis(deps, **asked)


def by_name(page: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {one["name"]: one for one in page["kpis"]}


def test_nothing_is_asked_stored_or_written(synced: Rig) -> None:
    def traces() -> tuple[int, int, int]:
        with synced.deps() as deps, deps.store.read() as c:
            rows = len(c.execute(evaluation.select()).all())
        return rows, synced.crm.hubspot.stats.requests, len(synced.journal())

    before = traces()
    kpis(synced)
    with synced.deps(clock=Frozen()) as deps:
        report_capacity(deps, framework=load_framework_file("portfolio_management"))
    assert traces() == before


def test_the_numbers_fit_together(synced: Rig) -> None:
    page = kpis(synced)
    found = by_name(page)
    assert page["accounts"] > 50
    assert sum(page["counts"].values()) == len(page["kpis"])
    assert found["nrr"]["numerator"] - found["nrr"]["denominator"] == pytest.approx(
        found["nrr"]["denominator"] * (found["expansion_rate"]["value"] - found["contraction_rate"]["value"])
        - found["nrr"]["denominator"] * (1 - found["grr"]["value"] - found["contraction_rate"]["value"]),
        abs=1,
    )
    assert found["green_share"]["value"] + found["yellow_share"]["value"] + found["red_share"][
        "value"
    ] == pytest.approx(1)
    assert found["nrr"]["n"] > 10
    assert found["nps"]["n"] > 3, "survey answers are read although no fact asks for them"
    assert found["case_studies"]["reason"] == "no CRM has it: set `figures.case_studies` in the configuration"
    json.dumps(page)


def test_bands_are_those_that_the_run_counted(synced: Rig) -> None:
    with synced.deps() as deps, deps.store.read() as c:
        rows = c.execute(evaluation.select().where(evaluation.c.is_current)).all()
    scored = [row for row in rows if row.band != "unknown" and row.outputs["values"]["renewal_status"] != "churned"]
    found = by_name(kpis(synced))["green_share"]
    assert found["denominator"] <= len(scored)
    assert found["numerator"] <= sum(row.band == "green" for row in scored)
    assert found["numerator"] > 0


def test_accounts_behind_a_kpi_add_up_to_it(synced: Rig) -> None:
    for name in ("nrr", "renewal_rate", "support_resolution_h", "nps", "green_share"):
        page = kpis(synced, accounts=name)
        one, listed = by_name(page)[name], page["listed"]["accounts"]
        assert listed, name
        assert sum(account["numerator"] or 0 for account in listed) == pytest.approx(one["numerator"])
        assert sum(account["denominator"] or 0 for account in listed) == pytest.approx(one["denominator"])
        assert sum(account["excluded_n"] for account in listed) == one["excluded_n"]
    listed = kpis(synced, accounts="grr")["listed"]["accounts"]
    lost = [one["denominator"] - one["numerator"] for one in listed if one["denominator"] is not None]
    assert lost == sorted(lost, reverse=True)


def test_slices_do_not_change_the_report(synced: Rig) -> None:
    whole = kpis(synced, accounts="nrr")
    with synced.deps(clock=Frozen()) as deps:
        assert report_kpis(deps, accounts="nrr", size=7) == whole


def test_it_is_the_same_on_both_kinds_of_store(tmp_path: Path, either_store: str | None) -> None:
    with rig(tmp_path, accounts=25, salesforce=True, store=either_store) as made:
        assert made.sync(clock=Frozen()).status == "complete"
        page = kpis(priced(made), accounts="nrr")
        with made.deps(clock=Frozen()) as deps:
            carried = report_capacity(deps, framework=load_framework_file("portfolio_management"))
    seen = tmp_path.parent / "report.json"
    text = json.dumps([page, carried], sort_keys=True)
    if seen.exists():
        assert json.loads(seen.read_text()) == json.loads(text)
    seen.write_text(text)


def test_currencies_of_deals_are_not_added_at_par_where_only_deals_have_money(tmp_path: Path) -> None:
    accounts, contracts, deals = (ENTITY_TABLES[name] for name in ("account", "contract", "deal"))
    with rig(tmp_path, accounts=25) as made:
        assert made.sync(clock=Frozen()).status == "complete"
        plain = made.settings.model_copy(update={"currency": None, "rates": ()})
        with made.deps() as deps, deps.store.write() as c:
            c.execute(accounts.update().values(arr=None, acv=None))
            c.execute(contracts.update().values(arr=None))
            used = set(c.execute(select(deals.c.currency)).scalars()) - {None}
        page = kpis(Rig(made.crm, plain, made.events))
        assert len(used) > 1
        assert page["currency"] in used
        assert set(page["without_rate"]) == used - {page["currency"]}


@pytest.mark.parametrize(
    ("place", "seen", "made", "paid"),
    [
        (0, date(2025, 11, 20), 0, 100),
        (1, date(2025, 11, 17), 0, 100),
        (2, date(2025, 11, 23), 0, 100),
        (3, date(2025, 11, 16), 0, 120),  # too far from the day, so that the figure of now has to do
        (4, date(2025, 11, 24), 0, 120),
        (5, date(2025, 11, 20), 300, 120),  # filled in later, by what the CRM said then
    ],
)
def test_what_a_run_saw_when_the_period_began_counts_for_it(
    bare: Rig, place: int, seen: date, made: int, paid: int
) -> None:
    before = datetime.combine(seen, time(12), UTC)
    told = {"arr": "100", "acv": None, "currency": "EUR"}
    with bare.deps(clock=Frozen()) as deps:
        ws, run_id = deps.workspace, f"run{place}"
        with deps.store.write() as c:
            account = list(identity.account_chunks(c, ws, 1))[place][0]
            runs.start(c, ws, run_id, "sync", as_of=before, version="1", now=before + timedelta(days=made))
            document = dump_json({"values": {}, "told": told})
            found = NewEvaluations([account], [run_id], [document], [1.0], ["red"], [None])
            evaluations.save(c, ws, run_id, "m", before, found, pl.DataFrame(schema=dict(KEPT)))
        page = report_kpis(deps, accounts="nrr")
    assert page["kpis"][0]["period"]["from"] == "2025-11-21"
    (line,) = [one for one in page["listed"]["accounts"] if one["account_id"] == account]
    assert (line["denominator"], line["numerator"]) == (paid, 120)


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """Accounts that all pay 120, of which there are neither contracts nor deals."""
    accounts = ENTITY_TABLES["account"]
    with rig(tmp_path_factory.mktemp("bare"), accounts=12) as made:
        assert made.sync(clock=Frozen()).status == "complete"
        with made.deps() as deps, deps.store.write() as c:
            for name in ("contract", "deal"):
                c.execute(ENTITY_TABLES[name].delete())
            signed = {"contract_signed_at": date(2024, 1, 1), "churned_at": None, "contract_end_at": None}
            c.execute(
                accounts.update().values(arr=Decimal(120), acv=None, currency="EUR", contract_start_at=None, **signed)
            )
        yield made


def test_without_rates_money_in_other_currencies_is_left_out_and_said(synced: Rig) -> None:
    plain = Rig(synced.crm, synced.settings.model_copy(update={"currency": None, "rates": ()}), synced.events)
    page = kpis(plain)
    assert page["currency"] == "EUR"
    assert set(page["without_rate"]) <= set(RATES)
    assert page["without_rate"]
    found, full = by_name(page), by_name(kpis(synced))
    assert found["nrr"]["excluded_n"] > full["nrr"]["excluded_n"]
    assert found["logo_churn"] == full["logo_churn"]
    assert "set `currency` and `rates`" in " ".join(screen(show_kpis, page).split())


def test_another_framework_and_a_past_day(synced: Rig) -> None:
    page = kpis(synced, framework=load_framework_file("portfolio_management"), as_of=date(2026, 6, 30))
    assert (page["framework"], page["as_of"]) == ("portfolio_management", "2026-06-30")
    assert by_name(page)["grr"]["period"] == {"length": "12mo", "from": "2025-07-01", "to": "2026-06-30"}
    assert by_name(page)["expansion_pipeline"]["period"] is None


def test_a_frameworks_own_words_say_what_a_kpi_is_made_of(synced: Rig) -> None:
    page = kpis(synced, framework=load_framework_file("onboarding_journey"))
    made_of = by_name(page)["ttfv_days"]["made_of"]
    assert made_of == "median days from milestones_start_on to first value, reached in the period"
    page = kpis(synced, framework=load_framework_file("net_new_engagement"))
    assert by_name(page)["checklist_completeness"]["made_of"] == "mean of checklists_share over active accounts"
    assert screen(show_kpis, page).startswith(f"Net-new engagement: {page['accounts']} accounts, as of 2026-11-20.")


def test_answers_of_no_account_are_told_apart(tmp_path: Path, either_store: str | None) -> None:
    with rig(tmp_path, accounts=40, store=either_store, synced=True) as made:
        before = by_name(kpis(made))["nps"]
        answer = {"type": "nps", "score": 0.0, "scale_min": 0.0, "scale_max": 10.0, "stream": "feedback_submissions"}
        when = datetime(2026, 11, 1, tzinfo=UTC)
        rows = [
            {**answer, "id": f"x{number}", "contact_ref": f"c{number}", "account_ref": account, "answered_at": when}
            for number, account in enumerate((None, "404"))
        ]
        with made.deps() as deps, deps.store.write() as c:
            entities.replace_entities(c, "default", "survey", "hubspot", rows)
        page = kpis(made, accounts="nps")
        after = by_name(page)["nps"]
        assert (after["value"], after["n"]) == (before["value"], before["n"])
        assert after["excluded_n"] == before["excluded_n"] + 2
        (nobody,) = [one for one in page["listed"]["accounts"] if one["account_id"] is None]
        assert (nobody["account"], nobody["numerator"], nobody["excluded_n"]) == (None, None, 2)
        assert "no account" in screen(show_kpis, page)
        sheet = csv.DictReader(io.StringIO(kpis_csv(page)))
        assert "2" in [row["excluded_n"] for row in sheet if row["account_id"] == ""]


BARE = "framework: bare\ntitle: Bare\nextends: cradle_to_grave\nkpis: []\ncapacity: []\ncapacity_alert: null\n"


def test_a_question_that_has_no_answer_says_what_to_do(synced: Rig, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"has no KPI 'nnr'\. It has nrr, grr"):
        kpis(synced, accounts="nnr")
    (tmp_path / "bare.yaml").write_text(BARE)
    bare = load_framework_file(f"{tmp_path}/bare.yaml")
    with pytest.raises(UsageError, match=r"names no KPIs\. Add `kpis:` to it"):
        kpis(synced, framework=bare)
    with synced.deps() as deps, pytest.raises(UsageError, match=r"no norms.*Add `capacity:`"):
        report_capacity(deps, framework=bare)


def test_capacity_counts_every_active_account_once(synced: Rig) -> None:
    with synced.deps(clock=Frozen()) as deps:
        page = report_capacity(deps, framework=load_framework_file("portfolio_management"))
    base = by_name(kpis(synced, framework=load_framework_file("cradle_to_grave")))["reference_share"]
    own = sum((one["accounts"] or {"value": 0})["value"] + one["others"] for one in page["owners"])
    assert own + page["nobody"] == base["n"] + base["excluded_n"]
    assert {one["status"] for one in page["owners"]} == {"under"}  # so few accounts
    assert all(one["name"] for one in page["owners"])
    emails = [one["email"] for one in page["owners"]]
    assert len(emails) == len(set(emails)), "a person with an owner record in both CRMs is one"
    assert "35 to 40" in screen(show_capacity, page)


class Reader(HTMLParser):
    """Collects the tags and the text of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        self.tags.add(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


def test_names_from_a_crm_act_neither_on_a_terminal_nor_in_a_browser_nor_in_a_spreadsheet(synced: Rig) -> None:
    page = kpis(synced, accounts="nrr")
    names = [HOSTILE, '<img src=x onerror="alert(1)">', "=HYPERLINK(1)"]
    for account, name in zip(page["listed"]["accounts"], names, strict=False):
        account["account"] = name
    assert "\x1b" not in screen(show_kpis, page)
    reader = Reader()
    reader.feed(report_html(kpis_document(page)))
    assert "img" not in reader.tags
    assert "onerror" in reader.text
    rows = list(csv.DictReader(io.StringIO(kpis_csv(page))))
    assert len(rows) == len(page["listed"]["accounts"])
    assert rows[2]["account"] == "'=HYPERLINK(1)"


def test_the_commands(synced: Rig, tmp_path: Path) -> None:
    config = tmp_path / "keepwell.yaml"
    data = settings_data(synced.crm, synced.settings.store) | {"figures": FIGURES}
    config.write_text(yaml.safe_dump(data), encoding="utf-8")
    page, sheet = tmp_path / "kpis.html", tmp_path / "kpis.csv"
    words = ["report", "kpis", "--config", str(config)]
    shown = CliRunner().invoke(app, [*words, "--accounts", "nrr"])
    assert shown.exit_code == 0, shown.output
    assert "Net revenue retention" in shown.stdout
    assert "≥ 145 %" in shown.stdout
    assert "Accounts behind Net revenue retention" in shown.stdout
    saved = CliRunner().invoke(app, [*words, "--accounts", "nrr", "--out", str(page)])
    assert (saved.exit_code, saved.stdout) == (0, f"Written to {page}.\n")
    assert ">Accounts behind Net revenue retention</h2>" in page.read_text(encoding="utf-8")
    told = CliRunner().invoke(app, [*words, "--json", "--out", str(sheet)])
    answer = json.loads(told.stdout)
    assert [row["name"] for row in csv.DictReader(io.StringIO(sheet.read_text(encoding="utf-8")))] == [
        one["name"] for one in answer["kpis"]
    ]
    wrong = CliRunner().invoke(app, [*words, "--accounts", "nnr", "--json"])
    assert (wrong.exit_code, json.loads(wrong.stdout)["reason_code"]) == (2, "usage")
    nowhere = CliRunner().invoke(app, [*words, "--out", str(tmp_path / "no" / "kpis.csv")])
    assert nowhere.exit_code == 2
    assert "no/kpis.csv cannot be written: No such file or directory." in nowhere.output.replace("\n", "")
    capacity = ["report", "capacity", "--config", str(config)]
    sponsors = CliRunner().invoke(app, capacity)
    assert sponsors.exit_code == 0
    assert "Executive sponsor" in sponsors.stdout
    shown = CliRunner().invoke(app, [*capacity, "--framework", "portfolio_management"])
    assert shown.exit_code == 0, shown.output
    assert "Mid-market CSM" in shown.stdout


def test_strategic_candidates_are_those_who_pay_most_and_a_mark_changes_nothing(synced: Rig) -> None:
    with synced.deps(clock=Frozen()) as deps:
        page = report_strategic(deps)
        few = report_strategic(deps, share=Fraction(1, 100))
    named, besides = page["candidates"], page["marked_besides"]
    assert len(named) == math.ceil(page["active"] / 5)
    assert [one["arr"] for one in named] == sorted((one["arr"] for one in named), reverse=True)
    assert all(one["marked"] for one in besides)
    assert besides
    assert max(one["arr"] or 0 for one in besides) <= named[-1]["arr"]
    assert {one["account_id"] for one in named}.isdisjoint(one["account_id"] for one in besides)
    assert few["candidates"] == named[:1]
    shown = " ".join(screen(show_strategic, page).split())
    assert f"The {len(named)} of {page['active']} active accounts that pay most (20.0 %" in shown
    assert "a person marks it" in shown
    rows = list(csv.DictReader(io.StringIO(strategic_csv(page))))
    assert [row["account_id"] for row in rows] == [one["account_id"] for one in named + besides]


def test_strategic_candidates_by_hand(synced: Rig, tmp_path: Path) -> None:
    config, out = tmp_path / "keepwell.yaml", tmp_path / "candidates.csv"
    config.write_text(yaml.safe_dump(settings_data(synced.crm, synced.settings.store)))
    asked = ["report", "strategic", "--config", str(config), "--json"]
    fifth, tenth = (CliRunner().invoke(app, [*asked, *more]) for more in ([], ["--share", "10%", "--out", str(out)]))
    assert (json.loads(fifth.stdout)["share"], json.loads(tenth.stdout)["share"]) == (0.2, 0.1)
    assert out.read_text(encoding="utf-8").startswith("list,account_id,account,arr")
    assert CliRunner().invoke(app, [*asked, "--share", "a lot"]).exit_code == 2
