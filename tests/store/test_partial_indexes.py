"""A partial index serves a query only when its condition reads exactly as the query's does.

SQLite compares the two as expressions: an index over `is_current` is no help to a query for `is_current = 1`, and
every look-up of a batch then reads the whole table.
"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Table, select

from store import Store, open_store
from store.tables import evaluation, ledger


@pytest.mark.parametrize("table", [evaluation, ledger], ids=lambda table: table.name)
def test_the_index_of_standing_rows_is_worded_as_queries_are(store: Store, table: Table) -> None:
    (index,) = (one for one in table.indexes if (one.name or "").endswith("_current"))
    worded = str(index.dialect_options[store.dialect]["where"])
    with store.read() as c:
        asked = str(select(table.c.id).where(table.c.is_current).compile(c.engine)).replace(f"{table.name}.", "")
    assert asked.split("WHERE ")[1] == worded


@pytest.mark.parametrize("table", [evaluation, ledger], ids=lambda table: table.name)
def test_sqlite_uses_it(tmp_path: Path, table: Table) -> None:
    # SQLite alone: PostgreSQL reads tables of a few rows whole, whatever indexes they have.
    key = table.c.account_id if table is evaluation else table.c.record_id
    conditions = [table.c.workspace == "w", table.c.is_current, key == "1"]
    if table is ledger:
        conditions += [ledger.c.connection == "a", ledger.c.object == "b"]
    with closing(open_store(f"sqlite:///{tmp_path / 'plan.db'}", create=True)) as store, store.read() as c:
        query = select(table.c.id).where(*conditions).compile(c.engine, compile_kwargs={"literal_binds": True})
        plan = " ".join(str(row[3]) for row in c.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}"))
    assert f"uq_{table.name}_current" in plan
