"""Who is who: account records of all connections become accounts; what is ambiguous goes to the review list."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection

from mapping.identity import AccountLink, Candidate, How, resolve
from store import evaluations, frames, identity
from sync.session import Session

_REFS = (("hubspot", "hubspot_ref"), ("salesforce", "salesforce_ref"))
_SLICE = 20_000


def identify(session: Session) -> None:
    """Resolve identities anew and store them when anything changed; accounts that are gone stop being evaluated."""
    store, ws = session.deps.store, session.ws
    types = {name: connector.type for name, connector in session.deps.connectors.items()}
    with store.read() as c:
        before = identity.links(c, ws)
        found = resolve(
            _candidates(session, c),
            [_earlier(one) for one in before],
            priority=list(session.deps.settings.connections),
            types=types,
        )
        reviews_before = identity.reviews(c, ws)
    links = [
        identity.AccountLink(one.account_id, one.connection, one.object, one.crm_id, one.how, one.writable)
        for one in found.links
    ]
    reviews = [identity.Review(one.kind, tuple(list(key) for key in one.records), one.reason) for one in found.reviews]
    session.report.reviews = len(reviews)
    links.sort(key=lambda one: (one.connection, one.object, one.crm_id))
    if links == before and reviews == reviews_before:
        return
    gone = {one.account_id for one in before} - {one.account_id for one in links}
    with session.write() as c:
        identity.replace_identity(c, ws, links, reviews, session.deps.clock.now())
        if gone:
            evaluations.retire(c, ws, sorted(gone))


def _earlier(link: identity.AccountLink) -> AccountLink:
    how: How = "manual" if link.how == "manual" else "alone"
    return AccountLink(link.account_id, link.connection, link.object, link.crm_id, how)


def _candidates(session: Session, c: Connection) -> Iterator[Candidate]:
    objects = {name: connector.account_object for name, connector in session.deps.connectors.items()}
    columns = ["connection", "id", "domain", *(field for _, field in _REFS)]
    for part in frames.frames(c, session.ws, "account", rows=_SLICE):
        for connection, record_id, domain, *refs in part.select(columns).iter_rows():
            if connection in objects:
                known = {kind: ref for (kind, _), ref in zip(_REFS, refs, strict=True) if ref}
                yield Candidate(connection, objects[connection], record_id, domain, known)
