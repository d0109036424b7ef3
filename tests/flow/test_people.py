"""People and the engine on the same records: their edits stay, merges and deletions are followed."""

from __future__ import annotations

import time
from pathlib import Path

from sandbox.hubspot.state import HubSpotOptions
from sync.engine import run_apply, run_plan
from tests.flow.checker import assert_sound
from tests.flow.rig import Rig, rig


def held(made: Rig) -> list[tuple[str, str, str | None]]:
    """(record, property, reason) of everything that a plan made now holds."""
    from sync.planbook import find_plan, records

    with made.deps() as deps:
        report = run_plan(deps)
        assert report.plan is not None
        plan = find_plan(deps.store, report.plan.plan_id)
        return [(r.record_id, h["property"], h["reason"]) for r in records(deps.store, plan) for h in r.held]


def other_option(made: Rig, property_name: str, value: str) -> str:
    options = made.crm.hubspot.portal.schemas["companies"].properties[property_name].options
    return next(str(one["value"]) for one in options if one["value"] != value)


def test_a_persons_edit_is_held_and_survives(tmp_path: Path) -> None:
    with rig(tmp_path, synced=True) as made:
        record = made.some_company()
        theirs = other_option(made, "cs_segment", made.company(record)["cs_segment"])
        made.person("edit", object="companies", id=record, properties={"cs_segment": theirs})

        report = made.sync()

        assert (report.status, report.exit_code) == ("partial", 3)
        assert report.plan is not None
        assert report.plan.total("held") == 1
        assert report.reason is not None
        assert "held" in report.reason
        assert made.company(record)["cs_segment"] == theirs
        assert held(made) == [(record, "cs_segment", "human_edit")]


def test_a_slow_search_index_is_not_taken_for_a_person(tmp_path: Path) -> None:
    now = [time.time()]
    options = HubSpotOptions(index_delay=60.0, clock=lambda: now[0])
    with rig(tmp_path, hubspot_options=options) as made:
        record = str(sorted(made.crm.hubspot.portal.stores["companies"].live)[3])
        made.person("edit", object="companies", id=record, properties={"city": "Aarhus"})
        now[0] += 61
        assert made.sync().status == "complete"
        before = len(made.ours())

        now[0] += 10  # the index still shows the record as the person left it, without our values
        again = made.sync()

        assert again.pull["hubspot"]["companies"].updated == 1
        assert (again.status, again.reason) == ("complete", None)
        assert len(made.ours()) == before


def test_under_reclaim_the_computed_value_comes_back(tmp_path: Path) -> None:
    with rig(tmp_path, synced=True) as made:
        record = made.some_company()
        ours = made.company(record)["cs_segment"]
        theirs = other_option(made, "cs_segment", ours)
        made.person("edit", object="companies", id=record, properties={"cs_segment": theirs})
        policy = made.settings.policy.model_copy(update={"human_edits": "reclaim"})
        made.settings = made.settings.model_copy(update={"policy": policy})

        report = made.sync()

        assert report.status == "complete"
        assert made.company(record)["cs_segment"] == ours


def test_a_value_that_was_never_ours_is_held(tmp_path: Path) -> None:
    with rig(tmp_path) as made:
        companies = sorted(made.crm.hubspot.portal.stores["companies"].live)
        record = str(companies[3])
        made.person("edit", object="companies", id=record, properties={"cs_health_score": "12.5"})

        made.sync()

        assert made.company(record)["cs_health_score"] == "12.5"
        assert (record, "cs_health_score", "not_ours") in held(made)


def test_an_edit_between_plan_and_apply_is_a_conflict(tmp_path: Path) -> None:
    with rig(tmp_path) as made, made.deps() as deps:
        report = run_plan(deps)
        assert report.plan is not None
        record = str(sorted(made.crm.hubspot.portal.stores["companies"].live)[3])
        made.person("edit", object="companies", id=record, properties={"cs_health_score": "12.5"})

        applied = run_apply(deps, report.plan.plan_id)

        buckets = applied.buckets()
        assert (buckets.conflict, applied.exit_code) == (1, 3)
        assert buckets.confirmed == buckets.planned - 1
        assert made.company(record)["cs_health_score"] == "12.5"
        assert_sound(made)


def test_a_record_deleted_between_plan_and_apply_is_gone_and_stops_nobody(tmp_path: Path) -> None:
    with rig(tmp_path) as made, made.deps() as deps:
        report = run_plan(deps)
        assert report.plan is not None
        record = str(sorted(made.crm.hubspot.portal.stores["companies"].live)[3])
        made.person("archive", object="companies", id=record)

        applied = run_apply(deps, report.plan.plan_id)

        buckets = applied.buckets()
        assert buckets.gone > 0
        assert buckets.gone + buckets.confirmed == buckets.planned
        assert applied.status == "complete"


def test_an_archived_account_is_not_evaluated_any_more(tmp_path: Path) -> None:
    with rig(tmp_path, synced=True) as made:
        first = made.first
        made.person("archive", object="companies", id=made.some_company())
        second = made.sync()
        assert second.accounts == first.accounts - 1
        assert second.status == "complete"


def test_a_merged_account_lives_on_as_its_survivor(tmp_path: Path) -> None:
    with rig(tmp_path, synced=True) as made:
        first = made.first
        one, other = made.some_company(), made.some_company(skip=1)
        made.person("merge", object="companies", id=one, other=other)
        second = made.sync()
        assert second.accounts == first.accounts - 1
        assert (second.status, second.reason) == ("complete", None)
        assert second.buckets().gone == 0
        assert made.sync().buckets().planned == 0
        assert_sound(made)
