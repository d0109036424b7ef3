"""A workspace's life in which every command answers with `--json`: what their documented shapes are held against."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import requests

from sandbox.gainsight.options import GainsightOptions
from sandbox.hubspot.state import HubSpotOptions
from sandbox.serve import Portfolio, Running, running
from tests.docs.test_documented import ALL
from tests.flow.rig import MANY, ROOMY
from tests.flow.test_cli_trouble import Run, caller
from tests.receivers import receivers

FIGURES = {"cs_spend": "10000", "sales_spend": "20000", "gross_margin": "80%", "advocates": 2, "case_studies": 1}
ODD = """\
framework: odd
title: Odd
extends: cradle_to_grave
parameters: {idle: 1}
"""
ODD_TESTS = """\
tests:
  - name: what it is not
    as_of: 2026-01-02
    account: {arr: 200000}
    expect: {segment: none_such}
"""


@dataclass(frozen=True, slots=True)
class Said:
    """What a command printed: the object, and its exit code."""

    command: str
    words: tuple[str, ...]
    exit_code: int
    data: dict[str, Any]


@dataclass(slots=True)
class Life:
    """Types commands and keeps what they say."""

    keepwell: Run
    crms: Running
    folder: Path
    heard: list[Said] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)

    def say(self, typed: str, **environment: str) -> dict[str, Any]:
        """The answer to `keepwell TYPED --json`."""
        words = tuple(shlex.split(typed))
        result = self.keepwell(*words, "--json", **self.environment | environment)
        assert result.stdout, (typed, result.stderr, result.exception)
        data: dict[str, Any] = json.loads(result.stdout)
        self.heard.append(Said(command_of(words), words, result.exit_code, data))
        return data

    def person(self, verb: str, *, at: str | None = None, **body: Any) -> None:
        """A person does something in HubSpot, or at another address."""
        address = at or self.crms.hubspot_url
        requests.post(f"{address}/_sandbox/{verb}", json=body, timeout=60).raise_for_status()

    def company(self, skip: int = 0) -> str:
        """A company that shows what Keepwell wrote."""
        live = self.crms.hubspot.portal.stores["companies"].live
        return str(sorted(key for key, one in live.items() if "cs_health_reasons" in one.values)[skip])


def command_of(words: tuple[str, ...]) -> str:
    """Name of the command that these words call."""
    for size in (2, 1):
        name = f"keepwell {' '.join(words[:size])}"
        if name in ALL:
            return name
    raise AssertionError(words)


@contextmanager
def lived(folder: Path) -> Iterator[list[Said]]:
    """The answers of every command that ends by itself."""
    hubspot = HubSpotOptions(burst=100_000, searches_per_second=1_000)
    with (
        pytest.MonkeyPatch.context() as patch,
        receivers() as told,
        running(
            Portfolio(14, 7, date(2026, 11, 20)), state_dir=folder, hubspot_options=hubspot,
            with_gainsight=True, gainsight_options=GainsightOptions(per_minute=MANY),
        ) as crms,
    ):  # fmt: skip
        patch.chdir(folder)
        channels = {
            "team": {"type": "slack", "webhook_url": told.slack_hook, "existing": "digest"},
            "gone": {"type": "webhook", "url": "http://127.0.0.1:9/none", "secret": "s" * 32, "existing": "digest"},
        }
        routes = [{"to": ["team", "gone"], "runs": ["failed", "partial"]}]
        life = Life(caller(crms, folder), crms, folder)
        life.environment = {
            "KEEPWELL_NOTIFICATIONS": json.dumps({"channels": channels, "routes": routes}),
            "KEEPWELL_FIGURES": json.dumps(FIGURES),
            "KEEPWELL_CONNECTIONS__HUBSPOT__LIMITS": json.dumps(ROOMY),
            "KEEPWELL_CONNECTIONS__GAINSIGHT__LIMITS": json.dumps({"per_minute": MANY}),
        }
        life.heard.append(Said("keepwell sandbox", ("sandbox",), 0, crms.as_json()))
        for chapter in (_set_up, _begin, _disagree, _decide, _look, _report, _end):
            chapter(life)
        yield life.heard


def _set_up(life: Life) -> None:
    life.say("doctor")
    life.say("status")
    life.say("db current")
    life.say("db upgrade")
    life.say("db current")
    life.say("config check")
    life.say("config schema")
    life.say("init --no-input --no-salesforce -c other.yaml")
    life.say("framework lint cradle_to_grave")
    (life.folder / "odd.yaml").write_text(ODD, encoding="utf-8")
    (life.folder / "odd.tests.yaml").write_text(ODD_TESTS, encoding="utf-8")
    life.say("framework lint ./odd.yaml")
    life.say("framework test ./odd.yaml")
    life.say("framework test cradle_to_grave")
    life.say("framework docs cradle_to_grave")
    life.say("framework docs cradle_to_grave --out rules.md")
    life.say("fields plan")
    life.say("fields export")
    life.say("fields export --out package")
    for verb in ("runs list", "runs show", "conflicts list", "failures list"):
        life.say(verb)


def _begin(life: Life) -> None:
    life.say("fields apply")
    for day in ("2026-09-10", "2026-10-01", "2026-10-20"):
        life.say(f"plan --as-of {day}")
    life.person("rules", at=life.crms.salesforce_url, object="Account", field="CS_Segment__c", message="Ask Sales Ops")
    life.say("plan --out plan.json --exit-code")
    life.say("apply plan.json")
    life.person("rules", at=life.crms.salesforce_url)
    life.say("failures list")
    life.say("failures retry")
    life.say("sync")
    life.say("sync --max-changes 0")
    life.say("apply plan.json")
    life.say("pull --full")


def _disagree(life: Life) -> None:
    for skip, name in enumerate(("cs_health_reasons", "cs_segment_reason")):
        life.person(
            "edit", object="companies", id=life.company(skip), properties={"cs_health_reasons": name}, user="900007"
        )
    life.say("sync")
    life.say("plan")
    life.say("drift")
    life.say("conflicts list")
    life.say(f"conflicts accept {life.company()}")
    life.say("drift")
    life.say("conflicts list --all")
    life.say("conflicts reclaim --all")
    run = life.say("sync")
    life.say(f"undo {run['run_id']} --dry-run")
    life.say(f"undo {run['run_id']} --max-changes 100%")
    life.say(f"undo {run['run_id']} --max-changes 100%")


def _decide(life: Life) -> None:
    life.say("identity list")
    one, other = f"hubspot:{life.company(2)}", next(iter(salesforce_accounts(life.crms)))
    life.say(f"identity split {one}")
    life.say("identity list --all")
    life.say(f"identity forget {one}")
    life.say(f"identity link {one} salesforce:{other} --reason 'one group'")
    life.say("identity list --all")
    life.say("sync")
    raised = life.say("alerts list")["alerts"]
    life.say(f"alerts show {raised[0]['id']}")
    life.say(f"alerts ack {raised[0]['id']} --by 'Anna Berg' --note Call")
    life.say("alerts list --state all")
    (life.folder / "milestones.csv").write_text("account,milestone,completed_on\n", encoding="utf-8")
    life.say("milestones import milestones.csv")
    life.say("notify list --state all")
    life.say("notify send --now")
    life.say("notify retry")
    life.say("notify test team")
    life.say("notify test gone")


def _look(life: Life) -> None:
    for skip in range(4):
        life.say(f"explain {life.company(skip)}")
    life.say(f"explain hubspot:{life.company()} --as-of 2026-06-30")
    life.say("simulate --framework net_new_engagement")
    life.say("backtest --horizon 20d --suggest suggested.yaml")
    life.say("backfill hubspot:companies --since 2026-01-01")
    life.say("runs list")
    life.say("runs show")
    life.say("status")
    life.say("status --max-age 1s")
    life.say("db check")
    life.say("doctor")


def _report(life: Life) -> None:
    for name in ("weekly-health", "monthly-usage", "quarterly-review", "annual-value", "renewals", "data-quality"):
        life.say(f"report {name}")
    life.say("report kpis")
    life.say("report kpis --accounts nrr")
    life.say("report capacity")
    life.say("report strategic --share 10%")


def _end(life: Life) -> None:
    life.say("sync", KEEPWELL_CONNECTIONS__HUBSPOT__ACCESS_TOKEN="pat-na1-wrong-wrong-wrong")
    life.say("runs show nothing")
    life.say(f"forget --account {life.company(1)} --dry-run")
    life.say(f"forget --account {life.company(1)} --yes")
    life.say("forget --person nobody@nowhere.example --dry-run")
    life.say("plan", KEEPWELL_TIMEZONE="Nowhere")
    life.say("demo --accounts 6")


def salesforce_accounts(crms: Running) -> list[str]:
    """Ids of the live accounts of the org."""
    assert crms.salesforce is not None
    table = crms.salesforce.org.tables["Account"]
    return [key for key, row in table.rows.items() if not row[table.columns["IsDeleted"]]]
