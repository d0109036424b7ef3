"""Pages of a records or reference stream into the store, to the seal.

A full read also tells which rows are gone. Rows that it did not show are asked for by id first: a record that moved
between pages, or that came back meanwhile, is not gone because one list missed it.
"""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager

from sqlalchemy import Connection

from connectors.ahead import one_ahead
from connectors.base import Connector, Page, Window
from connectors.errors import BadAnswer
from store import aliases, entities, epochs, leases, links, marks, raw
from sync import streams
from sync.events import PageStored
from sync.faults import fp
from sync.keeper import Keeper
from sync.owned import account_stream
from sync.relink import remember_relinked
from sync.session import Session

LOOKED_UP_AT_ONCE = 1_000
"""Ids that are handed to one lookup; the connector cuts them into calls."""


def pull_records(session: Session, connector: Connector, work: streams.Work, halt: threading.Event) -> None:
    """Read the window of `work` and seal it; raises `Halted` at a page boundary once `halt` is set."""
    epoch, stream = work.epoch, work.stream
    with session.deps.store.read() as c:
        carry = marks.mark(c, session.ws, streams.carry_mark(connector.name, stream.name))
        expected = _expected(session, c, connector.name, work)
    window = Window(since=epoch.since, position=epoch.position, carry=carry)
    keeper = Keeper.of(session, connector.name, stream)
    total = epoch.rows
    with (
        session.deps.pool(1, "one-ahead") as pool,
        closing(one_ahead(_made_ready(connector.pages(stream, window), keeper), pool)) as pages,
    ):
        for page, versions in pages:
            fp("pull.page_read")
            total += len(page.records)
            if page.complete:
                _finish(session, connector, work, page, versions)
            else:
                with session.deps.store.write() as c:
                    store_rows(session, c, connector.name, work.stream.name, work.epoch.id, page, versions)
                    _advance(session, c, connector.name, work, page)
            fp("pull.page_stored")
            session.deps.observer(PageStored(connector.name, stream.name, len(page.records), total, expected))
            if page.complete:
                fp("pull.sealed")
                return
            streams.go_on(session, halt)
    raise BadAnswer(
        f"{stream.name} ended after {total} rows without saying that it was complete.",
        hint="Run again; what was read is kept.",
    )


def _expected(session: Session, c: Connection, connection: str, work: streams.Work) -> int | None:
    """About how many rows a full read will have: as many as an earlier one left in the store."""
    name = work.stream.name
    if work.epoch.mode != "full" or epochs.latest_sealed(c, session.ws, connection, name) is None:
        return None
    return raw.count_live(c, session.ws, connection, name)


@contextmanager
def closed(pages: Iterator[Page]) -> Iterator[Iterator[Page]]:
    """`pages`, ended with the block: what reads ahead behind them stops now, not when somebody tidies up."""
    try:
        yield pages
    finally:
        close = getattr(pages, "close", None)
        if close is not None:
            close()


def _made_ready(pages: Iterator[Page], keeper: Keeper) -> Generator[tuple[Page, raw.Versions]]:
    """`pages` with what can be worked out of them while another one is stored."""
    with closed(pages):
        for page in pages:
            yield page, raw.Versions.of(keeper.page(page).records)


def _finish(session: Session, connector: Connector, work: streams.Work, page: Page, versions: raw.Versions) -> None:
    """Store the last page and seal the epoch. Its position only moves with the seal, so a kill before it repeats
    this page and nothing else."""
    name, stream = connector.name, work.stream
    if work.epoch.mode == "full" and stream.kind == "records":
        with session.deps.store.write() as c:
            store_rows(session, c, name, stream.name, work.epoch.id, page, versions)
            leases.check(c, session.lease(name))
            unseen = raw.unseen(c, session.ws, name, stream.name, work.epoch.id)
        _look_up(session, connector, work, unseen)
        with session.deps.store.write() as c:
            _advance(session, c, name, work, page)
            _seal(session, c, name, work, page)
    else:
        with session.deps.store.write() as c:
            store_rows(session, c, name, stream.name, work.epoch.id, page, versions)
            _advance(session, c, name, work, page)
            _seal(session, c, name, work, page)


