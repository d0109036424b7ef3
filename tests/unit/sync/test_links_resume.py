"""A pull of links that was interrupted goes on behind its position and misses nothing that changed meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from connectors.base import Stream
from mapping.records import RawRecord
from store import Store, epochs, open_store, raw
from sync import streams

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
DEALS = Stream("deals", "deal")
LINKS = Stream("deals>companies", "link", kind="links", ids_from="deals")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(f"sqlite:///{tmp_path}/keepwell.db", "default", create=True)
    yield opened
    opened.close()


def put(store: Store, **names: str) -> None:
    with store.write() as c:
        epoch = epochs.open_epoch(c, "default", "crm", "deals", "increment", since=None, now=NOW)
        rows = [RawRecord(record_id, {"name": name}) for record_id, name in names.items()]
        raw.upsert_page(c, "default", "crm", "deals", epoch.id, rows, NOW)
        epochs.seal(c, epoch.id, proof={}, cursor=None, now=NOW)


def chunks(store: Store) -> tuple[streams.Work, list[tuple[str, list[str]]]]:
    with store.write() as c:
        work = streams.begin(c, "default", "crm", LINKS, full=False, now=NOW)
        return work, streams.link_chunks(c, "default", "crm", work, 2)


def test_what_changed_before_the_position_is_read_again(store: Store) -> None:
    put(store, a="1", b="1", c="1", d="1", e="1")
    work, first = chunks(store)
    assert first == [("b", ["a", "b"]), ("d", ["c", "d"]), ("e", ["e"])]
    with store.write() as c:
        epochs.advance(c, work.epoch.id, position="d", high_water=None, rows=4)

    put(store, a="1", b="2", e="2", f="1")
    again, rest = chunks(store)

    assert again.resumed
    assert rest == [("d", ["b"]), ("f", ["e", "f"])]


def test_after_a_sealed_pull_only_news_is_read(store: Store) -> None:
    put(store, a="1", b="1")
    work, _ = chunks(store)
    with store.write() as c:
        streams.set_link_seq(c, "default", "crm", LINKS, raw.last_seq(c, "default", "crm", "deals"))
        epochs.seal(c, work.epoch.id, proof={}, cursor=None, now=NOW)
    put(store, a="1", b="2")
    work, news = chunks(store)
    assert (work.epoch.mode, work.resumed, news) == ("increment", False, [("b", ["b"])])
