"""Every test runs on SQLite and on PostgreSQL; a workspace of its own keeps each test apart from the others."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from store import Store, open_store
from tests.services import absent

SERVER = "postgresql://postgres@127.0.0.1:5432"


def _server_or_skip() -> psycopg.Connection[tuple[object, ...]]:
    try:
        return psycopg.connect(f"{SERVER}/test", autocommit=True, connect_timeout=30)
    except psycopg.OperationalError as error:
        absent(f"no PostgreSQL server at 127.0.0.1:5432: {error}")


@pytest.fixture(scope="session", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.long)])
def empty_database(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[], str]]:
    """A maker of empty databases: each call returns the address of a new one."""
    if request.param == "sqlite":
        folder: Path = tmp_path_factory.mktemp("store")
        yield lambda: f"sqlite:///{folder / uuid.uuid4().hex}.db"
        return
    with _server_or_skip() as server, ExitStack() as after:

        def make() -> str:
            # A schema is as empty as a database, and dropping it does not make the server write everything to disk.
            name = f"keepwell_test_{uuid.uuid4().hex}"
            server.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(name)))
            drop = sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(name))
            after.callback(server.execute, drop)
            return f"{SERVER}/test?options=-csearch_path%3D{name}"

        yield make


@pytest.fixture(scope="session")
def url(empty_database: Callable[[], str]) -> str:
    """Address of the store that the tests of one dialect share."""
    return empty_database()


@pytest.fixture(scope="session")
def store(url: str) -> Iterator[Store]:
    """The open store behind `url`."""
    opened = open_store(url, create=True)
    yield opened
    opened.close()


@pytest.fixture
def ws() -> str:
    """A workspace that no other test uses."""
    return uuid.uuid4().hex


@pytest.fixture(scope="session")
def now() -> datetime:
    """The instant at which everything in these tests happens."""
    return datetime(2026, 3, 14, 15, 9, 26, 535897, tzinfo=UTC)
