"""The main job: the first run writes what it planned, the second writes nothing, on both CRMs and both stores."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import select

from mapping.canonical import canonical
from store import audit, check, ledger, runs, writes
from store.tables import evaluation
from store.tables import ledger as ledger_table
from sync.engine import run_plan, run_pull
from sync.events import RoomEntered
from tests.flow.checker import assert_sound
from tests.flow.rig import Rig, rig


def check_first_and_second_run(made: Rig) -> None:
    first = made.sync()
    assert (first.status, first.exit_code, first.reason) == ("complete", 0, None)
    assert first.plan is not None
    assert first.plan.total("changes") == first.buckets().confirmed > 0
    assert first.drift == 0
    assert [e.room for e in made.events.events if isinstance(e, RoomEntered)] == [
        "pull", "normalise", "evaluate", "plan", "guard", "apply", "verify",
    ]  # fmt: skip
    before = {name: len(made.journal(at=name)) for name in made.settings.connections}

    assert_sound(made)
    assert check(made.settings.store) == [], "what was written is laid over the copies of records"

    second = made.sync()
    assert (second.status, second.exit_code) == ("complete", 0)
    assert second.plan is not None
    assert second.plan.total("changes") == 0
    assert second.buckets().settled() == 0
    assert {name: len(made.journal(at=name)) for name in made.settings.connections} == before


def test_both_crms_on_sqlite(tmp_path: Path) -> None:
    with rig(tmp_path, salesforce=True) as made:
        check_first_and_second_run(made)


def test_every_effect_in_the_crm_was_planned_audited_and_is_in_the_ledger(tmp_path: Path) -> None:
    with rig(tmp_path) as made:
        report = made.sync()
        with made.deps() as deps, deps.store.read() as c:
            rows = c.execute(select(ledger_table).where(ledger_table.c.run_id == report.run_id)).all()
            assert audit.verify_chain(c, "default") == []
            entries = list(audit.entries(c, "default", run_id=report.run_id))
            states = writes.counts(c, "default", report.run_id)
            kept = runs.get(c, "default", report.run_id)
        assert len(rows) == report.buckets().confirmed == states["confirmed"]
        assert [entry.kind for entry in entries] == ["intent", "outcome"]
        assert all(row.verified_at is not None for row in rows), "a property's first run is read back completely"
        assert kept is not None
        assert kept.report == report.to_dict()
        specs = {spec.name: spec for spec in deps.specs}
        written = {(row.record_id, row.property): (row.field, row.written) for row in rows}
        effects = made.ours()
        assert len(effects) == sum(1 for _, value in written.values() if value is not None)
        for effect in effects:
            field, value = written[effect["id"], effect["property"]]
            assert canonical(specs[field], effect["new"]) == value


def test_plan_writes_nothing_and_is_the_same_each_time(tmp_path: Path) -> None:
    with rig(tmp_path) as made:
        one = made.run(run_plan)
        two = made.run(run_plan)
        assert one.plan is not None
        assert two.plan is not None
        assert one.plan.plan_id == two.plan.plan_id
        assert one.plan.total("changes") == two.plan.total("changes") > 0
        assert one.plan.total("cost") > 0
        assert made.ours() == []


def test_pull_only_reads(tmp_path: Path) -> None:
    with rig(tmp_path) as made:
        report = made.run(run_pull)
        for name, counts in report.pull["hubspot"].items():
            assert counts.read == counts.inserted, f"{name}: everything is new on the first run"
        companies = report.pull["hubspot"]["companies"]
        assert companies.read == companies.inserted > 0
        assert companies.mode == "full"
        again = made.run(run_pull).pull["hubspot"]["companies"]
        assert (again.mode, again.inserted) == ("increment", 0)
        assert again.live == companies.live
        assert made.ours() == []


def test_evaluations_are_kept_only_when_they_change(tmp_path: Path) -> None:
    with rig(tmp_path) as made:
        first = made.sync()
        second = made.sync()
        assert second.pull["hubspot"]["deals>companies"].inserted == 0
        with made.deps() as deps, deps.store.read() as c:
            made_by = c.execute(select(evaluation.c.run_id).where(evaluation.c.is_current)).scalars().all()
        assert len(made_by) == first.accounts
        assert set(made_by) == {first.run_id}


def test_without_properties_the_run_says_what_to_do_first(tmp_path: Path) -> None:
    with rig(tmp_path, provision=False) as made:
        report = made.sync()
        assert (report.status, report.exit_code) == ("failed", 2)
        assert report.hint is not None
        assert "keepwell fields apply" in report.hint
        assert made.run(run_pull).status == "complete"


def test_a_crm_without_properties_is_only_read(tmp_path: Path) -> None:
    with rig(tmp_path, salesforce=True, provision=False) as made:
        with made.deps() as deps:
            provisioner = deps.connectors["hubspot"].fields()
            provisioner.apply(provisioner.plan(deps.specs))
        report = made.sync()
        assert report.status == "complete"
        assert report.apply["salesforce"].planned == 0
        assert report.apply["hubspot"].confirmed > 0
        assert any("salesforce" in note and "only read" in note for note in report.notes)


def test_a_missing_property_makes_the_run_partial(tmp_path: Path) -> None:
    with rig(tmp_path) as made:
        del made.crm.hubspot.portal.schemas["companies"].properties["cs_segment"]
        report = made.sync()
        assert (report.status, report.exit_code) == ("partial", 3)
        assert report.missing_properties == 1
        assert report.buckets().confirmed == report.buckets().planned > 0


def test_a_lost_store_adopts_what_it_wrote_before(tmp_path: Path) -> None:
    with rig(tmp_path) as made:
        made.sync()
        (tmp_path / "keepwell.db").unlink()
        (tmp_path / "keepwell.db-wal").unlink(missing_ok=True)
        (tmp_path / "keepwell.db-shm").unlink(missing_ok=True)
        before = len(made.journal())
        report = made.sync()
        assert report.plan is not None
        assert report.plan.total("changes") == 0
        assert len(made.journal()) == before
        with made.deps() as deps, deps.store.read() as c:
            record = made.some_company()
            rows = ledger.ledger_for(c, "default", "hubspot", "companies", [record])
        assert rows[record, "cs_segment"].because.startswith("adopted")
