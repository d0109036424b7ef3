"""A person and an account are forgotten: nothing of them is left in the store, and the next runs work as before."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine, event, select, update

from store import check, identity, leases
from store.tables import alert, evaluation, intent, metadata, run
from sync.backfill import BackfillOptions
from sync.conflicts import decide
from sync.deps import RunOptions
from sync.engine import run_apply, run_backfill, run_plan, run_pull
from sync.errors import Busy, UsageError
from sync.forget import Asked, forget, preview
from sync.session import lease_key
from tests.flow.checker import assert_sound
from tests.flow.databases import fresh_schemas
from tests.flow.one_crm import one_crm
from tests.flow.rig import Rig, rig
from tests.rig.books import read_books
from tests.services import absent

EMAIL, FIRST, LAST = "ann.canary@example.com", "Ann", "Canary"
NAME = f"{FIRST} {LAST}"
STORES = ["sqlite", pytest.param("postgresql", marks=pytest.mark.long)]


@contextmanager
def workspace(folder: Path, kind: str) -> Iterator[Rig]:
    """HubSpot with a person everywhere, after a run."""
    with ExitStack() as stack:
        try:
            url = stack.enter_context(fresh_schemas())() if kind == "postgresql" else None
        except psycopg.OperationalError as error:
            absent(f"no PostgreSQL: {error}")
        made = stack.enter_context(rig(folder, store=url))
        portal = made.crm.hubspot.portal
        portal.owners[:] = [
            replace(portal.owners[0], email=EMAIL, first_name=FIRST, last_name=LAST),
            *portal.owners[1:],
        ]
        for kind_of, name in (("deals", "dealname"), ("tickets", "subject"), ("meetings", "hs_meeting_title")):
            for record in sorted(portal.stores[kind_of].live)[:3]:
                text = f"{NAME} <{EMAIL.upper()}> asks"
                made.person("edit", object=kind_of, id=str(record), properties={name: text})
        assert made.sync().status == "complete"
        yield made


@pytest.fixture(params=STORES)
def made(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Rig]:
    with workspace(tmp_path, request.param) as found:
        yield found


def left(made: Rig, *words: str) -> list[str]:
    """Those of `words` that are somewhere in the bytes of the store, its log included."""
    everything = read_books(made.settings.store, whole=True).text.lower()
    return [one for one in words if one.lower().encode() in everything]


def notes(made: Rig) -> None:
    """People and runs leave the person's name and address in what they write."""
    with made.deps() as deps, deps.store.write() as c:
        c.execute(update(alert).values(acknowledged_by=NAME, note=f"wrote to {EMAIL}"))
        ids = c.execute(select(run.c.id, run.c.report)).all()
        for row in ids:
            c.execute(update(run).where(run.c.id == row.id).values(reason=f"as {EMAIL} says"))


def test_a_person_is_nowhere_in_the_store_afterwards_and_stays_so(made: Rig) -> None:
    notes(made)
    assert left(made, EMAIL, NAME) == [EMAIL, NAME]
    with made.deps() as deps:
        shown = preview(deps, Asked(people=[EMAIL]))
        assert left(made, EMAIL, NAME) == [EMAIL, NAME], "looking changes nothing"
        done = forget(deps, Asked(people=[EMAIL]))
    assert shown["held"] == done["held"]
    assert {"entity_owner", "raw_record", "entity_deal", "entity_ticket", "alert", "run"} <= done["held"].keys()
    assert done["erased"] is True
    assert left(made, EMAIL, NAME) == []
    assert check(made.settings.store) == []
    assert_sound(made)

    again = made.sync()
    assert (again.status, again.buckets().planned) == ("complete", 0)
    with made.deps() as deps:
        full = run_plan(deps, RunOptions(full=True))
        assert (full.status, full.buckets().planned) == ("complete", 0), "the CRM still has the person"
        assert left(made, EMAIL, NAME) == []
        window = BackfillOptions(["deals", "tickets"], since=date(2026, 1, 1))
        assert run_backfill(deps, window).status == "complete"
        assert left(made, EMAIL, NAME) == []
        assert forget(deps, Asked(people=[EMAIL]))["held"] == {}, "a second time there is nothing to do"
    assert_sound(made)


