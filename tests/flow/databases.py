"""Empty PostgreSQL databases for tests: schemas of one server, which go away with the block."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from uuid import uuid4

import psycopg

SERVER = "host=127.0.0.1 port=5432 dbname=test connect_timeout=30"


@contextmanager
def fresh_schemas() -> Iterator[Callable[[], str]]:
    """A maker of addresses of empty databases; raises `psycopg.OperationalError` where there is no server."""
    with psycopg.connect(SERVER, autocommit=True) as connection, ExitStack() as after:
        user = connection.info.user

        def make() -> str:
            schema = f"flow_{uuid4().hex[:12]}"
            connection.execute(f'CREATE SCHEMA "{schema}"')
            after.callback(connection.execute, f'DROP SCHEMA "{schema}" CASCADE')
            return f"postgresql://{user}@127.0.0.1:5432/test?options=-csearch_path%3D{schema}"

        yield make
