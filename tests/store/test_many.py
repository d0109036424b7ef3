"""Rows stored in blocks are the rows that were given, however many there are."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from store import Store
from store.many import upsert_many
from store.sql import upsert
from store.tables import ENTITY_TABLES, raw_record


def given(now: datetime, count: int) -> dict[str, list[Any]]:
    """Columns of `count` rows with everything that a column type has to convert."""
    ids = [f"id {number} ␀\x00 \ud800 é" if number % 7 == 0 else str(number) for number in range(count)]
    return {
        "id": ids,
        "hash": ["h"] * count,
        "payload": [{"z": number, "a": None, "nul": "\x00"} for number in range(count)],
        "modified_at": [None if number % 3 else now + timedelta(microseconds=number) for number in range(count)],
        "archived": [number % 2 == 0 for number in range(count)],
        "seq": list(range(1, count + 1)),
        "first_seen_at": [now] * count,
    }


def same(ws: str, now: datetime, epoch: int = 1) -> dict[str, Any]:
    return {
        "workspace": ws,
        "connection": "crm",
        "stream": "deals",
        "gone": False,
        "last_epoch": epoch,
        "changed_at": now,
    }


def stored(store: Store, ws: str) -> list[tuple[Any, ...]]:
    columns = [column for column in raw_record.c if column.name != "workspace"]
    with store.read() as c:
        query = select(*columns).where(raw_record.c.workspace == ws).order_by(raw_record.c.seq)
        return [tuple(row) for row in c.execute(query)]


@pytest.mark.parametrize("count", [0, 1, 7, 8, 63, 65, 512, 1_100])
def test_blocks_store_what_single_rows_store(store: Store, ws: str, now: datetime, count: int) -> None:
    columns = given(now, count)
    with store.write() as c:
        upsert_many(c, raw_record, same(f"{ws}-many", now), columns)
        for number in range(count):
            row = {name: values[number] for name, values in columns.items()}
            c.execute(upsert(c, raw_record), {**same(f"{ws}-one", now), **row})
    assert stored(store, f"{ws}-many") == stored(store, f"{ws}-one")
    assert len(stored(store, f"{ws}-many")) == count


def test_a_key_that_is_there_is_replaced_also_within_a_block(store: Store, ws: str, now: datetime) -> None:
    with store.write() as c:
        upsert_many(c, raw_record, same(ws, now), given(now, 20))
        twice = {name: [*values, values[3]] for name, values in given(now, 20).items()}
        twice["payload"][-1] = {"last": "one"}
        twice["seq"] = list(range(101, 122))
        upsert_many(c, raw_record, same(ws, now, epoch=2), twice)
    rows = stored(store, ws)
    assert len(rows) == 20
    assert {row[9] for row in rows} == {2}
    assert rows[-1][4] == {"last": "one"}


def test_columns_of_unequal_length_are_refused_and_nothing_is_kept(store: Store, ws: str, now: datetime) -> None:
    columns = given(now, 9)
    columns["hash"].pop()
    with pytest.raises(ValueError, match="shorter"), store.write() as c:
        upsert_many(c, raw_record, same(ws, now), columns)
    assert stored(store, ws) == []


def test_the_widest_table_fits_into_a_statement(store: Store, ws: str) -> None:
    table = max(ENTITY_TABLES.values(), key=lambda one: len(one.columns))
    constant = {"workspace": ws, "connection": "crm"}
    columns: dict[str, list[Any]] = {
        column.name: [None] * 600 for column in table.columns if column.name not in constant
    }
    columns |= {"id": [str(number) for number in range(600)], "stream": ["companies"] * 600}
    with store.write() as c:
        upsert_many(c, table, constant, columns)
        assert len(c.execute(select(table.c.id).where(table.c.workspace == ws)).all()) == 600
