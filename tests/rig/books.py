"""What the store says, read as it lies there: plain rows, no code of the engine, and no trace of having looked.

Of an SQLite store a copy is read, file and log, so that a crashed one is still crashed for the run that comes next.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, NullPool, Table, create_engine, inspect, select, text
from sqlalchemy.engine import make_url

from store.tables import metadata

Row = Mapping[str, Any]
NAMES = (
    "intent", "ledger", "audit", "audit_head", "plan", "run", "epoch", "cursor", "lease", "failure", "evaluation",
    "alert_task", "timeline_entry",
)  # fmt: skip
RAW = ("connection", "stream", "id", "modified_at", "archived", "gone")


@dataclass(frozen=True)
class Books:
    """The rows of a workspace by table; `foreign` are digests of what other workspaces have, `damage` what SQLite
    says about its file, `text` everything in the store as bytes, where it was asked for."""

    workspace: str
    tables: Mapping[str, Sequence[Row]]
    raw: Sequence[Row]
    foreign: Mapping[str, str]
    damage: Sequence[str] = ()
    text: bytes = b""

    @cached_property
    def intents(self) -> Sequence[Row]:
        """The outbox, oldest first."""
        return sorted(self.tables["intent"], key=lambda row: row["id"])

    def of(self, connection: str, object_name: str) -> list[Row]:
        """The outbox of an object of a connection, oldest first."""
        return [row for row in self.intents if (row["connection"], row["object"]) == (connection, object_name)]

    def ledger(self, connection: str, object_name: str) -> dict[tuple[str, str], Row]:
        """(record id, property) → what stands in the ledger."""
        here = (connection, object_name)
        return {
            (row["record_id"], row["property"]): row
            for row in self.tables["ledger"]
            if (row["connection"], row["object"]) == here and row["is_current"]
        }


def read_books(url: str, workspace: str = "default", *, whole: bool = False) -> Books:
    """Read a store; with `whole`, its complete content as bytes as well."""
    with _at_rest(url) as (place, damage, content), engine_at(place).connect() as c:
        if not is_made(c):
            return Books(workspace, dict.fromkeys(NAMES, ()), (), {}, damage, content if whole else b"")
        raw = metadata.tables["raw_record"]
        here = select(*(raw.c[name] for name in RAW)).where(raw.c.workspace == workspace)
        return Books(
            workspace=workspace,
            tables={name: _rows(c, metadata.tables[name], workspace) for name in NAMES},
            raw=[dict(row._mapping) for row in c.execute(here)],
            foreign=_foreign(c, workspace),
            damage=damage,
            text=b"" if not whole else content or _everything(c),
        )


@contextmanager
def _at_rest(url: str) -> Iterator[tuple[str, list[str], bytes]]:
    """The address to read at, what is wrong with the file, and its bytes (both empty for a server)."""
    place = make_url(url)
    if place.get_backend_name() != "sqlite":
        yield url, [], b""
        return
    original = Path(str(place.database))
    copy = original.with_name(f"look-{os.getpid()}-{original.name}")
    content = b""
    try:
        for ending in ("", "-wal"):  # the shared index beside them is made anew from these two
            source = Path(f"{original}{ending}")
            if source.exists():
                shutil.copyfile(source, f"{copy}{ending}")
                content += source.read_bytes()
        yield f"sqlite:///{copy}", _damage(copy), content
    finally:
        for ending in ("", "-wal", "-shm"):
            Path(f"{copy}{ending}").unlink(missing_ok=True)


def is_made(c: Connection) -> bool:
    """Whether the store has its tables yet: they come together, or not at all."""
    return inspect(c).has_table("alembic_version")


def _damage(file: Path) -> list[str]:
    connection = sqlite3.connect(file)
    try:
        found = [str(row[0]) for row in connection.execute("PRAGMA integrity_check(20)")]
    except sqlite3.DatabaseError as error:
        return [str(error)]
    finally:
        connection.close()
    return [] if found == ["ok"] else found


@cache
def engine_at(url: str) -> Engine:
    """An engine that keeps no connection, only what it has learnt of our statements."""
    place = make_url(url)
    driver = "postgresql+psycopg" if place.get_backend_name() == "postgresql" else "sqlite+pysqlite"
    return create_engine(place.set(drivername=driver), poolclass=NullPool)


def _rows(c: Connection, table: Table, workspace: str) -> list[Row]:
    return [dict(row._mapping) for row in c.execute(select(table).where(table.c.workspace == workspace))]


def _foreign(c: Connection, workspace: str) -> dict[str, str]:
    """A digest of every other workspace's rows, by table and workspace."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for table in metadata.sorted_tables:
        if "workspace" in table.c:
            for row in c.execute(select(table).where(table.c.workspace != workspace)):
                found[f"{table.name} of {row.workspace}"].append(repr(tuple(row)))
    return {name: hashlib.sha256("\n".join(sorted(rows)).encode()).hexdigest() for name, rows in found.items()}


def _everything(c: Connection) -> bytes:
    """All rows of all tables as the server writes them."""
    lines: list[str] = []
    for table in metadata.sorted_tables:
        name = c.dialect.identifier_preparer.format_table(table)
        lines += c.execute(text(f"SELECT t::text FROM {name} AS t")).scalars()  # noqa: S608 - our own table names
    return "\n".join(lines).encode()
