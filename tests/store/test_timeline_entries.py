"""Entries on timelines: one a fall and connection, made once."""

from __future__ import annotations

from datetime import datetime, timedelta

from store import Store, failures, timeline_entries
from store.tables import failure
from store.timeline_entries import TimelineEntry


def entry(now: datetime, key: str = "kw-1", account: str = "a") -> TimelineEntry:
    return TimelineEntry("gainsight", key, account, "activity_timeline", now)


def want(store: Store, ws: str, *entries: TimelineEntry) -> None:
    with store.write() as c:
        timeline_entries.want(c, ws, entries)


def made(store: Store, ws: str, now: datetime, run_id: str, **keys: str | None) -> None:
    with store.write() as c:
        timeline_entries.note_made(c, ws, "gainsight", keys, run_id=run_id, now=now)


def by_key(store: Store, ws: str, *keys: str) -> dict[str, TimelineEntry]:
    with store.read() as c:
        return timeline_entries.by_key(c, ws, "gainsight", keys)


def test_an_entry_is_wanted_and_made_once(store: Store, ws: str, now: datetime) -> None:
    want(store, ws, entry(now), entry(now, "kw-2", "b"))
    assert by_key(store, ws, "kw-1", "kw-unknown") == {"kw-1": entry(now)}
    made(store, ws, now, "run1", **{"kw-1": None})
    made(store, ws, now + timedelta(hours=1), "run2", **{"kw-1": "1T01"})
    want(store, ws, entry(now + timedelta(days=1)))
    (found,) = by_key(store, ws, "kw-1").values()
    assert (found.as_of, found.made_at, found.run_id, found.record_id) == (now, now, "run1", "1T01")
    with store.read() as c:
        assert timeline_entries.accounts_of(c, ws, "gainsight") == {"kw-1": "a"}
        assert timeline_entries.by_key(c, ws, "elsewhere", ["kw-1"]) == {}


def test_what_stands_against_an_entry_is_kept_until_it_is_made(store: Store, ws: str, now: datetime) -> None:
    want(store, ws, entry(now))
    row = {
        "workspace": ws, "connection": "gainsight", "object": "activity_timeline", "record_id": "kw-1",
        "property": "Author", "field": "entry_author", "want": "x", "code": "", "reason": "", "run_id": "r",
        "attempts": 1, "first_at": now, "last_at": now, "due_at": now,
    }  # fmt: skip
    with store.write() as c:
        c.execute(failure.insert().values(row))
        assert failures.drop_unlinked(c, ws) == 0
    made(store, ws, now, "run1", **{"kw-1": None})
    with store.write() as c:
        assert failures.drop_unlinked(c, ws) == 1


def test_an_entry_that_was_not_made_can_be_forgotten_with_what_stood_against_it(
    store: Store, ws: str, now: datetime
) -> None:
    want(store, ws, entry(now), entry(now, "kw-2", "b"), entry(now, "kw-3", "c"))
    made(store, ws, now, "run1", **{"kw-2": None})
    with store.write() as c:
        assert timeline_entries.unmade(c, ws, "gainsight") == ["kw-1", "kw-3"]
        timeline_entries.forget(c, ws, "gainsight", ["kw-1", "kw-2"])
        assert timeline_entries.unmade(c, ws, "gainsight") == ["kw-3"]
    assert by_key(store, ws, "kw-1", "kw-2").keys() == {"kw-2"}
