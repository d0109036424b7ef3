"""Everything that the store holds of one account: found, and deleted or blanked as a whole.

What stays is that writes happened: the audit chain, and the outbox with record, property, run and moment, without
values.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, and_, delete, false, func, or_, select, update

from mapping.records import ENTITIES
from store import evaluations
from store.intents import OPEN
from store.sql import member
from store.sweep import FORGOTTEN, drop_unapplied
from store.tables import (
    ENTITY_TABLES,
    account_link,
    alert,
    alert_task,
    failure,
    identity_decision,
    identity_review,
    intent,
    ledger,
    notification,
    plan_record,
    quarantine,
    raw_alias,
    raw_link,
    raw_record,
    resolution,
    run,
    timeline_entry,
)

NAMED_ELSEWHERE = frozenset(
    {"run", "alert", "identity_decision", "identity_review", "notification", "failure", "quarantine", "mark", "plan"}
)
"""Tables in which texts about other things may name an account."""

Record = tuple[str, str, str]
"""(connection, stream, id)"""
Properties = Mapping[tuple[str, str], Collection[str]]
"""(connection, stream) → names of properties."""


@dataclass(frozen=True, slots=True)
class Doomed:
    """An account with all that belongs to it: its own `records` in the CRMs, and those of its children."""

    account_id: str
    records: frozenset[Record]
    children: frozenset[Record] = frozenset()
    names: tuple[str, ...] = ()
    made: frozenset[tuple[str, str]] = frozenset()
    """(connection, key) of what was made in a CRM about it: tasks for its alerts, entries on its timeline. The ids that
    it has there are left out, because accounts may have the same ones."""
    alerts: tuple[int, ...] = field(default=())

    def by_stream(self) -> Mapping[tuple[str, str], list[str]]:
        """(connection, stream) → ids, of all records."""
        found: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
        for connection, stream, one in sorted(self.records | self.children):
            found[connection, stream].append(one)
        return found

    def places(self, table: Table) -> ColumnElement[bool]:
        """The rows of a table by connection and record id about a record of the account or one made for it."""
        by_connection: defaultdict[str, set[str]] = defaultdict(set)
        for connection, one in {(c, i) for c, _, i in self.records} | self.made:
            by_connection[connection].add(one)
        own = (and_(table.c.connection == c, member(table.c.record_id, ids)) for c, ids in by_connection.items())
        return or_(false(), *own)  # without any it would be no condition at all, which every row meets


def find(
    c: Connection, ws: str, account_id: str, records: Iterable[Record], *, parents: Properties, named: Properties
) -> Doomed:
    """Find what belongs to an account with these records.

    `parents` are the properties by which children name their account, `named` those with its name and domain.
    """
    own = {*records, *_merged_into(c, ws, records)}
    ids: defaultdict[str, set[str]] = defaultdict(set)
    for connection, _, one in own:
        ids[connection].add(one)
    children = {*_normalised(c, ws, ids), *_linked(c, ws, own), *_ended(c, ws, ids, parents)} - own
    here = and_(alert.c.workspace == ws, alert.c.account_id == account_id)
    alerts = tuple(c.execute(select(alert.c.id).where(here)).scalars())
    made = set()
    for table, of in (
        (alert_task, alert_task.c.alert_id.in_(alerts)),
        (timeline_entry, timeline_entry.c.account_id == account_id),
    ):
        rows = c.execute(select(table.c.connection, table.c.key).where(table.c.workspace == ws, of))
        made |= {(row.connection, row.key) for row in rows}
    names = tuple(sorted(set(_names(c, ws, own, named))))
    return Doomed(account_id, frozenset(own), frozenset(children), names, frozenset(made), alerts)


def undecided(c: Connection, ws: str, doomed: Doomed) -> int:
    """Return how many values of the account are on their way to a CRM."""
    here = and_(intent.c.workspace == ws, doomed.places(intent), intent.c.state.in_(("sent", "in_doubt")))
    return c.execute(select(func.count()).select_from(intent).where(here)).scalar_one()


def erase(c: Connection, ws: str, doomed: Doomed) -> Counter[str]:
    """Delete the account, blank what has to stay; returns table → number of rows. A caller that only wants to know
    rolls back."""
    found: Counter[str] = Counter()
    for (connection, stream), ids in doomed.by_stream().items():
        for table in (raw_record, quarantine, *ENTITY_TABLES.values()):
            found[table.name] += _delete(c, ws, table, table.c.connection == connection, table.c.stream == stream,
                                         member(table.c.id, ids))  # fmt: skip
        of = raw_alias.c
        found["raw_alias"] += _delete(c, ws, raw_alias, of.connection == connection, of.stream == stream,
                                      or_(member(of.old_id, ids), member(of.survivor, ids)))  # fmt: skip
        link = raw_link.c
        starts = and_(link.kind.startswith(f"{stream}>", autoescape=True), member(link.from_id, ids))
        ends = and_(link.kind.endswith(f">{stream}", autoescape=True), member(link.to_id, ids))
        found["raw_link"] += _delete(c, ws, raw_link, link.connection == connection, or_(starts, ends))
    found["account_link"] += _delete(c, ws, account_link, account_link.c.account_id == doomed.account_id)
    found["evaluation"] += evaluations.forget(c, ws, doomed.account_id)
    for table in (notification, alert_task):
        found[table.name] += _delete(c, ws, table, table.c.alert_id.in_(doomed.alerts))
    found["alert"] += _delete(c, ws, alert, alert.c.id.in_(doomed.alerts))
    entry = timeline_entry
    found[entry.name] += _delete(c, ws, entry, entry.c.account_id == doomed.account_id)
    for table in (ledger, failure, resolution):
        found[table.name] += _delete(c, ws, table, doomed.places(table))
    found["intent"] += _blank_intents(c, ws, doomed)
    found["plan_record"] += _forget_planned(c, ws, doomed)
    found["identity_review"] += _forget_reviews(c, ws, doomed)
    found["run"] += _forget_told(c, ws, doomed)
    return +found


def _delete(c: Connection, ws: str, table: Table, *here: ColumnElement[bool]) -> int:
    return c.execute(delete(table).where(table.c.workspace == ws, *here)).rowcount


def _blank_intents(c: Connection, ws: str, doomed: Doomed) -> int:
    here = and_(intent.c.workspace == ws, doomed.places(intent), intent.c.code != FORGOTTEN)
    c.execute(update(intent).where(here, intent.c.state.in_(OPEN)).values(state="superseded"))
    blank = {"base": None, "want": None, "seen": None, "because": "", "reason": "", "code": FORGOTTEN}
    return c.execute(update(intent).where(here).values(blank)).rowcount


def _forget_planned(c: Connection, ws: str, doomed: Doomed) -> int:
    p = plan_record.c
    here = and_(p.workspace == ws, or_(p.account_id == doomed.account_id, doomed.places(plan_record)))
    number = c.execute(select(func.count()).select_from(plan_record).where(here)).scalar_one()
    drop_unapplied(c, ws, c.execute(select(p.plan_key).where(here).distinct()).scalars().all())
    c.execute(delete(plan_record).where(here))
    return number


def _forget_reviews(c: Connection, ws: str, doomed: Doomed) -> int:
    """Cases go; a decision stays, because it may be about other records too, without its reason."""
    keys = {(connection, one) for connection, _, one in doomed.records}
    number = 0
    for table in (identity_review, identity_decision):
        rows = c.execute(select(table.c.id, table.c.refs).where(table.c.workspace == ws)).all()
        concerned = [row.id for row in rows if any(tuple(ref[:2]) in keys for ref in row.refs)]
        here = and_(table.c.workspace == ws, table.c.id.in_(concerned))
        if table is identity_review:
            number += c.execute(delete(table).where(here)).rowcount
        else:
            number += c.execute(update(table).where(here, table.c.reason != "").values(reason="")).rowcount
    return number


def _forget_told(c: Connection, ws: str, doomed: Doomed) -> int:
    """Take the lines about the account out of the reports of runs."""
    number = 0
    for row in c.execute(select(run.c.id, run.c.report).where(run.c.workspace == ws, run.c.report.is_not(None))).all():
        report = _without(row.report, doomed)
        if report != row.report:
            c.execute(update(run).where(run.c.workspace == ws, run.c.id == row.id).values(report=report))
            number += 1
    return number


def _without(value: Any, doomed: Doomed) -> Any:
    if isinstance(value, list):
        return [_without(one, doomed) for one in value if not _is_about(one, doomed)]
    if isinstance(value, dict):
        return {key: _without(one, doomed) for key, one in value.items()}
    return value


def _is_about(line: Any, doomed: Doomed) -> bool:
    """Whether a line of a report has numbers of the account, or begins with a record of it: CONNECTION: OBJECT ID."""
    if isinstance(line, dict):
        return line.get("account_id") == doomed.account_id
    words = line.split(maxsplit=3)[:3] if isinstance(line, str) else []
    named = {(f"{connection}:", one) for connection, _, one in doomed.records}
    named |= {(f"{connection}:", one) for connection, one in doomed.made}
    return len(words) == 3 and (words[0], words[2]) in named


def _merged_into(c: Connection, ws: str, records: Iterable[Record]) -> Iterator[Record]:
    a = raw_alias.c
    for connection, stream, one in records:
        here = and_(a.workspace == ws, a.connection == connection, a.stream == stream, a.survivor == one)
        yield from ((connection, stream, old) for old in c.execute(select(a.old_id).where(here)).scalars())


def _normalised(c: Connection, ws: str, ids: Mapping[str, Collection[str]]) -> Iterator[Record]:
    """Children by the account that they were normalised to, and who took part in their meetings."""
    meetings: defaultdict[str, set[str]] = defaultdict(set)
    for connection, accounts in ids.items():
        for entity, fields in ENTITIES.items():
            if any(one.name == "account_ref" for one in fields):
                for found in _children(c, ws, entity, "account_ref", connection, accounts):
                    yield found
                    if entity == "meeting":
                        meetings[connection].add(found[2])
    for connection, held in meetings.items():
        yield from _children(c, ws, "attendance", "meeting_ref", connection, held)


def _children(
    c: Connection, ws: str, entity: str, reference: str, connection: str, parents: Collection[str]
) -> Iterator[Record]:
    table = ENTITY_TABLES[entity]
    here = and_(table.c.workspace == ws, table.c.connection == connection, member(table.c[reference], parents))
    for row in c.execute(select(table.c.stream, table.c.id).where(here)):
        yield connection, row.stream, row.id


def _linked(c: Connection, ws: str, own: Collection[Record]) -> Iterator[Record]:
    """Records that are linked to the account and to no other one, those that were deleted or archived among them."""
    link = raw_link.c
    for connection, stream in sorted({record[:2] for record in own}):
        ids = {one for there, of, one in own if (there, of) == (connection, stream)}
        of_accounts = and_(
            link.workspace == ws, link.connection == connection, link.kind.endswith(f">{stream}", autoescape=True)
        )
        found = select(link.kind, link.from_id).where(of_accounts, member(link.to_id, ids)).distinct()
        for kind, from_id in c.execute(found).all():
            if kind.startswith(f"{stream}>"):  # another account, which only names this one
                continue
            others = and_(of_accounts, link.kind == kind, link.from_id == from_id)
            if set(c.execute(select(link.to_id).where(others)).scalars()) <= ids:
                yield connection, kind.partition(">")[0], from_id


def _ended(c: Connection, ws: str, ids: Mapping[str, Collection[str]], parents: Properties) -> Iterator[Record]:
    """Children that were deleted or archived and named the account in a property."""
    r = raw_record.c
    for (connection, stream), properties in parents.items():
        here = and_(r.workspace == ws, r.connection == connection, r.stream == stream, or_(r.gone, r.archived))
        for row in c.execute(select(r.id, r.payload).where(here)) if ids.get(connection) else ():
            named = (row.payload.get(name) for name in properties)
            if any(isinstance(one, str) and one in ids[connection] for one in named):
                yield connection, stream, row.id


def _names(c: Connection, ws: str, own: Collection[Record], named: Properties) -> Iterator[str]:
    r = raw_record.c
    for connection, stream, one in own:
        here = and_(r.workspace == ws, r.connection == connection, r.stream == stream, r.id == one)
        payload = c.execute(select(r.payload).where(here)).scalar_one_or_none() or {}
        values = (payload.get(name) for name in named.get((connection, stream), ()))
        yield from (value.strip() for value in values if isinstance(value, str) and value.strip())
