"""The milestones that the portfolio's people record: of customers, of the past, at every step, and in both CRMs."""

from __future__ import annotations

from collections import Counter
from datetime import date

import pytest

from config.fieldmaps import load_field_map
from config.frameworks import load_framework_file, shipped_frameworks
from sandbox.hubspot.objects import initial_schemas, milestone_property
from sandbox.salesforce.standard import business_objects, milestone_field
from sandbox.world.generate import generate
from sandbox.world.milestones import ALIGNMENT, DEPARTURE, ENGAGEMENT, ONBOARDING, RECORDED, RENEWAL, RISK, RISK_CLOSED
from sandbox.world.model import World

TODAY = date(2026, 11, 22)


@pytest.fixture(scope="module")
def world() -> World:
    return generate(seed=5, accounts=400, today=TODAY)


def test_every_milestone_of_a_shipped_framework_is_mapped_and_there_in_both_crms() -> None:
    specs = [load_framework_file(name).spec for name in shipped_frameworks()]
    named = {one.key for spec in specs for one in (*spec.milestones, *spec.checklists)}
    stages = {one.key for one in ONBOARDING}  # their tasks speak for them
    assert named - {*RECORDED} == stages
    assert {key for key in RECORDED if any(spec.looks_for(key) for spec in specs)} == {*RECORDED}
    assert len(RECORDED) == len(set(RECORDED))
    hubspot = load_field_map("hubspot").streams["companies"].milestones
    salesforce = load_field_map("salesforce").streams["accounts"].milestones
    assert {key: rule.properties for key, rule in hubspot.items()} == {
        key: (milestone_property(key),) for key in RECORDED
    }
    assert {key: rule.properties for key, rule in salesforce.items()} == {
        key: (milestone_field(key),) for key in RECORDED
    }
    (account,) = [one for one in business_objects() if one.name == "Account"]
    for key in RECORDED:
        assert initial_schemas()["companies"].properties[milestone_property(key)].type == "date"
        assert account.fields[milestone_field(key)].type == "date"


def test_they_are_of_customers_and_of_the_past(world: World) -> None:
    for account in world.accounts:
        assert account.contract_signed_at is not None or not account.milestones
        assert all(day <= TODAY for day in account.milestones.values())
        stays = [day for key, day in account.milestones.items() if key not in DEPARTURE]
        assert all(day <= (account.churned_at or TODAY) for day in stays)
        assert account.churned_at is not None or not {*DEPARTURE} & {*account.milestones}
        assert set(account.milestones) <= set(RECORDED)


def test_accounts_are_at_every_step_and_some_left_one_out(world: World) -> None:
    customers = [account for account in world.accounts if account.contract_signed_at]
    for steps in (ENGAGEMENT, ONBOARDING):
        in_row, skipped = Counter[int](), 0
        for account in customers:
            done = [
                one.key in account.milestones or all(part in account.milestones for part in one.parts) for one in steps
            ]
            row = next((index for index, reached in enumerate(done) if not reached), len(done))
            in_row[row] += 1
            skipped += sum(done) > row
        assert set(in_row) == set(range(len(steps) + 1))
        assert skipped > len(customers) * 0.03
    reached = Counter(key for account in customers for key in account.milestones)
    assert all(reached[one.key] > 5 for one in ALIGNMENT)
    assert all(reached[key] > 5 for key, _ in RENEWAL)
    assert all(reached[key] > 0 for key in (*DEPARTURE, *RISK, RISK_CLOSED))


def test_parts_are_done_no_later_than_their_milestone(world: World) -> None:
    for account in world.accounts:
        for one in ENGAGEMENT:
            if one.key in account.milestones:
                parts = [account.milestones[part] for part in one.parts if part in account.milestones]
                assert parts == sorted(parts)
                assert all(day <= account.milestones[one.key] for day in parts)