def test_what_is_looked_at_just_before_a_write_is_cleaned_too(made: Rig) -> None:
    record, theirs = made.some_company(), {"cs_health_reasons": f"{NAME} knows why"}
    made.person("edit", object="companies", id=record, properties=theirs)
    report = made.sync()
    assert report.plan is not None
    assert report.plan.total("held") > 0
    with made.deps() as deps:
        decide(deps, "reclaim", record, None)
        forget(deps, Asked(people=[EMAIL]))
        planned = run_plan(deps).plan
        assert planned is not None
        assert planned.total("changes") > 0
        applied = run_apply(deps, planned.plan_id)
        assert (applied.status, applied.buckets().conflict) == ("complete", 0), "it was decided about this very value"
        assert NAME not in made.company(record)["cs_health_reasons"]

        made.person("edit", object="companies", id=record, properties={"cs_health_reasons": "mine"})
        run_plan(deps)
        decide(deps, "reclaim", record, None)
        planned = run_plan(deps).plan
        assert planned is not None
        made.person("edit", object="companies", id=record, properties=theirs)
        assert run_apply(deps, planned.plan_id).buckets().conflict > 0
    assert made.company(record)["cs_health_reasons"] == theirs["cs_health_reasons"]
    assert left(made, EMAIL, NAME) == []


def test_a_contact_counts_as_before_under_a_pseudonym(made: Rig) -> None:
    attendance = metadata.tables["entity_attendance"].c
    with made.deps() as deps:
        with deps.store.read() as c:
            contact = c.execute(select(attendance.contact_ref)).scalars().first()
            people = len(set(c.execute(select(attendance.contact_ref)).scalars()))
        done = forget(deps, Asked(people=[f"hubspot:{contact}"]))
        assert {"raw_link", "entity_attendance"} <= done["held"].keys()
        for full in (False, True):
            report = run_plan(deps, RunOptions(full=full))
            assert (report.status, report.buckets().planned) == ("complete", 0)
            with deps.store.read() as c:
                here = set(c.execute(select(attendance.contact_ref)).scalars())
            assert contact not in here
            assert len(here) == people
    assert check(made.settings.store) == []


def test_an_account_is_forgotten_as_a_whole(made: Rig) -> None:
    record = made.some_company()
    name, domain = (made.company(record)[one] for one in ("name", "domain"))
    with made.deps() as deps:
        made_plan = run_plan(deps)
        assert made_plan.plan is not None
        held = preview(deps, Asked(account=domain))
        assert "As far as is known hubspot still has" in " ".join(held["notes"])
        with deps.store.read() as c:
            tickets = metadata.tables["entity_ticket"].c
            mine = list(c.execute(select(tickets.id).where(tickets.account_ref == record)).scalars())
    assert mine
    for ticket in mine:
        made.person("archive", object="tickets", id=ticket)
    made.person("archive", object="companies", id=record)
    assert made.sync().status == "complete"
    with made.deps() as deps:
        done = forget(deps, Asked(account=record))
        assert done["erased"] is True
        assert {"raw_record", "evaluation", "ledger", "intent"} <= done["held"].keys()
        with deps.store.read() as c:
            assert c.execute(select(evaluation.c.id).where(evaluation.c.account_id == record)).all() == []
            rows = c.execute(select(intent.c.want, intent.c.because).where(intent.c.record_id == record)).all()
        assert rows, "that something was written is kept"
        assert {tuple(row) for row in rows} == {(None, "")}
    assert left(made, name, domain) == []
    assert check(made.settings.store) == []
    assert_sound(made)

    for full in (False, True):
        report = made.sync(RunOptions(full=full))
        assert (report.status, report.buckets().planned) == ("complete", 0)
        assert left(made, name, domain) == []
    with made.deps() as deps:
        assert forget(deps, Asked(account=record))["held"] == {}
        with pytest.raises(UsageError, match="no account"):
            forget(deps, Asked(account="4711"))
    assert_sound(made)


def test_an_account_goes_from_all_crms_also_where_one_has_deleted_it(tmp_path: Path) -> None:
    raw = metadata.tables["raw_record"].c
    with rig(tmp_path, salesforce=True, synced=True) as made, made.deps() as deps:
        with deps.store.read() as c:
            links = identity.links(c, deps.workspace)
        both = next(
            one for one in links if one.connection == "hubspot" and _ids(links, one.account_id).keys() > {"hubspot"}
        )
        ids = _ids(links, both.account_id)
        with pytest.raises(UsageError, match=f"There is no account hubspot:{ids['salesforce']}, only salesforce:"):
            preview(deps, Asked(account=f"hubspot:{ids['salesforce']}"))
        domain = made.company(ids["hubspot"])["domain"]
        made.person("archive", object="companies", id=ids["hubspot"])
        assert run_pull(deps, RunOptions(full=True)).status == "complete"
        run_plan(deps)
        for account in (f"hubspot:{ids['hubspot']}", f"salesforce:{ids['salesforce']}"):
            assert all(one in preview(deps, Asked(account=account))["about"] for one in ids.values()), account
        forget(deps, Asked(account=domain))
        with deps.store.read() as c:
            assert c.execute(select(raw.id).where(raw.id.in_(ids.values()))).all() == []
        assert left(made, domain) == []


