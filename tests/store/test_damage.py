"""Damaged rows are refused where they are read and named by a check; a pull from the start makes them anew."""

from __future__ import annotations

import random
import re
import tracemalloc
from collections.abc import Callable
from contextlib import closing
from datetime import datetime

import polars as pl
import pytest
from sqlalchemy import LargeBinary, insert, select, text, type_coerce, update

from mapping.kept import KEPT
from mapping.records import RawRecord
from store import Store, address, check, cursors, epochs, evaluations, marks, open_store, plans, raw, repair, upgrade
from store.database import connect
from store.errors import StoreCorrupt, StoreError
from store.evaluations import NewEvaluations
from store.plans import PlanHeader, PlanRecord
from store.tables import evaluation_block
from store.types import PackedFrame, dump_json
from tests.store.sample import kept
from tests.store.test_opening import made_at_revision

Damage = Callable[[str], None]


@pytest.fixture
def filled(empty_database: Callable[[], str], now: datetime) -> str:
    """A store with one row of each kind that says how far the work is."""
    url = empty_database()
    with closing(open_store(url, "w", create=True)) as store, store.write() as c:
        epoch = epochs.open_epoch(c, "w", "crm", "deals", "full", since=None, now=now)
        raw.upsert_page(c, "w", "crm", "deals", epoch.id, [RawRecord(one, {"a": one}, now) for one in "123"], now)
        epochs.seal(c, epoch.id, proof={}, cursor=now, now=now)
        epochs.open_epoch(c, "w", "crm", "tickets", "full", since=None, now=now)
        marks.set_mark(c, "w", "normalised:crm:deals", [3, "x"])
        c.execute(text("INSERT INTO quota (holder, name, slots) VALUES ('portal', 'daily', '[]')"))
        key = plans.create(c, "w", PlanHeader("r", now, now, "f", "1", {}))
        plans.add_records(c, "w", key, [PlanRecord("crm", "companies", "1", "a", ({"property": "p", "after": "1"},))])
        plans.finish(c, "w", key, cost={}, counts={})
    assert check(url) == []
    return url


def damage(url: str, statement: str) -> None:
    with closing(open_store(url, "w")) as store, store.write() as c:
        assert c.execute(text(statement)).rowcount == 1


@pytest.mark.parametrize(
    ("statement", "finding"),
    [
        ("UPDATE cursor SET epoch_id = 77", "The cursor of crm deals does not match its checksum"),
        ("UPDATE epoch SET position = 'x' WHERE state = 'open'", r"The position of epoch \d+ \(crm tickets\)"),
        ("UPDATE epoch SET state = 'opne' WHERE state = 'open'", r"epoch \(id=\d+\): its state is none that exists"),
        ("UPDATE mark SET value = '[9,\"x\"]'", "The mark normalised:crm:deals does not match its checksum"),
        ("UPDATE mark SET value = '[3'", r"mark \(workspace=w, name=normalised:crm:deals\): its value cannot be read"),
        ("UPDATE quota SET slots = '['", r"quota \(holder=portal, name=daily\): its slots cannot be read"),
        (
            "UPDATE raw_record SET payload = '{' WHERE id = '2'",
            r"id=2\): its payload cannot be read. .*keepwell backfill",
        ),
        ("UPDATE raw_record SET payload = '{}' WHERE id = '2'", r"id=2\): its content does not match its hash"),
        ("UPDATE plan_record SET changes = 'x'", r"record_id=1\): its changes cannot be read"),
        ("UPDATE plan SET state = 'done'", r"plan \(key=\d+\): its state is none that exists"),
    ],
)
def test_a_check_names_the_damaged_row(filled: str, statement: str, finding: str) -> None:
    damage(filled, statement)
    assert any(re.search(finding, found) for found in check(filled)), check(filled)


def test_a_row_that_cannot_be_read_does_not_hide_the_others(filled: str) -> None:
    damage(filled, "UPDATE raw_record SET payload = '{' WHERE id = '1'")
    damage(filled, "UPDATE raw_record SET payload = '[' WHERE id = '3'")
    damage(filled, "UPDATE quota SET slots = 'x'")
    assert len(check(filled)) == 3


def test_what_is_kept_of_past_health_is_as_it_was_stored_or_refused(filled: str, now: datetime) -> None:
    """Whichever bit turned, wherever it was cut: Arrow has no checksum, and reads most of that as other figures."""
    e = evaluation_block.c
    with closing(open_store(filled, "w")) as store:
        with store.write() as c:
            new = NewEvaluations(["a"], ["h"], [dump_json({})], [1.0], ["red"], [None])
            evaluations.save(c, "w", "r", "1", now, new, kept("a", points=1.0))
            packed = c.execute(select(type_coerce(e.packed, LargeBinary))).scalar_one()
        turned = [bytes([*packed[:at], packed[at] ^ (1 << at % 8), *packed[at + 1 :]]) for at in range(len(packed))]
        for damaged in (*turned, *(packed[:at] for at in range(len(packed)))):
            with pytest.raises(StoreCorrupt, match="packed frame"):
                PackedFrame().process_result_value(damaged, c.dialect)
        with store.write() as c:
            c.execute(update(evaluation_block).values(packed=type_coerce(turned[-1], LargeBinary)))
    (finding,) = check(filled)
    assert re.search(r"evaluation_block \(id=\d+\): its packed cannot be read", finding)


