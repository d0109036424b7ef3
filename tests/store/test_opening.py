"""A store is opened when it is sound and of this version; everything else is refused with what to do next."""

from __future__ import annotations

import stat
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect, text

from store import (
    Store,
    address,
    audit,
    check,
    current,
    entities,
    epochs,
    frames,
    marks,
    open_store,
    schema,
    upgrade,
)  # fmt: skip
from store.database import connect
from store.errors import StoreCorrupt, StoreError, StoreLocked, StoreMissing, StoreNewer, StoreOld, StoreUnusable
from store.tables import metadata


def set_revision(url: str, revision: str) -> None:
    engine = connect(address.parse(url))
    with engine.begin() as c:
        c.execute(text("UPDATE alembic_version SET version_num = :revision"), {"revision": revision})
    engine.dispose()


def made_at_revision(url: str, revision: str) -> None:
    """A store as an earlier version of Keepwell left it."""
    path = address.file_of(address.parse(url))
    if path is not None:
        address.prepare_file(path)
    engine = connect(address.parse(url))
    with engine.begin() as c:
        config = Config()
        config.set_main_option("script_location", str(schema.MIGRATIONS))
        config.attributes["connection"] = c
        command.upgrade(config, revision)
    engine.dispose()


def test_an_empty_database_is_created_only_when_asked(empty_database: Callable[[], str]) -> None:
    url = empty_database()
    assert current(url) is None
    with pytest.raises(StoreMissing, match="keepwell plan"):
        open_store(url)
    opened = open_store(url, create=True)
    opened.close()
    assert current(url) == schema.REVISIONS[-1]
    open_store(url).close()


def test_upgrading_twice_changes_nothing(empty_database: Callable[[], str]) -> None:
    url = empty_database()
    assert upgrade(url) == schema.REVISIONS[-1]
    assert upgrade(url) == schema.REVISIONS[-1]
    assert check(url) == []


def test_a_check_names_every_damaged_row(empty_database: Callable[[], str], now: datetime) -> None:
    url = empty_database()
    opened = open_store(url, "w", create=True)
    names = {"batch": "b", "run_id": "r", "connection": "crm", "object_name": "companies", "digest": "d"}
    with opened.write() as c:
        epoch = epochs.open_epoch(c, "w", "crm", "deals", "full", since=None, now=now)
        epochs.seal(c, epoch.id, proof={}, cursor=now, now=now)
        audit.append(c, "w", kind="intent", count=1, detail={}, now=now, **names)
    assert check(url) == []
    with opened.write() as c:
        c.execute(text("UPDATE epoch SET position = 'elsewhere'"))
        c.execute(text("UPDATE cursor SET epoch_id = 77"))
        c.execute(text("UPDATE audit SET count = 2"))
    opened.close()
    findings = check(url)
    assert [word for word in ("cursor", "epoch", "Audit") if any(word in finding for finding in findings)] == [
        "cursor",
        "epoch",
        "Audit",
    ]
    assert len(findings) == 3


@pytest.mark.parametrize(
    ("damage", "finding"),
    [
        ("DROP TABLE entity_deal", "The table entity_deal is missing. Restore it from a backup."),
        ("DROP INDEX uq_intent_open", "The table intent has no index uq_intent_open. Restore it from a backup."),
        ("ALTER TABLE run DROP COLUMN reason", "The table run has no column reason. Restore it from a backup."),
    ],
)
def test_a_check_names_what_a_half_copied_store_lacks(
    empty_database: Callable[[], str], damage: str, finding: str
) -> None:
    url = empty_database()
    with closing(open_store(url, create=True)) as store, store.write() as c:
        c.execute(text(damage))
    assert check(url) == [finding]


def test_a_table_that_is_not_there_is_damage_and_no_bug(empty_database: Callable[[], str]) -> None:
    with closing(open_store(empty_database(), create=True)) as store:
        with store.write() as c:
            c.execute(text("DROP TABLE mark"))
        with pytest.raises(StoreCorrupt, match=r"does not have the tables.*mark.*backup.*db check"), store.read() as c:
            marks.mark(c, "w", "x")


def test_an_empty_store_is_told_from_somebody_elses(empty_database: Callable[[], str]) -> None:
    url = empty_database()
    path = address.file_of(address.parse(url))
    if path is not None:
        path.touch(0o600)
    (finding,) = check(url)
    assert " is empty. The first `keepwell plan` makes it; " in finding


