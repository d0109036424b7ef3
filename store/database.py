"""An open store: one engine, one workspace, transactions that either happen or do not."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from datetime import datetime
from typing import Any, Literal, cast

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, ExceptionContext
from sqlalchemy.exc import DBAPIError

from store import address, schema, sql
from store.errors import is_disk_error, translate
from store.gate import Gate
from store.tables import metadata

BUSY_SECONDS = 30.0
"""How long a transaction waits for another one before it gives up with StoreLocked."""
IDLE_SECONDS = 300
"""How long a transaction on a server may stand still before the server ends it."""

_BEGIN = "keepwell_begin"


def connect(url: URL, *, busy_seconds: float = BUSY_SECONDS, read_only: bool = False) -> Engine:
    """Return an engine whose connections are safe to write a ledger with; `read_only`, the database refuses writes."""
    if url.get_backend_name() == "sqlite":
        return _connect_sqlite(url, busy_seconds, read_only=read_only)
    # A wait is bounded on the server too; TIMESTAMPTZ arrives in UTC whatever the server's zone is.
    # Plans are made for the values at hand: one array of ids may hold one id or thousands.
    # A process that was paused or cut off in the middle of a transaction gives its locks back after a while.
    waits = (f"lock_timeout={int(busy_seconds * 1000)}", f"idle_in_transaction_session_timeout={IDLE_SECONDS * 1000}")
    settings = ["timezone=UTC", *waits, "synchronous_commit=on"]
    if read_only:
        settings += ["default_transaction_read_only=on", f"statement_timeout={int(busy_seconds * 1000)}"]
    options = " ".join(f"-c {setting}" for setting in (*settings, "plan_cache_mode=force_custom_plan"))
    given = url.query.get("options", "")
    options = f"{' '.join(given) if isinstance(given, tuple) else given} {options}".strip()
    arguments = {"connect_timeout": 10, "options": options}
    return create_engine(url.difference_update_query(["options"]), connect_args=arguments, pool_pre_ping=True)


def _connect_sqlite(url: URL, busy_seconds: float, *, read_only: bool) -> Engine:
    # Last in, first out: the connection used next is the one whose cache is warm, and the spare ones stay small.
    arguments = {"timeout": busy_seconds, "check_same_thread": False}
    engine = create_engine(url, connect_args=arguments, pool_use_lifo=True)

    @event.listens_for(engine, "connect")
    def configure(connection: Any, _: Any) -> None:
        # The driver would begin transactions by itself, late and not before DDL; `begin` below does it instead.
        connection.isolation_level = None
        cursor = connection.cursor()
        # Pages changed again and again reach the file once in 64 MiB of log instead of after every page of a pull. A
        # larger cache was no faster then, and each of several connections would fill its own.
        for pragma in ("synchronous=FULL", "foreign_keys=ON", "cache_size=-8192", "wal_autocheckpoint=16000"):
            cursor.execute(f"PRAGMA {pragma}")
        if _ours_or_empty(cursor):
            cursor.execute("PRAGMA journal_mode=WAL")
        if read_only:
            cursor.execute("PRAGMA query_only=ON")
        cursor.close()

    @event.listens_for(engine, "handle_error")
    def give_up(context: ExceptionContext) -> None:
        # After a failed write or sync the connection's view of the file and the file may differ: it is closed, and the
        # next one reads what is really there.
        if is_disk_error(context.original_exception):
            context.is_disconnect = True

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql(connection.get_execution_options().get(_BEGIN, "BEGIN"))

    return engine


def _ours_or_empty(cursor: Any) -> bool:
    """Setting the journal mode rewrites the file's header, and a file of something else is refused untouched."""
    tables = {row[0] for row in cursor.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    return not tables or "alembic_version" in tables


class Store:
    """A store of the right version, opened for one workspace."""

    def __init__(
        self,
        engine: Engine,
        workspace: str,
        *,
        busy_seconds: float = BUSY_SECONDS,
        now: Callable[[], datetime] | None = None,
    ) -> None:
        """`now` stands in for the database's clock; all who share the store have to be given the same one."""
        self.workspace = workspace
        self.where = address.shown(engine.url)
        self.dialect = cast("Literal['sqlite', 'postgresql']", engine.dialect.name)
        engine = engine.execution_options(**{sql.NOW: now}) if now is not None else engine
        self._engine = engine
        self._writer = engine.execution_options(**{_BEGIN: "BEGIN IMMEDIATE"})
        self._reader = engine
        self._gate = Gate(self.where, busy_seconds)
        if self.dialect == "postgresql":
            self._reader = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Open a transaction that commits at the end of the block and rolls back on any exception.

        On SQLite it holds the write lock from the start, and threads of one process get it in the order in which they
        ask; one that has it already may not ask again. Raises StoreLocked, StoreFull, StoreCorrupt, StoreUnusable.
        """
        try:
            with self._turn(), self._writer.begin() as connection:
                yield connection
        except DBAPIError as error:
            raise translate(error, self.where) from error

    def _turn(self) -> AbstractContextManager[None]:
        return self._gate.turn() if self.dialect == "sqlite" else nullcontext()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Open a transaction that sees one state of the store, however long it lasts, and changes nothing."""
        try:
            with self._reader.begin() as connection:
                yield connection
        except DBAPIError as error:
            raise translate(error, self.where) from error

    def compact(self) -> str | None:
        """Write the store anew, so that nothing of what was deleted is left in its file or its log, or in the tables of
        a server.

        Returns why it could not be done, None when it was. Needs as much free space as the store takes.
        """
        try:
            if self.dialect == "sqlite":
                return self._compact_file()
            self._compact_tables()
        except (DBAPIError, sqlite3.Error) as error:
            return str(error.orig if isinstance(error, DBAPIError) else error).strip()
        return None

    def _compact_file(self) -> str | None:
        with self._turn(), closing(self._engine.raw_connection()) as connection:
            cursor = connection.cursor()
            cursor.execute("VACUUM")
            # Only a log of no length holds no old pages; whoever still reads from it keeps it from being cut off.
            (busy, *_), *_ = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            return "somebody is reading it" if busy else None

    def _compact_tables(self) -> None:
        with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            prepared = connection.dialect.identifier_preparer
            for table in metadata.sorted_tables:
                connection.exec_driver_sql(f"VACUUM FULL {prepared.format_table(table)}")

    def require_current(self, connection: Connection) -> None:
        """Raise StoreOld, StoreNewer or another reason unless the schema is still the one of this version."""
        schema.require_current(connection, self.where)

    def now(self) -> datetime:
        """Return the clock that all processes on this store share."""
        with self.read() as connection:
            return sql.now(connection)

    def close(self) -> None:
        """Close every connection; a process that forks does this in parent or child before the other one writes."""
        self._engine.dispose()


def open_store(
    url: str,
    workspace: str = "default",
    *,
    create: bool = False,
    read_only: bool = False,
    busy_seconds: float = BUSY_SECONDS,
) -> Store:
    """Return the store at `url`, or raise why it is refused: missing, old, newer, corrupt, locked, not writable.

    With `create`, a store that is not there or empty is made; one of an older version is never changed by opening it.
    With `read_only`, the database itself refuses whatever would change it.
    """
    place = address.parse(url)
    path = address.file_of(place)
    if path is not None:
        if create and not path.exists():
            address.prepare_file(path)
        address.inspect_file(path)
    engine = connect(place, busy_seconds=busy_seconds, read_only=read_only)
    store = Store(engine, workspace, busy_seconds=busy_seconds)
    try:
        _ensure_schema(store, create=create)
    except BaseException:
        store.close()
        raise
    return store


def _ensure_schema(store: Store, *, create: bool) -> None:
    with store.read() as connection:
        if not create or not schema.is_empty(connection):
            schema.require_current(connection, store.where)
            return
    with store.write() as connection:
        schema.migrate(connection)


def upgrade(url: str) -> str:
    """Create the store or bring it to this version's schema in one transaction, and return the revision reached."""
    place = address.parse(url)
    path = address.file_of(place)
    if path is not None:
        address.prepare_file(path)
        address.inspect_file(path)
    store = Store(connect(place), workspace="")
    try:
        with store.write() as connection:
            found = schema.revision(connection)
            if found is None and not schema.is_empty(connection):
                raise schema.not_ours(store.where)
            schema.refuse_newer(found, store.where)
            return schema.migrate(connection)
    finally:
        store.close()


def current(url: str) -> str | None:
    """Return the schema revision of the store, None where there is none yet."""
    place = address.parse(url)
    path = address.file_of(place)
    if path is not None and not path.exists():
        return None
    if path is not None:
        address.inspect_file(path)
    store = Store(connect(place), workspace="")
    try:
        with store.read() as connection:
            return schema.revision(connection)
    finally:
        store.close()
