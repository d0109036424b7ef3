"""A PostgreSQL schema of its own for a test that wants one; skipped with a reason where there is no server."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import psycopg
import pytest

from tests.flow.databases import fresh_schemas
from tests.services import absent


@pytest.fixture(scope="module")
def databases() -> Iterator[Callable[[], str]]:
    """A maker of URLs of the test database, each with a fresh schema first in its search path."""
    made = fresh_schemas()
    try:
        make = made.__enter__()
    except psycopg.OperationalError as error:
        absent(f"no PostgreSQL with trust authentication on 127.0.0.1:5432, database test: {error}")
    try:
        yield make
    finally:
        made.__exit__(None, None, None)


@pytest.fixture
def database(databases: Callable[[], str]) -> str:
    """URL of the test database with a fresh schema first in its search path."""
    return databases()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.long)])
def either_store(request: pytest.FixtureRequest) -> str | None:
    """Each kind of store in turn: None for SQLite in the test's own folder, else the URL of a PostgreSQL schema."""
    return None if request.param == "sqlite" else str(request.getfixturevalue("database"))
