"""Stores for trials: each begins as a copy of a prepared one, on SQLite a file, on PostgreSQL the rows of a schema."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Literal, Protocol
from uuid import uuid4

import psycopg
from psycopg import sql
from sqlalchemy import LargeBinary, Table, TableClause, column, create_engine, insert, select, table
from sqlalchemy.engine import make_url

from store.database import open_store
from store.tables import metadata
from store.types import PackedFrame
from tests.flow.databases import SERVER

StoreName = Literal["sqlite", "postgresql"]
FAST = Path("/dev/shm")  # noqa: S108 - memory where there is some: nothing here has to survive a power cut
NAME = "keepwell_rig"
_WAIT = 10.0


class TrialStore(Protocol):
    """A store that can be what it was at the beginning of a trial."""

    url: str

    def reset(self, prepared: Path | None) -> None:
        """Hold what a prepared SQLite store holds, or nothing yet."""
        ...

    def settle(self) -> None:
        """Wait until the server has noticed that a killed client is gone."""
        ...


@contextmanager
def fast_folder() -> Iterator[Path]:
    """A folder on the fastest file system there is."""
    with tempfile.TemporaryDirectory(prefix="keepwell-rig-", dir=FAST if FAST.is_dir() else None) as folder:
        yield Path(folder)


class SqliteTrialStore:
    """A file that is copied anew."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "keepwell.db"
        self.url = f"sqlite:///{self._file}"

    def reset(self, prepared: Path | None) -> None:
        for ending in ("", "-wal", "-shm"):
            Path(f"{self._file}{ending}").unlink(missing_ok=True)
        if prepared is not None:
            shutil.copyfile(prepared, self._file)
            self._file.chmod(0o600)

    def settle(self) -> None:
        """A file has no server."""


class PostgresTrialStore:
    """A schema whose rows are replaced by those of another schema, which was filled once from the prepared store."""

    def __init__(self, server: psycopg.Connection[tuple[Any, ...]], after: ExitStack) -> None:
        self._server = server
        self._after = after
        self._mine = self._schema()
        self._prepared: dict[Path, str] = {}
        self._client = f"{NAME}_{uuid4().hex[:8]}"
        self.url = f"{_address(server, self._mine)}&application_name={self._client}"
        open_store(self.url, create=True).close()
        self._numbers = {table.name: found for table in metadata.sorted_tables if (found := self._sequence(table.name))}

    def reset(self, prepared: Path | None) -> None:
        self.settle()
        source = None if prepared is None else self._poured(prepared)
        names = [table.name for table in metadata.sorted_tables]
        steps = [sql.SQL("DELETE FROM {}").format(sql.Identifier(self._mine, name)) for name in names]
        if source is not None:
            copy = sql.SQL("INSERT INTO {} SELECT * FROM {}")
            steps += [copy.format(sql.Identifier(self._mine, name), sql.Identifier(source, name)) for name in names]
        steps += [self._renumber(name) for name in self._numbers]
        with self._server.transaction():
            self._server.execute(sql.SQL("; ").join(steps))

    def settle(self) -> None:
        until = time.monotonic() + _WAIT
        mine = "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s"
        while self._server.execute(mine, (self._client,)).fetchone() != (0,):
            if time.monotonic() > until:
                raise TimeoutError("The server does not notice that a killed run is gone.")
            time.sleep(0.001)

    def _schema(self) -> str:
        name = f"{NAME}_{uuid4().hex[:12]}"
        self._server.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(name)))
        self._after.callback(self._server.execute, sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(name)))
        return name

    def _poured(self, prepared: Path) -> str:
        """The schema that holds what a prepared store holds."""
        if prepared not in self._prepared:
            name = self._schema()
            address = _address(self._server, name)
            open_store(address, create=True).close()
            source = create_engine(f"sqlite:///{prepared}")
            target = create_engine(make_url(address).set(drivername="postgresql+psycopg"))
            with source.connect() as here, target.begin() as there:
                for each in map(_unread, metadata.sorted_tables):
                    rows = [dict(row._mapping) for row in here.execute(select(each))]
                    if rows:
                        there.execute(insert(each), rows)
            source.dispose()
            target.dispose()
            self._prepared[prepared] = name
        return self._prepared[prepared]

    def _sequence(self, table: str) -> tuple[str, str] | None:
        """The column that the server numbers, and the sequence that it does it with."""
        (column, *_others) = metadata.tables[table].primary_key.columns.keys()
        name = f'"{self._mine}"."{table}"'
        row = self._server.execute("SELECT pg_get_serial_sequence(%s, %s)", (name, column)).fetchone()
        return None if row is None or row[0] is None else (column, str(row[0]))

    def _renumber(self, table: str) -> sql.Composed:
        column, sequence = self._numbers[table]
        again = sql.SQL("SELECT setval({}, (SELECT coalesce(max({}), 0) + 1 FROM {}), false)")
        return again.format(sql.Literal(sequence), sql.Identifier(column), sql.Identifier(self._mine, table))


@contextmanager
def trial_store(name: StoreName, folder: Path) -> Iterator[TrialStore]:
    """A store of one kind; raises `psycopg.OperationalError` where there is no server."""
    if name == "sqlite":
        yield SqliteTrialStore(folder)
        return
    with psycopg.connect(SERVER, autocommit=True) as server, ExitStack() as after:
        yield PostgresTrialStore(server, after)


def _address(server: psycopg.Connection[tuple[Any, ...]], schema: str) -> str:
    return f"postgresql://{server.info.user}@127.0.0.1:5432/test?options=-csearch_path%3D{schema}"


def _unread(whole: Table) -> TableClause:
    """A table whose packed frames are bytes: to read one starts polars' threads, which no fork survives."""
    types = {one.name: LargeBinary() if isinstance(one.type, PackedFrame) else one.type for one in whole.columns}
    return table(whole.name, *(column(name, kind) for name, kind in types.items()))
