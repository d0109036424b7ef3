"""The same runs on PostgreSQL, in a schema of their own; skipped with a reason where there is no server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from tests.flow.rig import rig
from tests.flow.test_first_and_second_run import check_first_and_second_run
from tests.flow.test_people import other_option

SERVER = "host=127.0.0.1 port=5432 dbname=test connect_timeout=3"


@pytest.fixture
def database() -> Iterator[str]:
    """URL of the test database with a fresh schema first in its search path."""
    schema = f"flow_{uuid4().hex[:12]}"
    try:
        connection = psycopg.connect(SERVER, autocommit=True)
    except psycopg.OperationalError as error:
        pytest.skip(f"no PostgreSQL with trust authentication on 127.0.0.1:5432, database test: {error}")
    with connection:
        user = connection.info.user
        connection.execute(f'CREATE SCHEMA "{schema}"')
        try:
            yield f"postgresql://{user}@127.0.0.1:5432/test?options=-csearch_path%3D{schema}"
        finally:
            connection.execute(f'DROP SCHEMA "{schema}" CASCADE')


def test_both_crms_on_postgresql(tmp_path: Path, database: str) -> None:
    with rig(tmp_path, salesforce=True, store=database) as made:
        check_first_and_second_run(made)
        record = made.some_company()
        theirs = other_option(made, "cs_segment", made.company(record)["cs_segment"])
        made.person("edit", object="companies", id=record, properties={"cs_segment": theirs})
        assert made.sync().exit_code == 3
        assert made.company(record)["cs_segment"] == theirs
