"""Room 2: read each connection into the store, one transaction a page, and seal what was read to its proven end.

Connections are read side by side, and so are the streams of a connection, links after the records that they start
from: one stream alone waits for answers most of the time, several use what the quota allows. A page's rows, its merges
and the position after it are committed together, under the connection's lease; nothing is computed from a stream that
was not sealed.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait

from connectors.base import Connector, Stream
from connectors.errors import ConnectorError, MissingScope
from store import epochs, leases, pins, raw
from sync import streams
from sync.errors import IncompletePull
from sync.events import Noted, StreamSealed
from sync.faults import fp
from sync.pull_links import pull_links
from sync.pull_records import pull_records
from sync.session import Session
from sync.streams import Halted

STREAMS_AT_ONCE = 8
"""Streams of one connection that are read side by side; more would only wait for the same quota and the same store."""


def check_identities(session: Session) -> None:
    """Raise before anything is read or settled when a token is wrong, or leads to another CRM account than before."""
    for name, connector in session.deps.connectors.items():
        identity = connector.identity()
        if not identity:  # not every token may know the account it leads to
            continue
        with session.deps.store.write() as c:
            pins.verify(c, session.ws, name, identity, session.deps.clock.now())
        fp("run.identified")


def pull(session: Session) -> None:
    """Read every stream of every connection; raises `IncompletePull` naming the first connection that failed.

    A failing connection does not stop the others: what they read is kept for the next run.
    """
    connectors = session.deps.connectors
    with session.deps.pool(max(1, len(connectors)), "pull") as pool:
        futures = {name: pool.submit(_pull_connection, session, c) for name, c in connectors.items()}
        failures = {name: error for name, future in futures.items() if (error := future.exception()) is not None}
    _raise_worst(list(failures.values()))
    for name, error in failures.items():
        if isinstance(error, ConnectorError):
            raise IncompletePull(f"{name}: {error.message}", cause=error, hint=error.hint)


def _raise_worst(errors: Sequence[BaseException]) -> None:
    for error in errors:
        if not isinstance(error, ConnectorError):
            raise error


def _pull_connection(session: Session, connector: Connector) -> None:
    pull_streams(session, connector, connector.streams())
    for stream_name, fields in connector.not_connected().items():
        if fields:
            counts = session.report.stream(connector.name, stream_name)
            counts.note = counts.note or f"not in this CRM: {', '.join(sorted(fields))}"


def pull_streams(session: Session, connector: Connector, wanted: Sequence[Stream]) -> None:
    """Read `wanted` side by side; the first one that fails stops the others at their next page, which is kept.

    Links wait for the records that they start from, where those are wanted too.
    """
    halt = threading.Event()
    names = {stream.name for stream in wanted}
    behind: defaultdict[str, list[Stream]] = defaultdict(list)
    for stream in wanted:
        session.report.stream(connector.name, stream.name)  # the report lists them in this order
        if stream.ids_from in names:
            behind[stream.ids_from or ""].append(stream)
    failures: dict[str, BaseException] = {}
    with session.deps.pool(STREAMS_AT_ONCE, connector.name) as pool:

        def begin(ready: Iterable[Stream]) -> dict[Future[None], Stream]:
            return {pool.submit(_pull_or_miss, session, connector, one, halt): one for one in ready}

        running = begin([one for one in wanted if one.ids_from not in names])
        while running:
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                stream = running.pop(future)
                error = future.exception()
                if error is not None:
                    halt.set()
                    failures[stream.name] = error
                elif not halt.is_set():
                    running |= begin(behind.pop(stream.name, ()))
    errors = [failures[stream.name] for stream in wanted if stream.name in failures]
    errors = [error for error in errors if not isinstance(error, Halted)]
    _raise_worst(errors)
    if errors:
        raise errors[0]


def _pull_or_miss(session: Session, connector: Connector, stream: Stream, halt: threading.Event) -> None:
    try:
        _pull_stream(session, connector, stream, halt)
    except MissingScope as error:
        if not stream.optional:
            raise
        _not_connected(session, connector.name, stream, str(error))


def _not_connected(session: Session, connection: str, stream: Stream, reason: str) -> None:
    """Go on without a stream; one that was read before is lost, for what is computed stands on what it was then."""
    counts = session.report.stream(connection, stream.name)
    counts.note = f"not connected: {reason}"
    session.note(f"{connection}: {stream.name} is not connected: {reason}", connection)
    with session.deps.store.write() as c:
        if epochs.latest_sealed(c, session.ws, connection, stream.name) is not None:
            session.report.lost_streams.append(f"{connection} {stream.name}")
            counts.live = raw.count_live(c, session.ws, connection, stream.name) if stream.kind != "links" else 0
        for epoch in epochs.open_epochs(c, session.ws):
            if (epoch.connection, epoch.stream) == (connection, stream.name):
                epochs.abandon(c, epoch.id, reason=reason, now=session.deps.clock.now())


def _pull_stream(session: Session, connector: Connector, stream: Stream, halt: threading.Event) -> None:
    name = connector.name
    with session.deps.store.write() as c:
        leases.check(c, session.lease(name))
        work = streams.begin(c, session.ws, name, stream, full=session.options.full, now=session.deps.clock.now())
    if work.resumed:
        session.deps.observer(Noted(f"{name}: going on with {stream.name} after {work.epoch.rows} rows", name))
    counts = session.report.stream(name, stream.name)
    counts.mode = work.epoch.mode
    if stream.kind == "links":
        pull_links(session, connector, work, halt)
    else:
        pull_records(session, connector, work, halt)
    with session.deps.store.read() as c:
        counts.live = raw.count_live(c, session.ws, name, stream.name) if stream.kind != "links" else 0
    session.deps.observer(StreamSealed(name, stream.name, counts.mode, counts.read))
