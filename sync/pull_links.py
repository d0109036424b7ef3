"""Links of records into the store: of those that changed, or of all in a sweep, in chunks whose owners are known.

The owners are listed by us, so a record that lost its last link is seen as well.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence, Set
from contextlib import closing

from connectors.ahead import ahead
from connectors.base import Connector, Stream, Window
from connectors.errors import BadAnswer
from mapping.records import Link
from store import epochs, leases, links, raw
from sync import streams
from sync.events import PageStored
from sync.faults import fp
from sync.keeper import Keeper
from sync.pull_records import closed
from sync.relink import remember_relinked
from sync.report import StreamCounts
from sync.session import Session

LINKS_A_CALL = 1000
CALLS_AT_ONCE = 8


def pull_links(session: Session, connector: Connector, work: streams.Work, halt: threading.Event) -> None:
    """Read the links of the records that changed (all in a full epoch) and seal; raises `Halted` once `halt` is set.

    Chunks are read side by side and stored in their order, so that the position covers all before it.
    """
    name, ws, stream = connector.name, session.ws, work.stream
    with session.deps.store.read() as c:
        upto = raw.last_seq(c, ws, name, stream.ids_from or "")
        chunks = streams.link_chunks(c, ws, name, work, LINKS_A_CALL)

    keeper = Keeper.of(session, name, stream)

    def read(chunk: tuple[str, list[str]]) -> Sequence[Link]:
        streams.go_on(session, halt)
        return keeper.links(_links_of(session, connector, stream, chunk[1], halt))

    with closing(ahead(read, chunks, workers=CALLS_AT_ONCE)) as found:
        for (position, owners), links_found in found:
            _store(session, name, work, position, owners, links_found)
            streams.go_on(session, halt)
    proof = {"owners": sum(len(chunk) for _, chunk in chunks)}
    with session.deps.store.write() as c:
        streams.set_link_seq(c, ws, name, stream, upto)
        epochs.seal(c, work.epoch.id, proof=proof, cursor=None, now=session.deps.clock.now())
        leases.check(c, session.lease(name))
    fp("pull.sealed")


def _store(
    session: Session, connection: str, work: streams.Work, position: str, owners: list[str], found: Sequence[Link]
) -> None:
    ws, stream = session.ws, work.stream
    counts = session.report.stream(connection, stream.name)
    with session.deps.store.write() as c:
        before = links.links_from(c, ws, connection, stream.name, owners)
        changed = links.upsert_links(c, ws, connection, stream.name, work.epoch.id, owners, found)
        concerned = stream.name if stream.entity == "attendance" else stream.ids_from or ""
        remember_relinked(c, ws, connection, concerned, changed)
        epochs.advance(c, work.epoch.id, position=position, high_water=None, rows=len(found))
        leases.check(c, session.lease(connection))
    _count(counts, before, found, set(changed))
    fp("pull.page_stored")
    session.deps.observer(PageStored(connection, stream.name, len(found), counts.read))


def _count(
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


def _links_of(
    session: Session, connector: Connector, stream: Stream, ids: list[str], halt: threading.Event
) -> list[Link]:
    found: list[Link] = []
    with closed(connector.pages(stream, Window(), ids)) as pages:
        for page in pages:
            fp("pull.page_read")
            found.extend(page.links)
            if page.complete:
                return found
            streams.go_on(session, halt)
    raise BadAnswer(f"{stream.name} ended without saying that it was complete.", hint="Run again.")
