"""Normalising goes chunk by chunk, and nobody reads the store meanwhile: SQLite's log would grow to its whole size."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from sqlalchemy import Connection

from connectors.base import Stream
from mapping.records import RawRecord
from store import Store, entities, open_store, raw
from sync.normalise import CHUNK, normalise_all
from sync.report import RunReport

NOW = datetime(2026, 11, 22, tzinfo=UTC)
OWNERS = Stream("owners", "owner", kind="reference", properties=("name", "email", "active"))


class OneAtATime:
    """A store that refuses to be written to while somebody reads."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._readers = 0
        self.writes = 0

    @contextmanager
    def read(self) -> Iterator[Connection]:
        self._readers += 1
        try:
            with self._store.read() as c:
                yield c
        finally:
            self._readers -= 1

    @contextmanager
    def write(self) -> Iterator[Connection]:
        assert self._readers == 0, "a reader is open"
        self.writes += 1
        with self._store.write() as c:
            yield c


def test_nobody_reads_while_a_chunk_is_written(tmp_path: Path) -> None:
    count = CHUNK + 1
    with closing(open_store(f"sqlite:///{tmp_path}/keepwell.db", "default", create=True)) as store:
        with store.write() as c:
            rows = [RawRecord(str(n), {"name": f"Person {n}"}) for n in range(count)]
            raw.upsert_page(c, "default", "crm", "owners", 1, rows, NOW)
        watched = OneAtATime(store)
        connector = SimpleNamespace(name="crm", streams=lambda: [OWNERS])
        deps = SimpleNamespace(
            connectors={"crm": connector}, store=watched, field_maps={"crm": SimpleNamespace(streams={})},
            settings=SimpleNamespace(timezone="UTC"), clock=SimpleNamespace(now=lambda: NOW),
            stop=SimpleNamespace(check=lambda: None),
        )  # fmt: skip
        report = RunReport("r", "pull", "2026-11-22", "")
        session = SimpleNamespace(deps=deps, ws="default", report=report, write=watched.write,
                                  progress=lambda *_: None)  # fmt: skip
        normalise_all(cast(Any, session))
        with store.read() as c:
            assert entities.count(c, "default", "owner") == count
    assert watched.writes == 3  # two chunks, and the mark
