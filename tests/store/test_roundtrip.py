"""What goes into either store comes out again, and both stores hold the same bytes."""

from __future__ import annotations

import uuid
from datetime import UTC, date, datetime
from decimal import Decimal
from types import MappingProxyType

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from mapping.records import RawRecord
from store import Store, entities, frames, marks, raw
from store.tables import ENTITY_TABLES, raw_record
from store.types import clean_text, dump_json, load_json, to_micros

TEXT = st.text(st.characters(codec=None), max_size=20)  # NUL, lone surrogates, everything
NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=8,
)
INSTANTS = st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
MONEY = st.decimals(-(10**20), 10**20, places=6, allow_nan=False, allow_infinity=False)
MANY = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@MANY
@example(properties={"below 64 bits": -(2**63) - 1, "above": 2**64}, modified=None)
@given(properties=st.dictionaries(TEXT, JSON, max_size=4), modified=st.none() | INSTANTS)
def test_payloads_are_kept_whole(
    store: Store, now: datetime, properties: dict[str, object], modified: datetime | None
) -> None:
    ws = uuid.uuid4().hex
    with store.write() as c:
        raw.upsert_page(c, ws, "crm", "deals", 1, [RawRecord("1", properties, modified)], now)
        row = next(iter(raw.iter_changed(c, ws, "crm", "deals")))
        again = raw.upsert_page(c, ws, "crm", "deals", 2, [RawRecord("1", properties, modified)], now)
        held = c.connection.cursor()
        held.execute(f"SELECT payload FROM raw_record WHERE workspace = '{ws}'")  # noqa: S608 - hexadecimal digits
        assert held.fetchone() == (str(dump_json(properties)),)
        held.close()
    assert (row.payload, row.modified_at) == (properties, modified)
    assert again.unchanged == 1


@MANY
@given(
    name=TEXT,
    amount=st.none() | MONEY,
    probability=st.none() | st.floats(allow_nan=False, allow_infinity=False),
    months=st.none() | st.integers(-(2**63), 2**63 - 1),
    day=st.none() | st.dates(date(1, 1, 1), date(9999, 12, 31)),
    won_at=st.none() | INSTANTS,
)
def test_entities_are_kept_whole(store: Store, name: str, **rest: object) -> None:
    ws = uuid.uuid4().hex
    fields = {"name": name, "amount": rest["amount"], "probability": rest["probability"], "term_months": rest["months"]}
    fields.update(close_date=rest["day"], closed_won_at=rest["won_at"])
    with store.write() as c:
        entities.replace_entities(c, ws, "deal", "crm", [{"id": "1", "stream": "deals", **fields}])
        found = frames.frame(c, ws, "deal").row(0, named=True)
        deal = ENTITY_TABLES["deal"]
        row = c.execute(select(deal).where(deal.c.workspace == ws)).one()._asdict()
    expected = {**fields, "name": clean_text(name)}
    assert {key: found[key] for key in expected} == expected
    assert {key: row[key] for key in expected} == expected
    assert str(row["amount"]) == str(rest["amount"])  # scale included


@MANY
@given(record_id=TEXT.filter(bool))
def test_any_id_is_found_again_under_itself(store: Store, now: datetime, record_id: str) -> None:
    ws = uuid.uuid4().hex
    with store.write() as c:
        raw.upsert_page(c, ws, "crm", "deals", 1, [RawRecord(record_id, {}, now), RawRecord("other", {})], now)
        assert list(raw.payloads(c, ws, "crm", "deals", [record_id])) == [clean_text(record_id)]
        again = raw.upsert_page(c, ws, "crm", "deals", 1, [RawRecord(record_id, {}, now)], now)
    assert again.unchanged == 1


@given(value=JSON)
def test_json_is_canonical(value: object) -> None:
    text = dump_json(value)
    assert load_json(text) == value
    assert dump_json(load_json(text)) == text
    text.encode()  # no lone surrogate is left to trip a driver


def test_json_takes_the_values_that_we_use() -> None:
    inner = MappingProxyType({"b": Decimal("1.50"), "a": frozenset({"y", "x"})})
    assert dump_json({"z": inner, "m": (1, 2)}) == '{"m":[1,2],"z":{"a":["x","y"],"b":"1.50"}}'
    assert dump_json(float("nan")) == "null"
    with pytest.raises(TypeError):
        dump_json(object())


def test_text_that_no_store_takes_is_made_visible() -> None:
    assert clean_text("a\x00b\ud800c𝄞") == "a␀b\\ud800c𝄞"
    assert clean_text("\x00") == "␀"


def test_an_instant_without_zone_is_refused(store: Store, ws: str) -> None:
    with pytest.raises(ValueError, match="no time zone"):
        to_micros(datetime(2026, 1, 1))  # noqa: DTZ001
    with store.read() as c:
        assert marks.mark(c, ws, "nothing") is None


@pytest.mark.parametrize("amount", ["NaN", "Infinity", "-Infinity"])
def test_money_is_finite(store: Store, ws: str, amount: str) -> None:
    row = {"id": "1", "stream": "deals", "amount": Decimal(amount)}
    with pytest.raises(Exception, match="not an amount of money"), store.write() as c:
        entities.replace_entities(c, ws, "deal", "crm", [row])


def test_instants_sort_in_the_database_as_in_time(store: Store, ws: str) -> None:
    moments = [datetime(year, 6, 1, 12, 0, 0, micro, tzinfo=UTC) for year in (1969, 1970, 2026) for micro in (0, 1)]
    with store.write() as c:
        raw.upsert_page(c, ws, "crm", "d", 1, [RawRecord(str(n), {}, m) for n, m in enumerate(moments)], moments[0])
        here = raw_record.c.workspace == ws
        found = c.execute(select(raw_record.c.modified_at).where(here).order_by(raw_record.c.modified_at)).scalars()
        assert list(found) == moments
