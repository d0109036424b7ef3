"""The alert about an owner who carries more than the norm: raised once, answered, resolved; on both stores."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import yaml

from config.frameworks import load_framework_file
from store import alerts
from store.alerts import OWNER, STATES, Alert, Wanted
from sync.alerts import acknowledge
from sync.capacity import report_capacity
from sync.deps import RunOptions
from sync.report import RunReport
from tests.flow.one_crm import SkippingClock
from tests.flow.rig import Rig, rig

FULL = RunOptions(full=True, max_shrink=1.0)
TELLS = {"owner": "lead", "sla_hours": 48, "meaning": "Hand some over."}


class Team:
    """A portfolio whose framework has a norm for everybody, which can be changed."""

    def __init__(self, made: Rig, folder: Path) -> None:
        self.made, self.folder, self.clock = made, folder, SkippingClock()
        self.norm(most=1_000)
        live = sorted(made.crm.hubspot.portal.stores["companies"].live)
        busy = made.company(made.some_company("csm_owner"))["csm_owner"]
        for company in live[: len(live) // 2]:
            made.person("edit", object="companies", id=company, properties={"csm_owner": busy})

    def norm(self, most: int, tells: dict[str, Any] | None = TELLS) -> None:
        """Put another framework into the configuration."""
        self.path = self.folder / f"at_most_{most}{'' if tells else '_untold'}.yaml"
        role = {
            "id": "csm",
            "label": "CSM",
            "segment": "standard",
            "accounts": {"min": 0, "max": most},
            "arr": {"min": 0},
        }
        data = {"framework": "team", "title": "Team", "extends": "cradle_to_grave", "capacity": [role]}
        self.path.write_text(yaml.safe_dump(data | {"capacity_alert": tells}), encoding="utf-8")
        self.rig = Rig(
            self.made.crm, self.made.settings.model_copy(update={"framework": str(self.path)}), self.made.events
        )

    def sync(self, hours: float = 1) -> RunReport:
        self.clock.sleep(hours * 3600)
        return self.rig.sync(FULL, clock=self.clock)

    def most(self) -> tuple[str, int, int]:
        """Who carries most, how much that is, and how much the next one carries."""
        with self.rig.deps(clock=self.clock) as deps:
            found = report_capacity(deps, framework=load_framework_file(str(self.path)))["owners"]
        ranked = sorted(((one["accounts"]["value"], one["owner"]) for one in found if one["accounts"]), reverse=True)
        return ranked[0][1], ranked[0][0], ranked[1][0]

    def alerts(self) -> list[Alert]:
        """Alerts about owners; all others are about accounts."""
        with self.rig.deps() as deps, deps.store.read() as c:
            found = alerts.listed(c, "default", Wanted(STATES), limit=10_000)
        told = [one for one in found if one.alert == "capacity_over"]
        assert {one.id for one in told} == {one.id for one in found if one.account_id.startswith(OWNER)}
        return sorted(told, key=lambda one: one.id)


def test_who_carries_more_than_the_norm_is_told_of_once(tmp_path: Path, either_store: str | None) -> None:
    with rig(tmp_path, accounts=40, store=either_store) as made:
        team = Team(made, tmp_path)
        assert team.sync().status == "complete"
        assert team.alerts() == []
        owner, carried, second = team.most()
        assert carried > second, "the sample has somebody who carries most"

        team.norm(most=carried)
        team.sync()
        assert team.alerts() == [], "the bound itself is within"
        team.norm(most=carried - 1)
        before = team.sync().alerts.standing
        (raised,) = team.alerts()
        assert (raised.account_id, raised.owner, raised.label) == (
            f"{OWNER}{owner}",
            "lead",
            "CSM carries more than the norm",
        )
        assert f"{carried} accounts (norm at most {carried - 1})" in raised.because
        assert raised.life.due_at == raised.life.raised_at + timedelta(hours=48)
        again = team.sync().alerts  # a day may have begun, which raises others
        assert again.standing == before + again.raised - again.resolved, "that it has no account does not end it"
        assert team.alerts() == [raised], "nothing is stored while nothing changes"

        with team.rig.deps(clock=team.clock) as deps:
            acknowledge(deps, str(raised.id), by="Anna", note=None)
        team.norm(most=carried)
        team.sync()
        assert team.alerts()[0].life.state == "acknowledged", "one run is not two in a row"
        assert team.sync().alerts.resolved >= 1
        (ended,) = team.alerts()
        assert (ended.life.why, ended.acknowledged_by) == ("cleared", "Anna")
        team.norm(most=carried - 1)
        team.sync()
        assert len(team.alerts()) == 1, "within the cool-down"
        team.sync(hours=7 * 24)
        assert [one.life.state for one in team.alerts()] == ["resolved", "open"]


def test_an_alert_that_nobody_answers_is_escalated_and_one_that_the_framework_lost_is_withdrawn(tmp_path: Path) -> None:
    with rig(tmp_path, accounts=40) as made:
        team = Team(made, tmp_path)
        team.sync()
        _, carried, _ = team.most()
        team.norm(most=carried - 1)
        team.sync()
        assert team.sync(hours=48).alerts.breached == 1
        assert team.alerts()[0].life.level == "L2"
        team.norm(most=carried - 1, tells=None)
        team.sync()
        assert team.alerts()[0].life.why == "withdrawn"
