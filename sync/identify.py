"""Who is who: account records of all connections become accounts; what is ambiguous goes to the review list."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import replace

from sqlalchemy import Connection

from mapping.decisions import Decision, Key
from mapping.identity import AccountLink, Candidate, Identity, resolve
from store import aliases, decisions, evaluations, frames, identity
from sync.deps import Deps
from sync.owned import account_stream
from sync.session import Session

_REFS = (("hubspot", "hubspot_ref"), ("salesforce", "salesforce_ref"))
_SLICE = 20_000


def identify(session: Session) -> None:
    """Resolve identities anew and store them when anything changed; accounts that are gone stop being evaluated."""
    store, ws = session.deps.store, session.ws
    with store.read() as c:
        before = identity.links(c, ws)
        decided = [one.decision for one in decisions.decisions(c, ws)]
        found = who_is_who(session.deps, c, before, decided)
        reviews_before = identity.reviews(c, ws)
        session.decided_at = decisions.last_change(c, ws)
    links, reviews = stored_links(found), stored_reviews(found)
    session.report.reviews = len(reviews)
    if links == before and reviews == reviews_before:
        return
    gone = {one.account_id for one in before} - {one.account_id for one in links}
    with session.write() as c:
        identity.replace_identity(c, ws, links, reviews, session.deps.clock.now())
        if gone:
            evaluations.retire(c, ws, sorted(gone))


def who_is_who(
    deps: Deps, c: Connection, before: Iterable[identity.AccountLink], decided: Sequence[Decision]
) -> Identity:
    """Every record's account by the rules and by what was `decided`; ids are kept from `before`, also over a merge."""
    candidates = list(_candidates(deps, c))
    known = [AccountLink(one.account_id, one.connection, one.object, one.crm_id) for one in before]
    return resolve(
        candidates,
        [*_inherited(deps, c, known, {one.key for one in candidates}), *known],
        priority=list(deps.settings.connections),
        types={name: connector.type for name, connector in deps.connectors.items()},
        decisions=decided,
        merged=merged_records(deps, c, decided),
    )


def _inherited(
    deps: Deps, c: Connection, known: Sequence[AccountLink], present: Container[Key]
) -> Iterator[AccountLink]:
    """Links of records that were merged away, as links of the survivor: it may have an id that no account had.

    Of several the first in order of ids stands, as everywhere.
    """
    gone = [one for one in known if (one.connection, one.crm_id) not in present]
    survivors = _survivors(deps, c, ((one.connection, one.crm_id) for one in gone))
    for one in sorted(gone, key=lambda link: (len(link.crm_id), link.crm_id), reverse=True):
        survivor = survivors.get((one.connection, one.crm_id))
        if survivor is not None:
            yield replace(one, crm_id=survivor[1])


def stored_links(found: Identity) -> list[identity.AccountLink]:
    """Links as the store keeps them, in key order."""
    links = (
        identity.AccountLink(one.account_id, one.connection, one.object, one.crm_id, one.how, one.writable)
        for one in found.links
    )
    return sorted(links, key=lambda one: (one.connection, one.object, one.crm_id))


def stored_reviews(found: Identity) -> list[identity.Review]:
    """What a person has to decide, as the store keeps it."""
    return [identity.Review(one.kind, tuple(list(key) for key in one.records), one.reason) for one in found.reviews]


def merged_records(deps: Deps, c: Connection, decided: Iterable[Decision]) -> dict[Key, Key]:
    """Records that `decided` is about and that their CRM merged into another one, with that one."""
    return _survivors(deps, c, (key for decision in decided for key in decision.records))


def _survivors(deps: Deps, c: Connection, keys: Iterable[Key]) -> dict[Key, Key]:
    by_connection: dict[str, set[str]] = defaultdict(set)
    for connection, record_id in keys:
        by_connection[connection].add(record_id)
    merged: dict[Key, Key] = {}
    for connection, ids in by_connection.items():
        if connection in deps.field_maps:
            stream = account_stream(deps.field_maps[connection])
            found = aliases.survivors(c, deps.workspace, connection, stream, sorted(ids))
            merged.update({(connection, old): (connection, survivor) for old, survivor in found.items()})
    return merged


def _candidates(deps: Deps, c: Connection) -> Iterator[Candidate]:
    objects = {name: connector.account_object for name, connector in deps.connectors.items()}
    columns = ["connection", "id", "domain", *(field for _, field in _REFS)]
    for part in frames.frames(c, deps.workspace, "account", rows=_SLICE):
        for connection, record_id, domain, *refs in part.select(columns).iter_rows():
            if connection in objects:
                known = {kind: ref for (kind, _), ref in zip(_REFS, refs, strict=True) if ref}
                yield Candidate(connection, objects[connection], record_id, domain, known)
