"""What a decision about who is who will change at the next run: accounts, and the values of their records.

Works from the store alone: nothing is asked of a CRM, nothing is stored.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from mapping import engine
from mapping.decisions import Key
from mapping.identity import Identity
from mapping.records import STAMP_FIELD
from store import identity
from store.identity import AccountLink
from sync.decide import RecordDecision
from sync.deps import Deps, RunOptions
from sync.documents import canonical_rows, computed
from sync.identify import stored_links
from sync.moment import moment
from sync.owned import owned_unasked
from sync.picture import Picture
from sync.portfolio import Portfolio, link_rows
from sync.report import RunReport
from sync.session import Session

Values = Mapping[str, Mapping[str, str | None]]


def effect(deps: Deps, before: Identity, after: Identity) -> dict[str, Any]:
    """JSON-able: the accounts that the next run makes otherwise after `after` than after `before`, and what it writes.

    `accounts` are those that gain or lose records, with the ones that they will have; `ends` are ids that no account
    has any more; `records` says of each record concerned which properties get another value than the CRM shows.
    """
    old, new = stored_links(before), stored_links(after)
    touched = _changed(old, new)
    mine = [one for one in new if (one.connection, one.crm_id) in touched]
    with deps.store.read() as c:
        names = identity.named(c, deps.workspace, touched)
    return {
        "accounts": list(_accounts(mine, {one.account_id for one in old}, names)),
        "ends": sorted({one.account_id for one in old} - {one.account_id for one in new}),
        "records": list(_records(deps, old, mine, names)) if mine else [],
    }


def _changed(old: Iterable[AccountLink], new: Iterable[AccountLink]) -> set[Key]:
    """Records whose account has another id or other records, or that may be written and could not, or the reverse."""
    then, now = _standings(old), _standings(new)
    return {key for key in now if then.get(key) != now[key]}


def _standings(links: Iterable[AccountLink]) -> dict[Key, tuple[str, frozenset[Key], bool]]:
    links = list(links)
    members: dict[str, set[Key]] = defaultdict(set)
    for one in links:
        members[one.account_id].add((one.connection, one.crm_id))
    together = {account_id: frozenset(keys) for account_id, keys in members.items()}
    return {(one.connection, one.crm_id): (one.account_id, together[one.account_id], one.writable) for one in links}


def _accounts(
    mine: Sequence[AccountLink], known: set[str], names: Mapping[Key, tuple[str | None, str | None]]
) -> Iterator[dict[str, Any]]:
    by_account: dict[str, list[AccountLink]] = defaultdict(list)
    for one in mine:
        by_account[one.account_id].append(one)
    for account_id, links in sorted(by_account.items()):
        yield {
            "account_id": account_id,
            "new": account_id not in known,
            "records": [record_line((one.connection, one.crm_id), names) for one in links],
        }


def record_line(key: Key, names: Mapping[Key, tuple[str | None, str | None]]) -> dict[str, Any]:
    """A record with what it is called; without a name and a domain where it is not there."""
    name, domain = names.get(key, (None, None))
    return {"connection": key[0], "id": key[1], "name": name, "domain": domain}


def _records(
    deps: Deps, old: Sequence[AccountLink], mine: Sequence[AccountLink],
    names: Mapping[Key, tuple[str | None, str | None]],
) -> Iterator[dict[str, Any]]:  # fmt: skip
    was = {(one.connection, one.crm_id): one.account_id for one in old}
    decided = _decided(deps, mine)
    for one in mine:
        key = one.connection, one.crm_id
        decision = decided.get(key)
        changes = [] if decision is None else [one for one in decision.changes if one.field != STAMP_FIELD]
        yield {
            **record_line(key, names),
            "account_id": one.account_id,
            "was": was.get(key),
            "writable": one.writable,
            "computed": decision is not None,
            "changes": [asdict(change) for change in changes],
            "held": [asdict(held) for held in decision.held] if decision is not None else [],
        }


def _decided(deps: Deps, mine: Sequence[AccountLink]) -> dict[Key, RecordDecision]:
    """What a plan would decide about each record; one that no run has evaluated yet is left out."""
    at = moment(deps, RunOptions())
    session = Session(deps, RunOptions(), "", at, RunReport("", "identity", at.date.isoformat(), ""))
    values = _evaluated(session, mine)
    ready = [one for one in mine if one.account_id in values]
    found: dict[Key, RecordDecision] = {}
    for name, connector in deps.connectors.items():
        owned = owned_unasked(connector, deps.field_maps[name], deps.specs_of(name))
        with deps.store.read() as c:
            picture = Picture.read(c, deps.workspace, owned, ready)
        for one in ready:
            if one.connection == name:
                outputs = {"values": values[one.account_id]}
                found[name, one.crm_id] = picture.decide(session, one, outputs)
    return found


def _evaluated(session: Session, mine: Sequence[AccountLink]) -> Values:
    """Account id → computed values, of the accounts whose records the last run has all seen."""
    deps = session.deps
    with deps.store.read() as c:
        seen = {
            (one.connection, one.crm_id): one.account_id
            for connection, object_name in {(one.connection, one.object) for one in mine}
            for one in identity.of_records(
                c, deps.workspace, connection, object_name, [one.crm_id for one in mine if one.connection == connection]
            ).values()
        }
    unseen = {one.account_id for one in mine if (one.connection, one.crm_id) not in seen}
    ready = [one for one in mine if one.account_id not in unseen]
    if not ready:
        return {}
    account_ids = sorted({one.account_id for one in ready})
    stored_under = sorted({seen[one.connection, one.crm_id] for one in ready})
    frames = Portfolio.open(session, asking=False).frames_with(link_rows(ready), account_ids, stored_under)
    evaluation = engine.evaluate(frames, deps.framework, session.at)
    specs = [spec for spec in deps.specs if spec.writable]
    return dict(canonical_rows(computed(evaluation, specs), specs))
