"""What the store holds of a person: planted in every text of every table, and nowhere to be found afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from sqlalchemy import Boolean, Column, Connection, Date, Float, Integer, Table, insert, select

from mapping.forgotten import Forgotten, address_entry, contact_entry, phrase_entry
from mapping.kept import KEPT
from store import Store, forgotten
from store.raw import DOUBTED
from store.sweep import LEFT_OUT, Places, sweep, texts
from store.tables import metadata
from store.types import Instant, Json, Money, PackedFrame, PackedJson, Words

SALT = "7" * 64
CANARY, NAME = "ann.canary@example.com", "Ann Canary"
OTHER = "joann.canary@example.com"
KNOWN = Forgotten(SALT, frozenset({address_entry(SALT, CANARY), phrase_entry(SALT, NAME)}))
CODED = {("plan", "state"): "applied", ("raw_record", "hash"): DOUBTED}
TABLES = [one for one in metadata.sorted_tables if one.name not in LEFT_OUT]


def planted(table: Table, column: Column[Any], text: str, number: int, now: datetime) -> Any:
    """A value of a column: `text` wherever text of people may be."""
    kind = column.type
    if (table.name, column.name) in CODED:
        return CODED[table.name, column.name]
    if isinstance(kind, Words):
        return f"{number} <{text}>, {NAME}" if column in texts(table) and number == 1 else f"{number} {text}"
    if isinstance(kind, Json | PackedJson):
        return {"one": [f"to {text}"], "two": {"three": text}, "n": number}
    if isinstance(kind, PackedFrame):
        return pl.DataFrame([{"account_id": text, "metric": "usage", "points": 1.0}], schema=KEPT)
    plain = {Instant: now, Date: date(2026, 1, 1), Money: Decimal(number), Boolean: False, Float: 1.0, Integer: number}
    return next(value for of, value in plain.items() if isinstance(kind, of))


def plant(c: Connection, ws: str, table: Table, text: str, number: int, now: datetime) -> None:
    values = {one.name: planted(table, one, text, number, now) for one in table.columns}
    codes = {
        one.name: f"code {number}" for one in table.columns if isinstance(one.type, Words) and one not in texts(table)
    }
    given = values | {name: value for name, value in codes.items() if (table.name, name) not in CODED}
    serial = {one.name for one in table.columns if one.autoincrement is True}
    c.execute(insert(table).values(**{k: v for k, v in given.items() if k not in serial} | {"workspace": ws}))


def stored(c: Connection, ws: str, table: Table) -> Iterator[str]:
    """Everything that a table has of a workspace, as text."""
    for row in c.execute(select(table).where(table.c.workspace == ws)):
        yield from (repr(value.to_dicts() if isinstance(value, pl.DataFrame) else value) for value in row)


@pytest.mark.parametrize("table", TABLES, ids=lambda one: one.name)
def test_no_text_of_any_table_is_overlooked(store: Store, ws: str, now: datetime, table: Table) -> None:
    with store.write() as c:
        plant(c, ws, table, CANARY, 1, now)
        plant(c, ws, table, OTHER, 2, now)
        plant(c, f"{ws}-other", table, CANARY, 3, now)
    with store.write() as c:
        found = sweep(c, ws, KNOWN, Places())
    assert found == ({table.name: 1} if texts(table) else {})
    with store.write() as c:
        assert not sweep(c, ws, KNOWN, Places()), "a second time there is nothing left to do"
        after = " ".join(stored(c, ws, table))
        assert "<ann.canary@" not in after.replace(OTHER, "")
        assert CANARY not in after.replace(OTHER, "")
        assert not texts(table) or OTHER in after, "somebody whose address ends like it"
        assert not texts(table) or CANARY in " ".join(stored(c, f"{ws}-other", table)), "another workspace's"


def test_what_is_left_out_exists_and_is_said_why() -> None:
    assert set(LEFT_OUT) <= set(metadata.tables)
    assert all(LEFT_OUT.values())


def test_a_changed_row_is_sound(store: Store, ws: str, now: datetime) -> None:
    from mapping.records import RawRecord
    from store import marks, raw
    from store.damage import damaged_rows

    with store.write() as c:
        raw.upsert_page(c, ws, "crm", "tickets", 1, [RawRecord("1", {"subject": f"from {CANARY}"})], now)
        marks.set_mark(c, ws, "note", [CANARY])
        sweep(c, ws, KNOWN, Places())
        assert [one for one in damaged_rows(c) if "raw_record" in one and ws in one] == []
        assert CANARY not in str(marks.mark(c, ws, "note"))
        again = RawRecord("1", {"subject": KNOWN.text(f"from {CANARY}")})
        assert raw.upsert_page(c, ws, "crm", "tickets", 2, [again], now).unchanged == 1


def test_contacts_get_the_same_pseudonym_wherever_they_are(store: Store, ws: str, now: datetime) -> None:
    from mapping.records import Link, RawRecord
    from store import entities, links, raw

    known = Forgotten(SALT, frozenset({contact_entry(SALT, "crm", "501")}))
    with store.write() as c:
        pairs = [Link("meetings>contacts", "9", "501"), Link("meetings>contacts", "9", "5010")]
        links.upsert_links(c, ws, "crm", "meetings>contacts", 1, ["9"], pairs)
        links.upsert_links(c, ws, "crm", "meetings>companies", 1, ["9"], [Link("meetings>companies", "9", "501")])
        rows = [{"id": "9:501", "stream": "meetings>contacts", "meeting_ref": "9", "contact_ref": "501"}]
        entities.replace_entities(c, ws, "attendance", "crm", rows)
        raw.upsert_page(c, ws, "crm", "surveys", 1, [RawRecord("1", {"who": "501", "score": "501"})], now)
        sweep(c, ws, known, Places(contacts={("crm", "surveys"): ["who"]}))
        instead = known.contact("crm", "501")
        found = links.links_from(c, ws, "crm", "meetings>contacts", ["9"])["9"]
        assert [one.to_id for one in found] == [instead, "5010"]
        assert links.links_from(c, ws, "crm", "meetings>companies", ["9"])["9"][0].to_id == "501", "a company"
        assert raw.payloads(c, ws, "crm", "surveys", ["1"])["1"] == {"who": instead, "score": "501"}
        attended = metadata.tables["entity_attendance"]
        row = c.execute(select(attended).where(attended.c.workspace == ws)).one()
        assert (row.id, row.contact_ref) == (f"9:{instead}", instead)


def test_digests_are_kept_and_not_what_they_stand_for(store: Store, ws: str, now: datetime) -> None:
    with store.write() as c:
        before = forgotten.known(c, ws)
        forgotten.add(c, ws, before.salt, [address_entry(before.salt, CANARY)], now)
        known = forgotten.known(c, ws)
        assert known.salt == before.salt
        assert known.text(f"x {CANARY}") != f"x {CANARY}"
        assert "canary" not in "".join(stored(c, ws, metadata.tables["forgotten"]))
        assert forgotten.known(c, f"{ws}-other").entries == frozenset()
