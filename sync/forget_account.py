"""An account to be forgotten as a whole, whether its CRM still has it or not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select

from mapping import forgotten as digests
from mapping.forgotten import Entry, Forgotten
from store import erasure, forgotten, identity, sweep
from store.erasure import Doomed, Record
from store.tables import ENTITY_TABLES, account_link, evaluation, plan_record, raw_record
from sync.deps import Deps
from sync.errors import UsageError
from sync.explain import find_account
from sync.forget_person import phrase, tells
from sync.keeper import properties_of
from sync.owned import account_stream


@dataclass(frozen=True, slots=True)
class AccountSubject:
    """An account with everything that belongs to it; `known` are the words that name it in texts about others."""

    deps: Deps
    about: str
    doomed: Doomed
    fresh: frozenset[Entry]
    known: Forgotten
    notes: tuple[str, ...]

    @classmethod
    def of(cls, deps: Deps, c: Connection, query: str, also: Sequence[str]) -> AccountSubject:
        """Find the account by id, CRM id, domain or name; one that the CRM does not have any more by CRM id. Raises
        `UsageError` for none and for several."""
        before = forgotten.known(c, deps.workspace)
        account_id, records = _records(deps, c, query.strip(), before)
        parents = properties_of(deps.field_maps, "account_ref")
        named = properties_of(deps.field_maps, "name", "domain")
        doomed = erasure.find(c, deps.workspace, account_id, records, parents=parents, named=named)
        notes = [*_still_there(c, deps.workspace, doomed)]
        words = [*also, *_telling(deps, c, doomed, notes)]
        fresh = frozenset(digests.record_entry(before.salt, *one) for one in (*doomed.records, *doomed.children))
        known = Forgotten(before.salt, frozenset(phrase(before.salt, one) for one in words))
        shown = ", ".join(f"{connection}:{one}" for connection, _, one in sorted(doomed.records))
        return cls(deps, f"an account: {shown}", doomed, fresh, known, tuple(notes))

    def undecided(self, c: Connection) -> int:
        """How many of its values are on their way to a CRM."""
        return erasure.undecided(c, self.deps.workspace, self.doomed) if self.doomed.records else 0

    def carry_out(self, c: Connection) -> Counter[str]:
        """Delete it; table → rows that were deleted or changed."""
        ws = self.deps.workspace
        forgotten.add(c, ws, self.known.salt, self.fresh, self.deps.clock.now())
        found = erasure.erase(c, ws, self.doomed)
        return found + sweep.sweep(c, ws, self.known, sweep.Places(), tables=erasure.NAMED_ELSEWHERE)


def _records(deps: Deps, c: Connection, query: str, before: Forgotten) -> tuple[str, list[Record]]:
    """Id of the account and its records."""
    streams = {name: account_stream(field_map) for name, field_map in deps.field_maps.items()}
    try:
        account_id = find_account(deps, query)
    except UsageError:
        connection, _, record_id = query.rpartition(":")
        places = [(name, stream, record_id) for name, stream in streams.items() if connection in ("", name)]
        gone = [one for one in places if _is_stored(c, deps.workspace, one)]
        if gone:
            return _gone(c, deps.workspace, gone, streams)
        done = [one for one in places if before.has_record(*one)]
        if done:
            return "", done
        raise
    links = identity.links(c, deps.workspace, [account_id])
    lost = sorted({one.connection for one in links} - streams.keys())
    if lost:
        raise UsageError(
            f"The account has records of {', '.join(lost)}, which the configuration does not name any more.",
            hint="Enter the connection again until the account is forgotten.",
        )
    return account_id, [(one.connection, streams[one.connection], one.crm_id) for one in links]


def _is_stored(c: Connection, ws: str, record: Record) -> bool:
    r = raw_record.c
    here = (r.workspace == ws) & (r.connection == record[0]) & (r.stream == record[1]) & (r.id == record[2])
    return c.execute(select(r.id).where(here)).first() is not None


def _gone(c: Connection, ws: str, records: Sequence[Record], streams: dict[str, str]) -> tuple[str, list[Record]]:
    """An account of which no record is there any more: its id by what was planned for it, with its other records."""
    p, link = plan_record.c, account_link.c
    (connection, _, record_id), *others = records
    if others:
        named = ", ".join(f"{one[0]}:{one[2]}" for one in records)
        raise UsageError(f"{record_id!r} was a record of several CRMs.", hint=f"Say which: {named}.")
    own = (p.workspace == ws) & (p.connection == connection) & (p.record_id == record_id)
    account_id = c.execute(select(p.account_id).where(own).order_by(p.plan_key.desc()).limit(1)).scalar_one_or_none()
    if account_id is None:
        e = evaluation.c
        known = c.execute(select(e.id).where(e.workspace == ws, e.account_id == record_id).limit(1)).first()
        return (record_id if known else ""), list(records)
    planned = select(p.connection, p.record_id).where(p.workspace == ws, p.account_id == account_id, p.kind == "update")
    there = {
        (row.connection, row.crm_id)
        for row in c.execute(select(link.connection, link.crm_id).where(link.workspace == ws))
    }
    found = {(row.connection, row.record_id) for row in c.execute(planned.distinct())} - there
    return account_id, sorted({*records, *((name, streams[name], one) for name, one in found if name in streams)})


def _still_there(c: Connection, ws: str, doomed: Doomed) -> Iterator[str]:
    r = raw_record.c
    for connection, stream, one in sorted(doomed.records):
        here = (r.workspace == ws) & (r.connection == connection) & (r.stream == stream) & (r.id == one)
        if c.execute(select(r.id).where(here, ~r.gone, ~r.archived)).first() is not None:
            yield (
                f"As far as is known {connection} still has record {one}: delete it there, with its tickets, deals and "
                "meetings. Those that are new come in as records without an account."
            )


def _telling(deps: Deps, c: Connection, doomed: Doomed, notes: list[str]) -> Iterator[str]:
    """The names and domains of the account that texts about something else can be searched for."""
    account = ENTITY_TABLES["account"].c
    own = {(connection, one) for connection, _, one in doomed.records}
    rows = c.execute(
        select(account.connection, account.id, account.name, account.domain).where(account.workspace == deps.workspace)
    )
    others = {
        digests.words_of(text)
        for row in rows
        if (row.connection, row.id) not in own
        for text in (row.name, row.domain)
        if text
    }
    for name in _apart(doomed.names):
        if not tells(name) or digests.words_of(name) in others:
            notes.append(f"Texts about other things are not searched for {name!r}: it may mean something else there.")
        else:
            yield name


def _apart(names: Iterable[str]) -> list[str]:
    """Each name once, however it is written."""
    return list({digests.words_of(one): one for one in names}.values())
