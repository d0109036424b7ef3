"""Rows 36 and 37 of the fault table: state that was damaged, schemas that do not fit."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import closing
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import event, inspect, text

from store import Store, address, check, current, schema, upgrade
from store.database import connect
from store.errors import StoreNewer, StoreOld
from sync.backfill import BackfillOptions
from sync.deps import RunOptions
from sync.ending import ending_of_error
from sync.engine import run_apply, run_backfill, run_plan, run_pull
from tests.faults.writing import Writing, written

NEW_SCHEMA = "9999_from_the_future"
DAMAGES = {
    "a cursor": ("UPDATE cursor SET epoch_id = 0 WHERE stream = 'deals'", "The cursor of hubspot deals"),
    "a position": (
        "UPDATE epoch SET state = 'open', position = 'x' WHERE id = (SELECT max(id) FROM epoch WHERE stream = 'deals')",
        "The position of epoch",
    ),
    "a proof": (
        "UPDATE epoch SET since = NULL, mode = 'full' WHERE id = (SELECT max(id) FROM epoch WHERE stream = 'deals')",
        "The position of epoch",
    ),
    "how far normalising got": (
        "UPDATE mark SET value = '[999999,\"x\"]' WHERE name = 'normalised:hubspot:deals'",
        "The mark normalised:hubspot:deals does not match its checksum",
    ),
    "a mark that is no JSON": (
        "UPDATE mark SET value = '[7' WHERE name = 'normalised:hubspot:deals'",
        "The mark normalised:hubspot:deals cannot be read",
    ),
}
"""What is damaged: the statement, and how the run names it."""


@pytest.fixture
def crm(tmp_path: Path, either_store: str | None) -> Iterator[Writing]:
    """HubSpot on each store, after a first and an incremental run."""
    with written(tmp_path, "hubspot", either_store, accounts=6, synced=True) as made:
        assert made.sync().status == "complete"
        yield made


def execute(crm: Writing, statement: str, **values: str) -> None:
    with crm.made.deps() as deps, deps.store.write() as c:
        assert c.execute(text(statement), values).rowcount >= 1


def standing(crm: Writing, what: str) -> list[tuple[object, ...]]:
    """What a run that reset something in silence would have changed: full reads of deals, the mark, the cursor."""
    statements = [
        "SELECT id, state, position FROM epoch WHERE stream = 'deals' AND mode = 'full'",
        "SELECT name, value, checksum FROM mark WHERE name = 'normalised:hubspot:deals'",
    ]
    if "mark" not in what and "normalising" not in what:  # with a damaged mark the pull itself may go on
        statements.append("SELECT stream, at, epoch_id, checksum FROM cursor WHERE stream = 'deals'")
    with crm.made.deps() as deps, deps.store.read() as c:
        return [tuple(row) for statement in statements for row in c.execute(text(statement))]


@pytest.mark.parametrize("what", DAMAGES)
def test_row_36_damaged_state_is_refused_by_name_and_made_anew_only_when_asked(crm: Writing, what: str) -> None:
    statement, named = DAMAGES[what]
    execute(crm, statement)
    before, effects = standing(crm, what), len(crm.effects())
    for _ in range(2):  # and it stays refused
        report = crm.sync()
        crm.assert_ended(report, "failed", "store_damaged", named, "keepwell pull --full")
        assert report.exit_code == 1
        assert report.plan is None
    assert standing(crm, what) == before, "nothing was reset in silence"
    assert any(named in finding or "its value cannot be read" in finding for finding in _check(crm))
    anew = crm.made.run(lambda deps: run_pull(deps, RunOptions(full=True)))
    assert anew.status == "complete", anew.reason
    assert any(note.startswith("Made anew by reading from the start: ") for note in anew.notes), anew.notes
    assert _check(crm) == []
    crm.assert_caught_up()
    assert len(crm.effects()) == effects, "reading again is no reason to write again"


def _check(crm: Writing) -> list[str]:
    return check(crm.made.settings.store)


def test_row_36_a_quota_that_cannot_be_read_stops_the_run_until_it_is_made_anew(crm: Writing) -> None:
    execute(crm, "UPDATE quota SET slots = '[['")
    report = crm.sync()
    crm.assert_ended(report, "failed", "store_damaged", "cannot be read", "keepwell db check")
    assert any("its slots cannot be read. Read it again: `keepwell pull --full`." in one for one in _check(crm))
    anew = crm.made.run(lambda deps: run_pull(deps, RunOptions(full=True)))
    assert anew.status == "complete", anew.reason
    crm.assert_caught_up()


def test_row_36_a_damaged_record_is_named_and_read_again_by_a_backfill(crm: Writing) -> None:
    record = crm.accounts()[0]
    execute(crm, "UPDATE raw_record SET payload = '{\"na' WHERE stream = 'companies' AND id = :id", id=record)
    report = crm.sync()
    crm.assert_ended(report, "failed", "store_damaged", "cannot be read", "keepwell db check")
    (finding,) = _check(crm)
    assert f"stream=companies, id={record}): its payload cannot be read" in finding
    assert "keepwell backfill" in finding
    read = crm.made.run(lambda deps: run_backfill(deps, BackfillOptions(["companies"], date(2020, 1, 1))))
    assert read.status == "complete", read.reason
    assert _check(crm) == []
    crm.assert_caught_up()


def test_row_36_a_plan_that_was_changed_in_the_store_is_not_applied(tmp_path: Path, either_store: str | None) -> None:
    with written(tmp_path, "hubspot", either_store, accounts=6) as crm:
        planned = crm.made.run(run_plan)
        assert planned.plan is not None
        plan_id = planned.plan.plan_id
        execute(crm, "UPDATE plan_record SET changes = replace(changes, 'standard', 'strategic')")
        refused = crm.made.run(lambda deps: run_apply(deps, plan_id))
        crm.assert_ended(refused, "failed", "store_damaged", f"Plan {plan_id} does not match its id", "keepwell plan")
        assert crm.effects() == []
        crm.assert_caught_up()
        assert {crm.segment(one) for one in crm.accounts()} == {"standard"}


def test_row_36_an_intent_in_no_known_state_is_found(crm: Writing) -> None:
    execute(crm, "UPDATE intent SET state = 'snet' WHERE id = (SELECT min(id) FROM intent)")
    (finding,) = _check(crm)
    assert "intent (id=" in finding
    assert "its state is none that exists. Restore a backup." in finding


MIGRATION_STEPS = (1, 4, 12)
"""How many statements of an upgrade are let through before it is killed."""


@pytest.mark.parametrize("steps", MIGRATION_STEPS)
def test_row_37_an_upgrade_that_is_killed_leaves_the_old_schema_and_can_be_repeated(
    tmp_path: Path, either_store: str | None, steps: int
) -> None:
    url = either_store or f"sqlite:///{tmp_path}/keepwell.db"
    path = address.file_of(address.parse(url))
    if path is not None:
        address.prepare_file(path)
    child = os.fork()
    if child == 0:
        _upgrade_until(url, steps)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    with closing(Store(connect(address.parse(url)), "w")) as store, store.read() as c:
        assert inspect(c).get_table_names() == []
    assert current(url) is None
    assert upgrade(url) == schema.REVISIONS[-1]
    assert check(url) == []


def _upgrade_until(url: str, steps: int) -> None:
    """Upgrade, and die before statement number `steps` that makes or changes a table."""
    store, passed = Store(connect(address.parse(url)), "w"), 0

    def step(_c: object, _cursor: object, statement: str, *_: object) -> None:
        nonlocal passed
        if statement.lstrip().upper().startswith(("CREATE", "ALTER", "DROP")):
            passed += 1
            if passed > steps:
                os.kill(os.getpid(), signal.SIGKILL)

    event.listen(store._writer, "before_cursor_execute", step)
    with store.write() as c:
        schema.migrate(c)


@pytest.mark.parametrize(
    ("revision", "kind", "code", "hint"),
    [
        (NEW_SCHEMA, StoreNewer, "store_newer", "Install the version of Keepwell that made it"),
        ("0003_activities", StoreOld, "store_old", "keepwell db upgrade"),
    ],
)
def test_row_37_a_schema_of_another_version_is_refused_untouched(
    crm: Writing, revision: str, kind: type[StoreNewer | StoreOld], code: str, hint: str
) -> None:
    url = crm.made.settings.store
    execute(crm, "UPDATE alembic_version SET version_num = :other", other=revision)
    with pytest.raises(kind, match=revision) as caught:
        crm.sync()
    ending = ending_of_error(caught.value)
    assert ending is not None
    assert (ending.status, ending.exit_code, ending.code) == ("failed", 1, code)
    assert hint in str(ending.hint)
    assert current(url) == revision, "nothing was changed by looking"
    with closing(Store(connect(address.parse(url)), "default")) as store, store.write() as c:
        c.execute(text("UPDATE alembic_version SET version_num = :now"), {"now": schema.REVISIONS[-1]})
    crm.assert_caught_up()
