"""A PostgreSQL schema of its own for a test that wants one; skipped with a reason where there is no server."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import psycopg
import pytest

from tests.services import absent

SERVER = "host=127.0.0.1 port=5432 dbname=test connect_timeout=3"


@pytest.fixture
def database() -> Iterator[str]:
    """URL of the test database with a fresh schema first in its search path."""
    schema = f"flow_{uuid4().hex[:12]}"
    try:
        connection = psycopg.connect(SERVER, autocommit=True)
    except psycopg.OperationalError as error:
        absent(f"no PostgreSQL with trust authentication on 127.0.0.1:5432, database test: {error}")
    with connection:
        user = connection.info.user
        connection.execute(f'CREATE SCHEMA "{schema}"')
        try:
            yield f"postgresql://{user}@127.0.0.1:5432/test?options=-csearch_path%3D{schema}"
        finally:
            connection.execute(f'DROP SCHEMA "{schema}" CASCADE')


@pytest.fixture(params=["sqlite", "postgresql"])
def either_store(request: pytest.FixtureRequest) -> str | None:
    """Each kind of store in turn: None for SQLite in the test's own folder, else the URL of a PostgreSQL schema."""
    return None if request.param == "sqlite" else str(request.getfixturevalue("database"))