def _ids(links: list[identity.AccountLink], account_id: str) -> dict[str, str]:
    return {one.connection: one.crm_id for one in links if one.account_id == account_id}


def test_what_ends_half_way_forgot_nothing(made: Rig) -> None:
    def die(*execution: Any) -> None:
        if str(execution[2]).startswith("UPDATE run"):
            raise KeyboardInterrupt

    notes(made)
    with made.deps() as deps:
        event.listen(Engine, "before_cursor_execute", die)
        try:
            with pytest.raises(KeyboardInterrupt):
                forget(deps, Asked(people=[EMAIL]))
        finally:
            event.remove(Engine, "before_cursor_execute", die)
        with deps.store.read() as c:
            assert c.execute(select(metadata.tables["forgotten"])).all() == []
            owners = c.execute(select(metadata.tables["entity_owner"].c.email)).scalars()
            assert EMAIL in set(owners), "what was cleaned before is as it was"
        assert forget(deps, Asked(people=[EMAIL]))["erased"] is True, "the leases were given back"
    assert left(made, EMAIL, NAME) == []


@pytest.mark.parametrize("whom", ["person", "account"])
def test_who_reads_meanwhile_is_named_as_what_keeps_old_pages(tmp_path: Path, whom: str) -> None:
    with workspace(tmp_path, "sqlite") as made, made.deps(busy_seconds=0.2) as deps, made.deps() as reader:
        record = made.some_company()
        domain = made.company(record)["domain"]
        asked = Asked(people=[EMAIL]) if whom == "person" else Asked(account=domain)
        again = asked if whom == "person" else Asked(account=f"hubspot:{record}")
        with reader.store.read() as c:
            c.execute(select(run.c.id)).first()
            done = forget(deps, asked)
        assert done["erased"] is False
        assert "old pages may still hold it" in done["notes"][0]
        typed = "the same command" if again is asked else f"`keepwell forget --account {again.account}`"
        assert typed in done["notes"][1]
        assert forget(deps, again)["erased"] is True
        assert left(made, *((EMAIL, NAME) if whom == "person" else (domain,))) == []


def test_contacts_of_salesforce_too(tmp_path: Path) -> None:
    attendance = metadata.tables["entity_attendance"].c
    with one_crm(tmp_path, "salesforce") as made, made.deps() as deps:
        assert run_pull(deps).status == "complete"
        with deps.store.read() as c:
            contact = c.execute(select(attendance.contact_ref)).scalars().first()
        forget(deps, Asked(people=[f"salesforce:{contact}"]))
        assert run_pull(deps, RunOptions(full=True)).status == "complete"
        assert left(made, str(contact)) == []


def test_a_run_that_is_on_is_not_disturbed(made: Rig) -> None:
    with made.deps() as deps:
        held = leases.acquire(deps.store, deps.workspace, lease_key("hubspot"), "another-run", 60)
        with pytest.raises(Busy):
            forget(deps, Asked(people=[EMAIL]))
        leases.release(deps.store, held)
    assert left(made, EMAIL) == [EMAIL]


def test_what_is_on_its_way_to_a_crm_is_decided_first(made: Rig) -> None:
    record = made.some_company()
    with made.deps() as deps:
        with deps.store.write() as c:
            one = c.execute(select(intent.c.id).where(intent.c.record_id == record).limit(1)).scalar_one()
            c.execute(update(intent).where(intent.c.id == one).values(state="in_doubt", want=f"to {EMAIL}"))
        for asked in (Asked(people=[EMAIL]), Asked(account=record)):
            with pytest.raises(UsageError, match="whether values about them \\(1\\) that were sent"):
                forget(deps, asked)
        with deps.store.read() as c:
            assert c.execute(select(metadata.tables["forgotten"])).all() == []


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (Asked(), "Name either a person or an account"),
        (Asked(people=[EMAIL], account="x"), "Name either a person or an account"),
        (Asked(people=["Ann"]), "neither an e-mail address nor CONNECTION:ID"),
        (Asked(people=["salesforce:1"]), "neither an e-mail address nor CONNECTION:ID"),
        (Asked(people=[EMAIL], also=["complete"]), "too short or too common"),
    ],
)
def test_what_names_nobody_is_refused(tmp_path: Path, asked: Asked, said: str) -> None:
    with rig(tmp_path, synced=True) as made, made.deps() as deps, pytest.raises(UsageError, match=said):
        preview(deps, asked)