def _look_up(session: Session, connector: Connector, work: streams.Work, unseen: list[str]) -> None:
    """Ask for the rows that a full read did not show; those that are there have then been seen."""
    keeper = Keeper.of(session, connector.name, work.stream)
    for start in range(0, len(unseen), LOOKED_UP_AT_ONCE):
        asked = unseen[start : start + LOOKED_UP_AT_ONCE]
        for page in connector.lookup(work.stream, asked):
            versions = raw.Versions.of(keeper.page(page).records)
            with session.deps.store.write() as c:
                store_rows(session, c, connector.name, work.stream.name, work.epoch.id, page, versions)
                leases.check(c, session.lease(connector.name))
        session.deps.stop.check()


def store_rows(
    session: Session, c: Connection, connection: str, stream: str, epoch_id: int, page: Page, versions: raw.Versions
) -> None:
    """Store a page's rows, of which `versions` were made beforehand, and its merges, and count them."""
    now = session.deps.clock.now()
    counts = session.report.stream(connection, stream)
    stored = raw.upsert_page(c, session.ws, connection, stream, epoch_id, versions, now)
    merges = aliases.merges_of(page.records)
    if aliases.apply_merges(c, session.ws, connection, stream, merges, now):
        # A merge moves the links of other records without their knowing.
        for child, ids in links.linked_to(c, session.ws, connection, stream, merges).items():
            remember_relinked(c, session.ws, connection, child, ids)
        if stream == account_stream(session.deps.field_maps[connection]):
            survivors = aliases.survivors(c, session.ws, connection, stream, merges)
            entities.follow_merges(c, session.ws, connection, survivors)
    counts.read += len(page.records)
    counts.inserted += stored.inserted
    counts.updated += stored.updated
    counts.unchanged += stored.unchanged
    counts.deleted += sum(1 for record in page.records if record.archived or record.merged_into) - stored.strangers


def _advance(session: Session, c: Connection, connection: str, work: streams.Work, page: Page) -> None:
    epochs.advance(c, work.epoch.id, position=page.position, high_water=page.high_water, rows=len(page.records))
    leases.check(c, session.lease(connection))


def _seal(session: Session, c: Connection, connection: str, work: streams.Work, page: Page) -> None:
    """Seal in the transaction of the last page; a full epoch also tells which rows are gone."""
    stream, epoch = work.stream, epochs.get(c, work.epoch.id)
    total = epoch.rows
    prove(stream.name, total, page, "--full")
    now = session.deps.clock.now()
    if epoch.mode == "full":
        _mark_gone(session, c, connection, work)
    high_water = page.high_water or epoch.high_water
    cursor = None if stream.kind == "reference" else high_water
    proof = {"rows": total, "expected": page.expected, "last_page": True}
    epochs.seal(c, epoch.id, proof=proof, cursor=cursor, now=now)
    if stream.kind == "records":
        marks.set_mark(c, session.ws, streams.carry_mark(connection, stream.name), page.carry)


def prove(stream: str, rows: int, page: Page, anew: str) -> None:
    """Raise `BadAnswer` when the last page says that its window has more rows than came; `anew` starts over."""
    if page.expected is not None and rows < page.expected:
        raise BadAnswer(
            f"{stream}: the CRM announced {page.expected} rows but gave {rows}.",
            hint=f"Run again; if it happens again, use {anew}.",
        )


def _mark_gone(session: Session, c: Connection, connection: str, work: streams.Work) -> None:
    name, now = work.stream.name, session.deps.clock.now()
    gone = raw.mark_unseen_gone(c, session.ws, connection, name, work.epoch.id, now)
    session.report.stream(connection, name).deleted += gone
    if gone and work.stream.kind == "records":
        session.note(f"{connection}: {gone} {name} that the store holds are not in the CRM any more", connection)
