"""Raw records: what a page changes, and what a reader of changes sees."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from mapping.records import RawRecord
from store import Store, aliases, raw
from store.raw import PageCounts
from store.tables import raw_record


def page(store: Store, ws: str, records: Sequence[RawRecord], now: datetime, epoch: int = 1) -> PageCounts:
    with store.write() as c:
        return raw.upsert_page(c, ws, "crm", "deals", epoch, records, now)


def changes(store: Store, ws: str, since: int = 0) -> list[raw.RawRow]:
    with store.read() as c:
        return list(raw.iter_changed(c, ws, "crm", "deals", since, chunk=2))


def test_a_page_counts_what_it_inserted_updated_and_left_alone(store: Store, ws: str, now: datetime) -> None:
    first = [RawRecord(str(n), {"amount": "1"}, now) for n in range(5)]
    assert page(store, ws, first, now) == PageCounts(inserted=5)
    second = [RawRecord("0", {"amount": "2"}, now), *first[1:], RawRecord("9", {}, now)]
    assert page(store, ws, second, now) == PageCounts(inserted=1, updated=1, unchanged=4)
    with store.read() as c:
        assert raw.payloads(c, ws, "crm", "deals", ["0", "9", "unknown"]) == {"0": {"amount": "2"}, "9": {}}
        assert raw.count_live(c, ws, "crm", "deals") == 6


def test_each_change_gets_the_next_number(store: Store, ws: str, now: datetime) -> None:
    page(store, ws, [RawRecord(str(n), {}, now) for n in range(5)], now)
    assert [row.seq for row in changes(store, ws)] == [1, 2, 3, 4, 5]
    page(store, ws, [RawRecord("3", {"a": 1}, now), RawRecord("1", {}, now)], now)
    assert [(row.id, row.seq) for row in changes(store, ws, since=5)] == [("3", 6)]
    with store.read() as c:
        assert raw.last_seq(c, ws, "crm", "deals") == 6
        assert raw.last_seq(c, ws, "crm", "never pulled") == 0


def test_of_one_id_on_a_page_the_latest_version_wins(store: Store, ws: str, now: datetime) -> None:
    later = now + timedelta(seconds=1)
    records = [RawRecord("1", {"v": "old"}, now), RawRecord("1", {"v": "new"}, later), RawRecord("1", {"v": "x"}, now)]
    assert page(store, ws, records, now) == PageCounts(inserted=1)
    assert changes(store, ws)[0].payload == {"v": "new"}


def test_a_lagging_index_cannot_bring_an_old_version_back(store: Store, ws: str, now: datetime) -> None:
    page(store, ws, [RawRecord("1", {"v": "new"}, now)], now)
    stale = RawRecord("1", {"v": "old"}, now - timedelta(minutes=1))
    assert page(store, ws, [stale], now) == PageCounts(unchanged=1)
    same_instant = RawRecord("1", {"v": "recomputed by the CRM"}, now)
    assert page(store, ws, [same_instant], now) == PageCounts(updated=1)


def test_rows_that_a_full_epoch_did_not_see_are_gone_and_come_back(store: Store, ws: str, now: datetime) -> None:
    page(store, ws, [RawRecord(str(n), {}, now) for n in range(4)], now, epoch=1)
    page(store, ws, [RawRecord("1", {}, now), RawRecord("3", {}, now)], now, epoch=2)
    with store.write() as c:
        assert raw.mark_unseen_gone(c, ws, "crm", "deals", 2, now) == 2
        assert raw.mark_unseen_gone(c, ws, "crm", "deals", 2, now) == 0
        assert list(raw.iter_ids(c, ws, "crm", "deals")) == ["1", "3"]
    assert [(row.id, row.gone, row.seq) for row in changes(store, ws, since=4)] == [("0", True, 5), ("2", True, 6)]
    assert page(store, ws, [RawRecord("2", {}, now)], now, epoch=3) == PageCounts(updated=1)
    assert [(row.id, row.gone) for row in changes(store, ws, since=6)] == [("2", False)]


def test_of_one_id_on_several_pages_of_an_epoch_the_latest_version_stays(store: Store, ws: str, now: datetime) -> None:
    """Pages that shift while they are read show a row again, as it was or as it is by then."""
    later = now + timedelta(seconds=1)
    others = [RawRecord(f"other {n}", {"n": n}, now) for n in range(70)]
    assert page(store, ws, [RawRecord("1", {"v": "new"}, later), *others], now) == PageCounts(inserted=71)
    again = [RawRecord("1", {"v": "old"}, now), *others[:30], RawRecord("2", {}, now)]
    assert page(store, ws, again, later) == PageCounts(inserted=1, unchanged=31)
    newest = RawRecord("1", {"v": "newest"}, later + timedelta(seconds=1))
    assert page(store, ws, [newest, newest], later) == PageCounts(updated=1)
    assert [(row.id, row.payload) for row in changes(store, ws, since=71)] == [("2", {}), ("1", {"v": "newest"})]
    with store.read() as c:
        assert raw.unseen(c, ws, "crm", "deals", 1) == []
        assert raw.count_live(c, ws, "crm", "deals") == 72


def test_a_row_that_was_gone_comes_back_with_its_first_day(store: Store, ws: str, now: datetime) -> None:
    later = now + timedelta(days=1)
    page(store, ws, [RawRecord("1", {"v": 1}, now), RawRecord("2", {"v": 2}, now)], now)
    with store.write() as c:
        raw.mark_gone(c, ws, "crm", "deals", ["1"], now)
    back = [RawRecord("1", {"v": 1}, now), RawRecord("2", {"v": 3}, later), RawRecord("3", {}, later)]
    assert page(store, ws, back, later, epoch=2) == PageCounts(inserted=1, updated=2)
    with store.read() as c:
        r = raw_record.c
        seen = c.execute(select(r.id, r.first_seen_at, r.changed_at, r.gone).where(r.workspace == ws).order_by(r.id))
        assert [tuple(row) for row in seen] == [
            ("1", now, later, False),
            ("2", now, later, False),
            ("3", later, later, False),
        ]


def test_archiving_changes_a_row_once(store: Store, ws: str, now: datetime) -> None:
    page(store, ws, [RawRecord("1", {}, now), RawRecord("2", {}, now)], now)
    archived = RawRecord("1", {}, now, archived=True)
    assert page(store, ws, [archived], now) == PageCounts(updated=1)
    assert page(store, ws, [archived], now) == PageCounts(unchanged=1)
    with store.read() as c:
        assert list(raw.iter_ids(c, ws, "crm", "deals")) == ["2"]
    assert changes(store, ws, since=2)[0].archived
    assert page(store, ws, [RawRecord("1", {}, now - timedelta(days=1))], now) == PageCounts(updated=1)


def test_ids_come_in_byte_order_however_small_the_chunks(store: Store, ws: str, now: datetime) -> None:
    ids = ["10", "9", "B", "a", "Ä", "z", "é", "𝄞"]
    page(store, ws, [RawRecord(item, {}, now) for item in ids], now)
    with store.read() as c:
        for chunk in (1, 3, 100):
            assert list(raw.iter_ids(c, ws, "crm", "deals", chunk=chunk)) == sorted(ids)


def test_an_empty_page_changes_nothing(store: Store, ws: str, now: datetime) -> None:
    assert page(store, ws, [], now) == PageCounts()
    assert changes(store, ws) == []


@pytest.mark.parametrize("order", [("a", "b", "c"), ("c", "b", "a"), ("b", "a", "c")])
def test_chains_of_merges_lead_to_the_one_that_lives(
    store: Store, ws: str, now: datetime, order: tuple[str, ...]
) -> None:
    page(store, ws, [RawRecord(item, {}, now) for item in "abcd"], now)
    onward = {"a": "b", "b": "c", "c": "d"}
    for old in order:
        with store.write() as c:
            aliases.apply_merges(c, ws, "crm", "deals", {old: onward[old]}, now)
    with store.read() as c:
        assert aliases.survivors(c, ws, "crm", "deals", "abcd") == {"a": "d", "b": "d", "c": "d"}
        assert list(raw.iter_ids(c, ws, "crm", "deals")) == ["d"]


def test_merges_are_read_from_both_sides_and_applied_once(store: Store, ws: str, now: datetime) -> None:
    records = [RawRecord("9", {}, merged_from=("1", "2", "9")), RawRecord("3", {}, merged_into="9")]
    merges = aliases.merges_of(records)
    assert merges == {"1": "9", "2": "9", "3": "9"}
    with store.write() as c:
        assert aliases.apply_merges(c, ws, "crm", "deals", merges, now) == 3
        assert aliases.apply_merges(c, ws, "crm", "deals", merges, now) == 0
        assert aliases.apply_merges(c, ws, "crm", "deals", {}, now) == 0


def test_a_circle_of_merges_ends(store: Store, ws: str, now: datetime) -> None:
    with store.write() as c:
        aliases.apply_merges(c, ws, "crm", "deals", {"1": "2", "2": "1"}, now)
        assert set(aliases.survivors(c, ws, "crm", "deals", ["1", "2"]).items()) <= {("1", "2"), ("2", "1")}


def test_the_end_of_a_record_that_was_never_held_leaves_no_trace(store: Store, ws: str, now: datetime) -> None:
    """A log of deletions tells ids of an object, whichever of its streams they belonged to, if to any."""
    page(store, ws, [RawRecord("1", {"v": 1}, now)], now)
    ends = [RawRecord("1", {}, now, archived=True), RawRecord("2", {}, now, archived=True)]
    assert page(store, ws, ends, now) == PageCounts(updated=1, strangers=1)
    assert [row.id for row in changes(store, ws)] == ["1"]
    told = RawRecord("3", {"v": 3}, now, archived=True)
    assert page(store, ws, [told], now) == PageCounts(inserted=1), "of this one the CRM tells more than its end"