def test_messages_name_a_store_as_its_owner_does(tmp_path: Path) -> None:
    for url, named in (
        (f"sqlite:///{tmp_path}/own.db", f"{tmp_path}/own.db"),
        ("postgresql://me:hidden-word@host/db", "postgresql://me:***@host/db"),
        ("postgres://me@host/db", "postgresql://me@host/db"),
    ):
        assert address.shown(address.parse(url)) == named


def test_an_older_store_says_how_to_upgrade_and_is_not_touched(empty_database: Callable[[], str]) -> None:
    url = empty_database()
    upgrade(url)
    set_revision(url, schema.REVISIONS[0])
    with pytest.raises(StoreOld, match="keepwell db upgrade"):
        open_store(url, create=True)
    assert current(url) == schema.REVISIONS[0]


def test_an_upgrade_adds_what_is_new_and_keeps_what_is_there(empty_database: Callable[[], str]) -> None:
    url = empty_database()
    made_at_revision(url, "0002_entities")
    engine = connect(address.parse(url))
    with engine.begin() as c:
        entities.replace_entities(c, "w", "deal", "crm", [{"id": "1", "stream": "deals", "name": "kept"}])
    engine.dispose()
    assert upgrade(url) == schema.REVISIONS[-1]
    assert check(url) == []
    with closing(open_store(url, "w")) as store, store.write() as c:
        assert frames.frame(c, "w", "deal")["name"].to_list() == ["kept"]
        entities.replace_entities(c, "w", "call", "crm", [{"id": "1", "stream": "calls", "duration": 61.5}])
        assert frames.frame(c, "w", "call")["duration"].to_list() == [61.5]


def test_a_newer_store_is_refused(empty_database: Callable[[], str]) -> None:
    url = empty_database()
    upgrade(url)
    set_revision(url, "9999_future")
    with pytest.raises(StoreNewer, match="9999_future"):
        open_store(url)
    with pytest.raises(StoreNewer):
        upgrade(url)
    assert "9999_future" in check(url)[0]


def test_tables_of_something_else_are_left_alone(empty_database: Callable[[], str]) -> None:
    url = empty_database()
    path = address.file_of(address.parse(url))
    if path is not None:
        address.prepare_file(path)
    engine = create_engine(address.parse(url))
    with engine.begin() as c:
        c.execute(text("CREATE TABLE somebody_elses (id INTEGER)"))
    engine.dispose()
    before = path.read_bytes() if path is not None else b""
    for step in (lambda: open_store(url, create=True), lambda: upgrade(url)):
        with pytest.raises(StoreUnusable, match="something else"):
            step()
    assert (path.read_bytes() if path is not None else b"") == before


def test_migrations_lead_to_exactly_the_tables_of_the_code(url: str, store: Store) -> None:
    with store.read() as c:
        difference = compare_metadata(MigrationContext.configure(c, opts={"compare_type": True}), metadata)
    assert difference == []


def test_the_known_revisions_are_those_of_the_scripts() -> None:
    scripts = ScriptDirectory(str(schema.MIGRATIONS))
    assert [script.revision for script in scripts.walk_revisions()] == list(reversed(schema.REVISIONS))


def test_a_migration_that_fails_leaves_nothing_behind(empty_database: Callable[[], str]) -> None:
    url = empty_database()
    path = address.file_of(address.parse(url))
    if path is not None:
        address.prepare_file(path)
    half = Store(connect(address.parse(url)), "w")

    def interrupted() -> None:
        with half.write() as c:
            schema.migrate(c)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    with half.read() as c:
        assert inspect(c).get_table_names() == []
    half.close()
    assert upgrade(url) == schema.REVISIONS[-1]


def test_a_file_belongs_to_its_owner_alone(tmp_path: Path) -> None:
    opened = open_store(f"sqlite:///{tmp_path}/own.db", create=True)
    with opened.write() as c:
        c.execute(text("DELETE FROM mark"))
    for file in tmp_path.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
    opened.close()


def test_sqlite_is_set_up_to_survive_a_power_loss(tmp_path: Path) -> None:
    opened = open_store(f"sqlite:///{tmp_path}/safe.db", create=True)
    with opened.read() as c:
        settings = {name: c.execute(text(f"PRAGMA {name}")).scalar_one() for name in ("journal_mode", "synchronous")}
    opened.close()
    assert settings == {"journal_mode": "wal", "synchronous": 2}


def test_one_connection_does_the_work_that_one_can_do(tmp_path: Path) -> None:
    # Each has a page cache of its own; connections taken in turn would fill all of them.
    opened = open_store(f"sqlite:///{tmp_path}/pool.db", create=True)
    with opened.read() as one, opened.read() as other:
        assert one.connection.dbapi_connection is not other.connection.dbapi_connection
    used = set()
    for _ in range(4):
        with opened.write() as c:
            used.add(id(c.connection.dbapi_connection))
    opened.close()
    assert len(used) == 1


