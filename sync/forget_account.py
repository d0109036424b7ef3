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
from store.tables import ENTITY_TABLES, evaluation, plan_record, raw_record
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

    @property
    def again(self) -> str:
        """What is typed a second time: name and domain are not known any more then."""
        connection, _, one = min(self.doomed.records)
        return f"this as `keepwell forget --account {connection}:{one}`"

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
    """Id of the account and its records, those that are not in their CRM any more among them."""
    streams = {name: account_stream(field_map) for name, field_map in deps.field_maps.items()}
    connection, _, record_id = query.rpartition(":")
    try:
        account_id = _account(deps, c, query)
    except UsageError:
        places = [(name, stream, record_id) for name, stream in streams.items() if connection in ("", name)]
        gone = [one for one in places if _is_ended(c, deps.workspace, one)]
        if gone:
            account_id = _once(c, deps.workspace, gone)
            return account_id, sorted({gone[0], *_all_records(deps, c, account_id, streams)})
        done = [one for one in places if before.has_record(*one)]
        if done:
            return "", done
        raise
    return account_id, _all_records(deps, c, account_id, streams)


def _account(deps: Deps, c: Connection, query: str) -> str:
    """Id of the account that `query` names: CONNECTION:ID means that CRM's and no other one's."""
    connection, _, record_id = query.rpartition(":")
    found = identity.find(c, deps.workspace, record_id) if connection in deps.connectors else []
    own = [one.account_id for one in found if one.connection == connection]
    if found and not own:
        others = ", ".join(f"{one.connection}:{one.crm_id}" for one in found)
        raise UsageError(f"There is no account {query}, only {others}.", hint="Is it that one? Then name it so.")
    return own[0] if own else find_account(deps, query)


def _all_records(deps: Deps, c: Connection, account_id: str, streams: dict[str, str]) -> list[Record]:
    """The records of an account: those that lead to it, and those that were planned for as its own and ended since."""
    ws, p, r = deps.workspace, plan_record.c, raw_record.c
    links = identity.links(c, ws, [account_id]) if account_id else []
    lost = sorted({one.connection for one in links} - streams.keys())
    if lost:
        raise UsageError(
            f"The account has records of {', '.join(lost)}, which the configuration does not name any more.",
            hint="Enter the connection again until the account is forgotten.",
        )
    here = (p.workspace == ws) & (p.account_id == account_id) & (p.kind == "update")
    same = (r.workspace == p.workspace) & (r.connection == p.connection) & (r.id == p.record_id) & (r.gone | r.archived)
    planned = select(r.connection, r.stream, r.id).join(plan_record, same).where(here).distinct()
    past = [(row.connection, row.stream, row.id) for row in (c.execute(planned) if account_id else ())]
    ended = [one for one in past if streams.get(one[0]) == one[1] and _is_ended(c, ws, one)]
    return [*((one.connection, streams[one.connection], one.crm_id) for one in links), *ended]


def _is_ended(c: Connection, ws: str, record: Record) -> bool:
    """Whether a record is stored and leads to no account."""
    r = raw_record.c
    here = (r.workspace == ws) & (r.connection == record[0]) & (r.stream == record[1]) & (r.id == record[2])
    if c.execute(select(r.id).where(here)).first() is None:
        return False
    return all(one.connection != record[0] for one in identity.find(c, ws, record[2]))


def _once(c: Connection, ws: str, records: Sequence[Record]) -> str:
    """Id of the account that a record was one of, by what was planned for it."""
    (connection, _, record_id), *others = records
    if others:
        named = ", ".join(f"{one[0]}:{one[2]}" for one in records)
        raise UsageError(f"{record_id!r} was a record of several CRMs.", hint=f"Say which: {named}.")
    p, e = plan_record.c, evaluation.c
    own = (p.workspace == ws) & (p.connection == connection) & (p.record_id == record_id)
    account_id = c.execute(select(p.account_id).where(own).order_by(p.plan_key.desc()).limit(1)).scalar_one_or_none()
    if account_id is not None:
        return str(account_id)
    known = c.execute(select(e.id).where(e.workspace == ws, e.account_id == record_id).limit(1)).first()
    return record_id if known and not identity.links(c, ws, [record_id]) else ""


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
