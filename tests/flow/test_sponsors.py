"""Executive sponsors: three accounts are within the norm, four are not; whoever a sponsor is; on both stores."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from config.frameworks import load_framework_file
from mapping.framework.spec import Role
from store import alerts
from store.alerts import OWNER, STATES, Alert, Wanted
from sync.capacity import report_capacity
from sync.carried import Carried
from sync.deps import RunOptions
from tests.flow.rig import Frozen, Rig, rig
from tests.unit.mapping.kpi_kit import framework, whole
from tests.unit.mapping.portfolio import Portfolio

FULL = RunOptions(full=True, max_shrink=1.0)
SPONSOR, PROPERTY = "sponsor", "executive_sponsor"


def customers(made: Rig) -> list[str]:
    """Companies that nobody has to ask about: live, gone live, not left."""
    live = made.crm.hubspot.portal.stores["companies"].live
    there = {str(one): record.values for one, record in live.items()}
    return sorted(one for one, values in there.items() if "go_live_date" in values and "churn_date" not in values)


def give(made: Rig, companies: list[str], owner: str) -> None:
    for company in companies:
        made.person("edit", object="companies", id=company, properties={PROPERTY: owner})


def sponsors(made: Rig) -> dict[str, dict[str, Any]]:
    """Owner id → what the report says of this sponsor."""
    with made.deps(clock=Frozen()) as deps:
        page = report_capacity(deps)
    assert page["nobody"] == 0, "an account without a sponsor is no account without an owner"
    assert {one["by"] for one in page["owners"]} <= {SPONSOR}
    return {str(one["email"]): one for one in page["owners"]}


def told(made: Rig) -> list[Alert]:
    with made.deps() as deps, deps.store.read() as c:
        return [
            one for one in alerts.listed(c, "default", Wanted(STATES), limit=10_000) if one.alert == "capacity_over"
        ]


def test_three_accounts_hold_and_the_fourth_raises_an_alert(tmp_path: Path, either_store: str | None) -> None:
    with rig(tmp_path, accounts=40, store=either_store) as made:
        live = [str(one) for one in made.crm.hubspot.portal.stores["companies"].live]
        give(made, live, "")
        owner = made.crm.hubspot.portal.owners[2]
        made.sync(FULL, clock=Frozen())
        with made.deps(clock=Frozen()) as deps:
            assert report_capacity(deps)["owners"] == []
        chosen = customers(made)

        give(made, chosen[:3], owner.id)
        made.sync(FULL, clock=Frozen())
        (within,) = sponsors(made).values()
        assert (within["accounts"]["value"], within["status"], within["others"]) == (3, "within", 0)
        assert (within["label"], within["segment"], within["arr"]["status"]) == ("Executive sponsor", None, None)
        assert told(made) == []

        give(made, chosen[3:4], owner.id)
        made.sync(FULL, clock=Frozen())
        assert sponsors(made)[owner.email]["status"] == "over"
        (raised,) = told(made)
        assert raised.account_id == f"{OWNER}{owner.email} (sponsor)"
        assert (raised.label, raised.owner) == ("Executive sponsor carries more than the norm", "operations")
        assert raised.because.startswith(f"{owner.first_name} {owner.last_name}: 4 accounts (norm at most 3), ")


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with rig(tmp_path_factory.mktemp("sponsors"), synced=True) as made:
        yield made


def norms(*roles: dict[str, Any]) -> Any:
    return framework(capacity=list(roles))


def test_a_sponsor_who_is_no_user_of_the_crm_is_whoever_the_accounts_name(small: Rig) -> None:
    owner, live = small.crm.hubspot.portal.owners[0], {"go_live_at": "2025-01-01"}
    portfolio = Portfolio().account("A", sponsor_ref="Dr.  Ada Lind", **live).account("B", **live)
    portfolio.account("C", sponsor_ref="dr. ada lind ", **live)
    portfolio.account("D", sponsor_ref=owner.email.upper(), **live).account("E", sponsor_ref=owner.id, **live)
    portfolio.account("F", sponsor_ref="799999", **live)  # an id that no list of users has
    chosen = norms({"id": "sponsor", "by": SPONSOR, "accounts": {"max": 1}})
    with small.deps() as deps:
        carried = Carried(deps, chosen)
        carried.add(whole(portfolio, "2025-12-31", chosen))
        found = {one.person.key: (one.person.name, one.verdict) for one in carried.everybody()}
    assert {key: verdict.load.accounts for key, (_, verdict) in found.items() if verdict} == {
        "dr. ada lind": 2, owner.email.lower(): 2, "799999": 1,
    }  # fmt: skip
    assert found["dr. ada lind"][0] == "Dr. Ada Lind"
    assert found[owner.email.lower()][0] == f"{owner.first_name} {owner.last_name}"
    assert carried.unowned == 0


def test_who_is_sponsor_and_owner_is_judged_as_each_and_by_segment_where_a_role_names_one(small: Rig) -> None:
    owner, live = small.crm.hubspot.portal.owners[0], {"go_live_at": "2025-01-01"}
    portfolio = Portfolio().account("A", sponsor_ref=owner.id, owner_ref=owner.id, strategic_flag=True, **live)
    portfolio.account("B", sponsor_ref=owner.id, **live).account("C", sponsor_ref=owner.id, **live)
    chosen = norms(
        {"id": "big", "by": SPONSOR, "segment": "enterprise", "accounts": {"max": 0}},
        {"id": "any", "by": SPONSOR, "accounts": {"max": 3}},
        {"id": "csm", "accounts": {"max": 5}, "arr": {"min": 1}},
    )
    with small.deps() as deps:
        carried = Carried(deps, chosen)
        carried.add(whole(portfolio, "2025-12-31", chosen))
        found = {one.by: one.verdict for one in carried.everybody()}
    assert carried.unowned == 2
    as_sponsor, as_owner = found["sponsor"], found["owner"]
    assert as_sponsor is not None
    assert (as_sponsor.role.id, as_sponsor.load.accounts, as_sponsor.status) == ("any", 3, "within")
    assert as_owner is not None
    assert (as_owner.role.id, as_owner.load.accounts, as_owner.arr) == ("csm", 1, "unknown")


def test_the_shipped_framework_has_the_norm_and_its_children_do_not() -> None:
    (role,) = load_framework_file("cradle_to_grave").spec.capacity
    assert role == Role.model_validate(
        {"id": "executive_sponsor", "label": "Executive sponsor", "by": "sponsor", "accounts": {"max": 3}}
    )
    assert load_framework_file("account_management").spec.capacity == ()
    assert {one.by for one in load_framework_file("portfolio_management").spec.capacity} == {"owner"}