def test_a_missing_file_is_not_created_by_looking(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/none.db"
    with pytest.raises(StoreMissing, match="There is no store"):
        open_store(url)
    assert current(url) is None
    assert "There is no store" in check(url)[0]
    assert list(tmp_path.iterdir()) == []


def test_something_that_is_not_a_database_is_called_by_name(tmp_path: Path) -> None:
    (tmp_path / "notes.db").write_text("these are only notes, certainly no database")
    with pytest.raises(StoreCorrupt, match="not a SQLite database"):
        open_store(f"sqlite:///{tmp_path}/notes.db", create=True)
    with pytest.raises(StoreUnusable, match="not a file"):
        open_store(f"sqlite:///{tmp_path}", create=True)
    with pytest.raises(StoreUnusable, match="cannot be created"):
        open_store(f"sqlite:///{tmp_path}/no/such/folder/x.db", create=True)


def test_damage_inside_the_file_is_corruption(tmp_path: Path) -> None:
    path = tmp_path / "damaged.db"
    open_store(f"sqlite:///{path}", create=True).close()
    content = bytearray(path.read_bytes())
    content[100:4096] = b"\xff" * 3996  # the page that lists all tables
    path.write_bytes(content)
    with pytest.raises(StoreCorrupt, match=r"damaged.*backup"):
        open_store(f"sqlite:///{path}")


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("sqlite://", "memory"),
        ("sqlite:///:memory:", "memory"),
        ("mysql://host/db", "not known"),
        ("keepwell.db", "not a database URL"),
    ],
)
def test_other_addresses_are_refused(url: str, words: str) -> None:
    with pytest.raises(StoreUnusable, match=words):
        open_store(url)


def test_a_server_that_does_not_answer_is_unusable_and_the_password_stays_hidden() -> None:
    with pytest.raises(StoreUnusable) as caught:
        open_store("postgresql://user:hidden-word@127.0.0.1:1/none")
    assert "hidden-word" not in str(caught.value)


def test_a_writer_that_waits_too_long_is_told_so(url: str, store: Store) -> None:
    impatient = open_store(url, busy_seconds=0.1)
    with store.write() as held:
        held.execute(text("INSERT INTO mark (workspace, name, value) VALUES ('locked', 'x', '1')"))
        with pytest.raises(StoreLocked, match="busy"), impatient.write() as c:
            c.execute(text("INSERT INTO mark (workspace, name, value) VALUES ('locked', 'x', '2')"))
    impatient.close()


def test_a_failed_block_leaves_no_trace(store: Store, ws: str) -> None:
    def fail() -> None:
        with store.write() as c:
            c.execute(text("INSERT INTO mark (workspace, name, value) VALUES (:ws, 'x', '1')"), {"ws": ws})
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with store.read() as c:
        assert c.execute(text("SELECT count(*) FROM mark WHERE workspace = :ws"), {"ws": ws}).scalar_one() == 0


def test_a_reader_sees_one_state_however_long_it_reads(url: str, store: Store, ws: str) -> None:
    count = text("SELECT count(*) FROM mark WHERE workspace = :ws")
    with store.read() as c:
        assert c.execute(count, {"ws": ws}).scalar_one() == 0
        with store.write() as writer:
            writer.execute(text("INSERT INTO mark (workspace, name, value) VALUES (:ws, 'x', '1')"), {"ws": ws})
        assert c.execute(count, {"ws": ws}).scalar_one() == 0
    with store.read() as c:
        assert c.execute(count, {"ws": ws}).scalar_one() == 1


def test_network_file_systems_are_recognised(tmp_path: Path) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(f"/dev/sda1 / ext4 rw 0 0\nserver:/share {tmp_path}/far nfs4 rw 0 0\n")
    assert address.network_filesystem(tmp_path / "far" / "keepwell.db", mounts) == "nfs4"
    assert address.network_filesystem(tmp_path / "near.db", mounts) is None
    assert address.network_filesystem(tmp_path / "near.db", tmp_path / "absent") is None


def test_every_error_is_a_store_error_with_a_hint(tmp_path: Path) -> None:
    with pytest.raises(StoreError) as caught:
        open_store(f"sqlite:///{tmp_path}/none.db")
    assert caught.value.hint
    assert str(caught.value) == f"{caught.value.message} {caught.value.hint}"
