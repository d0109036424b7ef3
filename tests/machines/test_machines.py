"""A few histories with every machine, on both stores; `make machines` tries thousands."""

from __future__ import annotations

import os

import psycopg
import pytest

from tests.machines.kit import Dialect
from tests.machines.table import MACHINES, try_out
from tests.services import absent

EXAMPLES = {"sqlite": 40, "postgresql": 6}
QUICK = int(os.environ.get("KEEPWELL_HISTORIES", "0"))
"""So many histories instead, where it only matters whether one goes wrong and not which is the shortest."""


@pytest.mark.parametrize(
    ("name", "dialect"), [(name, dialect) for name, machine in MACHINES.items() for dialect in machine.stores]
)
def test_every_history_holds(name: str, dialect: Dialect) -> None:
    try:
        try_out(name, dialect, QUICK or EXAMPLES[dialect], shrink=not QUICK)
    except psycopg.OperationalError as error:
        absent(f"no PostgreSQL server at 127.0.0.1:5432: {error}")
