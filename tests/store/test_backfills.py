"""Backfills: where they stand survives, the right one is found again, a damaged one is not trusted."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import text

from mapping.records import RawRecord
from store import Store, backfills, check, open_store, raw
from store.backfills import Job
from store.errors import StoreCorrupt
from store.raw import PageCounts

DAY = timedelta(days=1)


def begun(store: Store, ws: str, now: datetime, asked_until: datetime | None = None) -> Job:
    with store.write() as c:
        return backfills.begin(
            c, ws, "crm", "deals", since=now - DAY, until=now, asked_until=asked_until, expected=None, now=now
        )


def found(store: Store, ws: str, since: datetime, asked_until: datetime | None = None) -> Job | None:
    with store.read() as c:
        return backfills.unfinished(c, ws, "crm", "deals", since=since, asked_until=asked_until)


def test_where_a_job_stands_is_found_again(store: Store, ws: str, now: datetime) -> None:
    job = begun(store, ws, now)
    assert (job.state, job.reached, job.position) == ("reading", now, None)
    moved = replace(job, reached=now - DAY / 2, window_since=now - DAY, position="p", window_rows=2, rows=7, pages=3)
    with store.write() as c:
        backfills.save(c, moved)
    assert found(store, ws, now - DAY) == moved
    with store.write() as c:
        backfills.save(c, replace(moved, state="read"))
    assert found(store, ws, now - DAY) == replace(moved, state="read")
    with store.write() as c:
        backfills.finish(c, ws, [job.id], now)
        assert (backfills.get(c, job.id).state, backfills.get(c, job.id).ended_at) == ("done", now)
    assert found(store, ws, now - DAY) is None


def test_another_range_is_another_job(store: Store, ws: str, now: datetime) -> None:
    open_end, closed_end = begun(store, ws, now), begun(store, ws, now, asked_until=now)
    assert found(store, ws, now - DAY) == open_end
    assert found(store, ws, now - DAY, now) == closed_end
    assert found(store, ws, now) is None
    assert found(store, f"{ws}-other", now - DAY) is None
    with store.write() as c:
        backfills.drop(c, ws, "crm", "deals", since=now - DAY, asked_until=None, now=now)
    assert found(store, ws, now - DAY) is None
    assert found(store, ws, now - DAY, now) == closed_end


def test_a_damaged_position_is_refused_found_by_a_check_and_can_be_dropped(
    empty_database: Callable[[], str], now: datetime
) -> None:
    url = empty_database()
    with closing(open_store(url, "w", create=True)) as store:
        begun(store, "w", now)
        with store.write() as c:
            c.execute(text("UPDATE backfill SET position = 'elsewhere'"))
        with pytest.raises(StoreCorrupt, match=r"deals.*--restart"):
            found(store, "w", now - DAY)
        assert ["checksum" in finding for finding in check(url)] == [True]
        with store.write() as c:
            backfills.drop(c, "w", "crm", "deals", since=now - DAY, asked_until=None, now=now)
        assert found(store, "w", now - DAY) is None
        assert check(url) == []


def test_what_is_distrusted_is_stored_again_unless_it_is_newer(store: Store, ws: str, now: datetime) -> None:
    *rows, back = [RawRecord(one, {"v": one}, now) for one in ("damaged", "fine", "newer", "back")]
    with store.write() as c:
        raw.upsert_page(c, ws, "crm", "deals", 1, [*rows, replace(back, archived=True)], now)
        c.execute(text("UPDATE raw_record SET payload = '{}' WHERE id = 'damaged'"))  # its hash still stands
    fresh = [
        *rows[:2],
        replace(rows[2], properties={"v": "old"}, modified_at=now - DAY),
        RawRecord("back", {"v": "b"}, now),
    ]
    with store.write() as c:
        assert raw.distrust(c, ws, "crm", "deals", [*fresh, RawRecord("unheard-of", {}, now)]) == 1
        assert raw.upsert_page(c, ws, "crm", "deals", 1, fresh, now) == PageCounts(updated=3, unchanged=1)
        ids = ["damaged", "fine", "newer"]
        assert raw.payloads(c, ws, "crm", "deals", ids) == {one: {"v": one} for one in ids}
        assert [row.id for row in raw.iter_changed(c, ws, "crm", "deals", 4)] == ["back", "damaged", "fine"]
