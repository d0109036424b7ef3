"""Rows 29 to 32 of the fault table: no room, disks that fail, stores that are locked, far away or badly copied."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from threading import Event, Thread

import psycopg
import pytest
from sqlalchemy import event, text

from store import Store, address, check, marks, open_store
from store.errors import StoreBroken, StoreCorrupt, StoreLocked, StoreMissing, StoreUnusable
from sync.deps import Deps
from sync.ending import ending_of_error
from sync.engine import run_sync
from tests.faults.struck_run import struck
from tests.faults.writing import Writing, once, written
from tests.flow.one_crm import settings_data

POINTS = ("pull.page_read", "apply.guard_read", "apply.sent")
"""What comes next: a page is stored, a batch is claimed, its outcome is noted."""


@pytest.fixture
def crm(tmp_path: Path, either_store: str | None) -> Iterator[Writing]:
    """HubSpot on each store."""
    with written(tmp_path, "hubspot", either_store, accounts=6) as made:
        yield made


@contextmanager
def no_room(crm: Writing, deps: Deps) -> Iterator[Callable[[], None]]:
    """What fills the disk under a store when it is called; there is room again after the block."""
    full = Event()
    engine = deps.store._engine
    if deps.store.dialect == "sqlite":

        @event.listens_for(engine, "begin")
        def limit(connection: object) -> None:
            used = connection.exec_driver_sql("PRAGMA page_count").scalar_one()  # type: ignore[attr-defined]
            most = used if full.is_set() else 2**30
            connection.exec_driver_sql(f"PRAGMA max_page_count = {most}")  # type: ignore[attr-defined]

        yield full.set
        full.clear()
        return
    with psycopg.connect(_server(crm), autocommit=True) as server:
        server.execute(
            "CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION "
            "'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END $$"
        )
        found = server.execute("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()").fetchall()
        names = [f'"{name}"' for (name,) in found]

        def fill() -> None:
            for name in names:
                server.execute(
                    f"CREATE TRIGGER no_room BEFORE INSERT OR UPDATE ON {name} EXECUTE FUNCTION no_room()".encode()
                )

        yield fill
        server.execute("DROP FUNCTION no_room CASCADE")


def _server(crm: Writing) -> str:
    """Address of a PostgreSQL store for its own driver."""
    place = address.parse(crm.made.settings.store)
    return place.set(drivername="postgresql").render_as_string(hide_password=False)


def assert_store_is_sound(crm: Writing) -> None:
    assert check(crm.made.settings.store) == []


@pytest.mark.parametrize("point", POINTS)
def test_row_29_a_full_disk_ends_the_run_and_the_next_one_completes_it(crm: Writing, point: str) -> None:
    with crm.made.deps() as deps, no_room(crm, deps) as fill, once(point, fill) as done:
        report = run_sync(deps)
    assert done
    crm.assert_ended(report, "failed", "store_full", "There is no room left for the store", "Free disk space")
    assert report.exit_code == 1
    assert bool(crm.effects()) == (point == "apply.sent")
    assert_store_is_sound(crm)
    crm.assert_sound(quiet=False)
    crm.leases_end()
    crm.assert_caught_up()
    assert crm.runs()[0][0] in ("failed", "interrupted"), (
        "a run that could not say how it ended is not under way for ever"
    )


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on a file system of four megabytes."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a file system of a given size takes the rights of root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_row_29_a_file_system_without_room_is_told_and_does_the_file_no_harm(tmp_path: Path, small_disk: Path) -> None:
    with written(tmp_path, "hubspot", f"sqlite:///{small_disk}/keepwell.db", accounts=6) as crm:
        filler = small_disk / "filler"
        with crm.made.deps() as deps, once("apply.guard_read", lambda: _fill(filler)) as done:
            report = run_sync(deps)
        assert done
        crm.assert_ended(report, "failed", "store_full", "There is no room left")
        assert crm.effects() == []
        filler.unlink()
        assert_store_is_sound(crm)
        crm.leases_end()
        crm.assert_caught_up()


def _fill(filler: Path) -> None:
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"\0" * 4096)
        except OSError:
            pass


@pytest.mark.parametrize("call", ["fdatasync", "pwrite64"])
@pytest.mark.parametrize("point", POINTS)
def test_row_30_a_disk_that_fails_once_ends_the_run_and_nothing_is_taken_for_kept(
    tmp_path: Path, point: str, call: str
) -> None:
    with written(tmp_path, "hubspot", accounts=6) as crm:
        settings = settings_data(crm.made.crm, "hubspot", crm.made.settings.store)
        told = struck({"settings": settings, "point": point, "injection": f"{call}:error=EIO:when=1"})
        assert (told["status"], told["reason_code"], told["exit_code"]) == ("failed", "store_disk", 1)
        assert "disk I/O error. Whether the last step was kept is not known." in told["reason"]
        assert "keepwell db check" in told["hint"]
        assert [status for status, _ in crm.runs()] == ["failed"], "noted through a connection that was opened anew"
        assert bool(crm.effects()) == (point == "apply.sent")
        assert_store_is_sound(crm)
        crm.assert_sound(quiet=False)
        crm.leases_end()
        crm.assert_caught_up()


def test_row_30_a_connection_whose_disk_failed_is_never_used_again(tmp_path: Path) -> None:
    """The kernel refuses to write beyond a size, which SQLite takes for a disk error."""
    resource = pytest.importorskip("resource", reason="limits of a process are a matter of Unix")
    with closing(open_store(f"sqlite:///{tmp_path}/k.db", "w", create=True)) as store:
        before = _driver_connection(store)
        kept = resource.getrlimit(resource.RLIMIT_FSIZE)
        written_so_far = (tmp_path / "k.db-wal").stat().st_size
        resource.setrlimit(resource.RLIMIT_FSIZE, (written_so_far + 10_000, kept[1]))
        try:
            with pytest.raises(StoreBroken, match=r"disk I/O error.*keepwell db check"), store.write() as c:
                marks.set_mark(c, "w", "long", "x" * 100_000)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, kept)
        assert _driver_connection(store) is not before
        with store.read() as c:
            assert marks.mark(c, "w", "long") is None
        with store.write() as c:
            marks.set_mark(c, "w", "long", "x" * 100_000)
    assert check(f"sqlite:///{tmp_path}/k.db") == []


def _driver_connection(store: Store) -> object:
    with store.read() as c:
        return c.connection.dbapi_connection


@contextmanager
def somebody_who_locks(crm: Writing) -> Iterator[Callable[[], None]]:
    """What lets another process hold the store when it is called, until the block ends."""
    path = address.file_of(address.parse(crm.made.settings.store))
    with ExitStack() as stack:

        def lock() -> None:
            if path is not None:
                other = stack.enter_context(
                    closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False))
                )
                other.execute("BEGIN IMMEDIATE")
                return
            server = stack.enter_context(psycopg.connect(_server(crm)))
            for table in ("run", "intent", "audit", "ledger", "raw_record", "lease"):
                server.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE".encode())

        yield lock


@pytest.mark.parametrize("point", POINTS)
def test_row_31_a_store_that_somebody_else_holds_is_waited_for_and_then_given_up(crm: Writing, point: str) -> None:
    with somebody_who_locks(crm) as lock, crm.made.deps(busy_seconds=2.0) as deps, once(point, lock) as done:
        before = time.monotonic()
        report = run_sync(deps)
        waited = time.monotonic() - before
    assert done
    crm.assert_ended(report, "busy", "store_locked", "is busy", "try again")
    assert report.exit_code == 75
    assert 2.0 <= waited < 120
    assert bool(crm.effects()) == (point == "apply.sent")
    crm.assert_sound(quiet=False)
    crm.leases_end()
    crm.assert_caught_up()


def test_row_31_a_run_that_cannot_even_begin_says_so(crm: Writing) -> None:
    with crm.made.deps(busy_seconds=0.2) as deps, somebody_who_locks(crm) as lock:
        lock()
        with pytest.raises(StoreLocked, match="busy") as caught:
            run_sync(deps)
    ending = ending_of_error(caught.value)
    assert ending is not None
    assert (ending.status, ending.exit_code, ending.code) == ("busy", 75, "store_locked")
    assert ending.hint
    assert crm.runs() == []
    crm.assert_caught_up()


@pytest.mark.parametrize("vendor", ["hubspot", "salesforce"])
def test_row_31_the_store_is_free_while_a_request_is_under_way(tmp_path: Path, vendor: str) -> None:
    """No transaction waits for a CRM: while a request hangs there, others can write."""
    with written(tmp_path, "hubspot" if vendor == "hubspot" else "salesforce", accounts=6) as crm:
        held: list[str] = []
        tried: list[float] = []

        def try_to_write() -> None:
            tried.append(time.monotonic())
            with closing(sqlite3.connect(tmp_path / "keepwell.db", isolation_level=None, timeout=0.0)) as other:
                for _ in range(20):
                    try:
                        other.execute("BEGIN IMMEDIATE")
                        other.execute("ROLLBACK")
                    except sqlite3.OperationalError as error:
                        held.append(str(error))
                        time.sleep(0.05)
                    else:
                        return
            held.append("for a whole second")

        line = "POST .*companies/batch/(read|update)" if crm.name == "hubspot" else "composite/sobjects"
        with crm.proxy() as between:
            between.meanwhile(line, try_to_write)
            assert between.rule is not None
            between.rule.times = 0
            assert crm.made.sync().status == "complete"
        assert len(tried) >= 2, "the guard read and the write"
        assert "for a whole second" not in held


def test_row_32_a_store_on_a_network_file_system_is_refused_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "keepwell.db"
    open_store(f"sqlite:///{path}", create=True).close()
    mounts = tmp_path / "mounts"
    for kind in ("nfs4", "cifs", "fuse.sshfs"):
        mounts.write_text(f"/dev/sda1 / ext4 rw 0 0\nserver:/share {tmp_path} {kind} rw 0 0\n")
        with pytest.raises(StoreUnusable, match=rf"network file system \({kind}\).*local disk or PostgreSQL"):
            address.inspect_file(path, mounts)
    mounts.write_text("/dev/sda1 / ext4 rw 0 0\n")
    address.inspect_file(path, mounts)


def test_row_32_a_file_copied_while_open_is_refused_or_holds_one_whole_state(tmp_path: Path) -> None:
    """Each transaction sets all marks to one value: a state with two of them never existed."""
    url = f"sqlite:///{tmp_path}/live.db"
    store = open_store(url, "w", create=True)
    names = [f"mark {number}" for number in range(40)]
    done = Event()

    def work() -> None:
        for value in range(10_000):
            with store.write() as c:
                for name in names:
                    marks.set_mark(c, "w", name, [value, "x" * 2_000])
            if value % 7 == 0:
                with store.read() as c:
                    c.execute(text("PRAGMA wal_checkpoint(PASSIVE)"))
            if done.is_set():
                return

    writer = Thread(target=work)
    writer.start()
    seen: set[str] = set()
    try:
        for number in range(25):
            for ending in ("", "-wal"):
                source = Path(f"{tmp_path}/live.db{ending}")
                if ending == "" or number % 2:
                    shutil.copyfile(source, f"{tmp_path}/copy{number}.db{ending}")
            seen.add(_judged(f"sqlite:///{tmp_path}/copy{number}.db", names))
    finally:
        done.set()
        writer.join()
        store.close()
    assert "mixed" not in seen
    assert seen


def _judged(url: str, names: list[str]) -> str:
    """How a copy is taken: refused, found to be damaged by a check, or one whole state."""
    try:
        with closing(open_store(url, "w")) as store:
            if check(url):
                return "found"
            with store.read() as c:
                values = {str(marks.mark(c, "w", name))[:12] for name in names}
    except (StoreCorrupt, StoreMissing):
        return "refused"
    return "whole" if len(values) == 1 else "mixed"


def test_row_32_a_copy_that_was_cut_short_is_refused(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/k.db"
    open_store(url, create=True).close()
    size = (tmp_path / "k.db").stat().st_size
    for part in (size // 2, size - 4096, 512):
        shutil.copyfile(tmp_path / "k.db", tmp_path / "cut.db")
        os.truncate(tmp_path / "cut.db", part)
        with pytest.raises(StoreCorrupt, match="backup"):
            open_store(f"sqlite:///{tmp_path}/cut.db")