def test_a_check_holds_few_frames_at_once(filled: str) -> None:
    """A year of a large portfolio has thousands, each of up to 20,000 accounts."""
    draw, rows, blocks = random.Random(1), 10_000, 60  # figures that do not compress
    figures = {name: [draw.random() for _ in range(rows)] for name, kind in KEPT.items() if kind == pl.Float64}
    frame = pl.DataFrame({name: figures.get(name, ["a"] * rows) for name in KEPT}, schema=KEPT)
    with closing(open_store(filled, "w")) as store, store.write() as c:
        block = {"workspace": "w", "accounts": 1, "packed": frame}
        for _ in range(blocks):
            c.execute(insert(evaluation_block), block)
        size = len(c.execute(select(type_coerce(evaluation_block.c.packed, LargeBinary)).limit(1)).scalar_one())
    tracemalloc.start()
    try:
        assert check(filled) == []
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert most < size * blocks / 2


def test_an_instant_that_is_none_is_damage_or_not_taken_at_all(filled: str) -> None:
    with closing(open_store(filled, "w")) as store:
        if store.dialect == "postgresql":
            with pytest.raises(StoreError, match="refused a statement"):
                damage(filled, "UPDATE cursor SET at = 'yesterday or so'")
            return
        damage(filled, "UPDATE cursor SET at = 'yesterday or so'")
        with pytest.raises(StoreCorrupt, match="cannot be read"), store.read() as c:
            cursors.cursor(c, "w", "crm", "deals")
    (finding,) = check(filled)
    assert "stream=deals): its at cannot be read" in finding


@pytest.mark.parametrize("value", ['[9,"x"]', "[3"])
def test_a_damaged_mark_is_never_taken_for_none(filled: str, value: str) -> None:
    with closing(open_store(filled, "w")) as store:
        with store.write() as c:
            c.execute(text("UPDATE mark SET value = :value"), {"value": value})
        with pytest.raises(StoreCorrupt, match=r"normalised:crm:deals.*pull --full"), store.read() as c:
            marks.mark(c, "w", "normalised:crm:deals")


def test_reading_everything_again_starts_from_sound_rows_and_says_what_was_wrong(filled: str) -> None:
    damage(filled, "UPDATE cursor SET epoch_id = 77")
    damage(filled, "UPDATE epoch SET position = 'x' WHERE state = 'open'")
    damage(filled, "UPDATE mark SET value = '[3'")
    damage(filled, "UPDATE quota SET slots = 'x'")
    with closing(open_store(filled, "w")) as store:
        with store.write() as c:
            told = repair.forget_damaged(c, "w")
        assert [word for word in ("cursor", "epoch", "mark", "quota") if any(word in one for one in told)] == [
            "cursor", "epoch", "mark", "quota",
        ]  # fmt: skip
        with store.write() as c:
            assert repair.forget_damaged(c, "w") == []
            assert cursors.cursor(c, "w", "crm", "deals") is None
            assert epochs.open_epochs(c, "w") == []
            assert marks.mark(c, "w", "normalised:crm:deals") is None


def test_what_is_sound_is_kept(filled: str) -> None:
    with closing(open_store(filled, "w")) as store, store.write() as c:
        assert repair.forget_damaged(c, "w") == []
        assert cursors.cursor(c, "w", "crm", "deals") is not None
        assert marks.mark(c, "w", "normalised:crm:deals") == [3, "x"]


def test_a_damaged_record_that_is_read_again_is_stored_anew(filled: str, now: datetime) -> None:
    damage(filled, "UPDATE raw_record SET payload = '{' WHERE id = '2'")
    page = [RawRecord("2", {"a": "2"}, now)]
    with closing(open_store(filled, "w")) as store, store.write() as c:
        assert raw.distrust(c, "w", "crm", "deals", page) == 0
        raw.upsert_page(c, "w", "crm", "deals", 1, page, now)
        assert raw.payloads(c, "w", "crm", "deals", ["2"]) == {"2": {"a": "2"}}
    assert check(filled) == []


@pytest.mark.parametrize("value", ['[{"property":"p","after":"2"}]', "x"])
def test_a_plan_whose_rows_changed_is_not_believed_and_is_made_anew(filled: str, now: datetime, value: str) -> None:
    with closing(open_store(filled, "w")) as store:
        with store.write() as c:
            made = plans.latest(c, "w")
            assert made is not None
            assert made.id is not None
            plans.verify(c, "w", made.id)
            c.execute(text("UPDATE plan_record SET changes = :value"), {"value": value})
        with pytest.raises(StoreCorrupt, match=r"does not match its id.*keepwell plan"), store.read() as c:
            plans.verify(c, "w", made.id)
        with store.write() as c:
            key = plans.create(c, "w", made.header)
            record = PlanRecord("crm", "companies", "1", "a", ({"property": "p", "after": "1"},))
            plans.add_records(c, "w", key, [record])
            assert plans.finish(c, "w", key, cost={}, counts={}) == made.id
            plans.verify(c, "w", made.id)
            assert list(plans.iter_records(c, "w", made.id)) == [record]


def test_marks_of_an_older_store_are_sealed_by_the_upgrade(empty_database: Callable[[], str]) -> None:
    url = empty_database()
    made_at_revision(url, "0005_repair")
    _insert(url, [("w", "one", '["é",1.5,null]'), ("v", "two", '"text"')])
    upgrade(url)
    assert check(url) == []
    with closing(open_store(url, "w")) as store, store.read() as c:
        assert marks.mark(c, "w", "one") == ["é", 1.5, None]


def _insert(url: str, rows: list[tuple[str, str, str]]) -> None:
    store = Store(connect(address.parse(url)), "w")
    with closing(store), store.write() as c:
        for ws, name, value in rows:
            statement = text("INSERT INTO mark (workspace, name, value) VALUES (:ws, :name, :value)")
            c.execute(statement, {"ws": ws, "name": name, "value": value})
