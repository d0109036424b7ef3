"""Room 2: read each connection into the store, one transaction a page, and seal what was read to its proven end.

Connections are read in parallel, each stream after its parents. A page's rows, its merges and the position after it
are committed together, under the connection's lease; nothing is computed from a stream that was not sealed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import Connection

from connectors.base import Connector, Page, Stream, Window
from connectors.errors import BadAnswer, ConnectorError, MissingScope
from mapping.records import Link
from store import aliases, epochs, leases, links, pins, raw
from sync import streams
from sync.errors import IncompletePull, Interrupted
from sync.events import Noted, PageStored, StreamSealed
from sync.faults import fp
from sync.relink import remember_relinked
from sync.report import StreamCounts
from sync.session import Session

LINKS_A_CALL = 1000


def check_identities(session: Session) -> None:
    """Raise before anything is read or settled when a token is wrong, or leads to another CRM account than before."""
    for name, connector in session.deps.connectors.items():
        identity = connector.identity()
        if not identity:  # not every token may know the account it leads to
            continue
        with session.deps.store.write() as c:
            pins.verify(c, session.ws, name, identity, session.deps.clock.now())


def pull(session: Session) -> None:
    """Read every stream of every connection; raises `IncompletePull` naming the first connection that failed.

    A failing connection does not stop the others: what they read is kept for the next run.
    """
    connectors = session.deps.connectors
    with ThreadPoolExecutor(max_workers=max(1, len(connectors)), thread_name_prefix="pull") as pool:
        futures = {name: pool.submit(_pull_connection, session, c) for name, c in connectors.items()}
        failures = {name: error for name, future in futures.items() if (error := future.exception()) is not None}
    _raise_worst(failures)


def _raise_worst(failures: dict[str, BaseException]) -> None:
    for error in failures.values():
        if not isinstance(error, ConnectorError):
            raise error
    for name, error in failures.items():
        if isinstance(error, ConnectorError):
            raise IncompletePull(f"{name}: {error.message}", cause=error, hint=error.hint)


def _pull_connection(session: Session, connector: Connector) -> None:
    for stream in connector.streams():
        try:
            _pull_stream(session, connector, stream)
        except MissingScope as error:
            if not stream.optional:
                raise
            _not_connected(session, connector.name, stream, str(error))
    for stream_name, fields in connector.not_connected().items():
        if fields:
            counts = session.report.stream(connector.name, stream_name)
            counts.note = counts.note or f"not in this CRM: {', '.join(sorted(fields))}"


def _not_connected(session: Session, connection: str, stream: Stream, reason: str) -> None:
    session.report.stream(connection, stream.name).note = f"not connected: {reason}"
    session.note(f"{connection}: {stream.name} is not connected: {reason}", connection)
    with session.deps.store.write() as c:
        for epoch in epochs.open_epochs(c, session.ws):
            if (epoch.connection, epoch.stream) == (connection, stream.name):
                epochs.abandon(c, epoch.id, reason=reason, now=session.deps.clock.now())


def _pull_stream(session: Session, connector: Connector, stream: Stream) -> None:
    name = connector.name
    with session.deps.store.write() as c:
        leases.check(c, session.lease(name))
        work = streams.begin(c, session.ws, name, stream, full=session.options.full, now=session.deps.clock.now())
    if work.resumed:
        session.deps.observer(Noted(f"{name}: going on with {stream.name} after {work.epoch.rows} rows", name))
    counts = session.report.stream(name, stream.name)
    counts.mode = work.epoch.mode
    if stream.kind == "links":
        _pull_links(session, connector, work, counts)
    else:
        _pull_records(session, connector, work)
    with session.deps.store.read() as c:
        counts.live = raw.count_live(c, session.ws, name, stream.name) if stream.kind != "links" else 0
    session.deps.observer(StreamSealed(name, stream.name, counts.mode, counts.read))


def _pull_records(session: Session, connector: Connector, work: streams.Work) -> None:
    epoch, stream = work.epoch, work.stream
    window = Window(since=epoch.since, position=epoch.position)
    total = epoch.rows
    for page in connector.pages(stream, window):
        fp("pull.page_read")
        total += len(page.records)
        with session.deps.store.write() as c:
            _store_page(session, c, connector.name, work, page)
            if page.complete:
                _seal_records(session, c, connector.name, work, page)
        fp("pull.page_stored")
        session.deps.observer(PageStored(connector.name, stream.name, len(page.records), total))
        if page.complete:
            fp("pull.sealed")
            return
        session.deps.stop.check()
    raise BadAnswer(
        f"{stream.name} ended after {total} rows without saying that it was complete.",
        hint="Run again; what was read is kept.",
    )


def _store_page(
    session: Session,
    c: Connection,
    connection: str,
    work: streams.Work,
    page: Page,
) -> None:
    now, stream, epoch = session.deps.clock.now(), work.stream, work.epoch
    counts = session.report.stream(connection, stream.name)
    stored = raw.upsert_page(c, session.ws, connection, stream.name, epoch.id, page.records, now)
    merges = aliases.merges_of(page.records)
    if merges:
        aliases.apply_merges(c, session.ws, connection, stream.name, merges, now)
    epochs.advance(c, epoch.id, position=page.position, high_water=page.high_water, rows=len(page.records))
    leases.check(c, session.lease(connection))
    counts.read += len(page.records)
    counts.inserted += stored.inserted
    counts.updated += stored.updated
    counts.unchanged += stored.unchanged
    counts.deleted += sum(1 for record in page.records if record.archived or record.merged_into)


def _seal_records(
    session: Session,
    c: Connection,
    connection: str,
    work: streams.Work,
    page: Page,
) -> None:
    """Seal in the transaction of the last page; a full epoch also tells which rows are gone."""
    stream, epoch = work.stream, epochs.get(c, work.epoch.id)
    total = epoch.rows
    if page.expected is not None and total < page.expected:
        raise BadAnswer(
            f"{stream.name}: the CRM announced {page.expected} rows but gave {total}.",
            hint="Run again; if it happens again, use --full.",
        )
    now = session.deps.clock.now()
    if epoch.mode == "full":
        gone = raw.mark_unseen_gone(c, session.ws, connection, stream.name, epoch.id, now)
        session.report.stream(connection, stream.name).deleted += gone
    high_water = page.high_water or epoch.high_water
    cursor = None if stream.kind == "reference" else high_water
    proof = {"rows": total, "expected": page.expected, "last_page": True}
    epochs.seal(c, epoch.id, proof=proof, cursor=cursor, now=now)


def _pull_links(session: Session, connector: Connector, work: streams.Work, counts: StreamCounts) -> None:
    """Read the links of the records that changed (all in a full epoch), in chunks whose owners are known.

    The owners are listed by us, so a record that lost its last link is seen as well.
    """
    name, ws, stream, epoch = connector.name, session.ws, work.stream, work.epoch
    with session.deps.store.read() as c:
        upto = raw.last_seq(c, ws, name, stream.ids_from or "")
        chunks = streams.link_chunks(c, ws, name, work, LINKS_A_CALL)
    for position, chunk in chunks:
        found = _links_of(session, connector, stream, chunk)
        with session.deps.store.write() as c:
            before = links.links_from(c, ws, name, stream.name, chunk)
            changed = links.upsert_links(c, ws, name, stream.name, epoch.id, chunk, found)
            concerned = stream.name if stream.entity == "attendance" else stream.ids_from or ""
            remember_relinked(c, ws, name, concerned, changed)
            epochs.advance(c, epoch.id, position=position, high_water=None, rows=len(found))
            leases.check(c, session.lease(name))
        _count_links(counts, before, found, set(changed))
        fp("pull.page_stored")
        session.deps.observer(PageStored(name, stream.name, len(found), counts.read))
        session.deps.stop.check()
    owners = sum(len(chunk) for _, chunk in chunks)
    with session.deps.store.write() as c:
        streams.set_link_seq(c, ws, name, stream, upto)
        epochs.seal(c, epoch.id, proof={"owners": owners}, cursor=None, now=session.deps.clock.now())
        leases.check(c, session.lease(name))
    fp("pull.sealed")


def _count_links(
    counts: StreamCounts, before: Mapping[str, Sequence[Link]], found: Sequence[Link], changed: Set[str]
) -> None:
    """Links of a record that had none are inserted, of one whose links changed updated, those it lost are deleted."""
    counts.read += len(found)
    for link in found:
        if link.from_id not in changed:
            counts.unchanged += 1
        elif link.from_id in before:
            counts.updated += 1
        else:
            counts.inserted += 1
    left = {link.from_id for link in found}
    counts.deleted += sum(len(before[one]) for one in changed - left if one in before)


def _links_of(session: Session, connector: Connector, stream: Stream, ids: list[str]) -> list[Link]:
    found: list[Link] = []
    for page in connector.pages(stream, Window(), ids):
        fp("pull.page_read")
        found.extend(page.links)
        if page.complete:
            return found
        if session.deps.stop.asked:
            raise Interrupted("The run was asked to stop.", hint="Run the same command again to go on.")
    raise BadAnswer(f"{stream.name} ended without saying that it was complete.", hint="Run again.")
