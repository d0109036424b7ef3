"""Everything behind one account's fields: records, values, rules, and what each CRM shows at this moment."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import polars as pl
from sqlalchemy import and_, or_, select

from mapping import engine
from mapping.canonical import canonical, display
from mapping.engine import Evaluation
from mapping.frames import Frames
from mapping.spoken import spoken
from mapping.wording import wording
from store import alerts, frames, identity, ledger, raw
from store.alerts import Alert
from store.identity import AccountLink
from store.tables import raw_alias, raw_record
from sync.changed import since_before
from sync.children import children_of
from sync.deps import Deps, RunOptions
from sync.documents import computed
from sync.errors import UsageError, no_accounts
from sync.inputs import inputs_of
from sync.moment import moment
from sync.owned import account_stream
from sync.portfolio import Portfolio
from sync.report import RunReport
from sync.session import Session

MOST_NAMED = 5


def explain_account(deps: Deps, query: str, as_of: date | None = None) -> dict[str, Any]:
    """Explain one account, found by account id, CRM id, domain or name, as of now or the end of a day.

    Works from the store alone: nothing is asked of a CRM, nothing is stored. Raises `UsageError` when no account or
    more than one is meant.
    """
    at = moment(deps, RunOptions(as_of=as_of))
    report = RunReport("", "explain", at.date.isoformat(), "")
    session = Session(deps, RunOptions(as_of=as_of), "", at, report)
    account_id = find_account(deps, query)
    portfolio = Portfolio.open(session, asking=False)
    found = portfolio.frames([account_id])
    evaluation = engine.evaluate(found, deps.framework, at)
    detail = dict(evaluation.details([account_id]))[account_id]
    with deps.store.read() as c:
        links = identity.links(c, deps.workspace, [account_id])
        standing = alerts.standing_at(c, deps.workspace, account_id, at.utc)
    name = found.accounts.get_column("name").to_list()
    return {
        "account_id": account_id,
        "name": name[0] if name else None,
        "as_of": at.date.isoformat(),
        "framework": deps.framework.name,
        "model_version": deps.framework.version,
        "records": [_record(link) for link in links],
        "values": list(_values(deps, evaluation)),
        "in_crm": [one for link in links for one in _shown(deps, link)],
        "inputs": inputs_of(portfolio, found, account_id),
        "nearly": evaluation.near_misses(account_id),
        "next_renewal": _coming(evaluation, found, account_id),
        "change": since_before(deps, evaluation, account_id, detail) or None,
        "children": children_of(session, portfolio, links),
        "alerts": [_alert(one) for one in standing],
        "explanation": spoken(detail, deps.framework),
    }


def _coming(evaluation: Evaluation, read: Frames, account_id: str) -> dict[str, Any] | None:
    found = evaluation.next_renewal(account_id, read)
    if found is None:
        return None
    label = wording(evaluation.framework).label("renewal_status", found.status)
    return {"status": found.status, "label": label, "sub_status": found.sub_status, "on": found.on.isoformat()}


def find_account(deps: Deps, query: str) -> str:
    """Id of the one account that `query` names; raises `UsageError` when there is none or there are several."""
    wanted = query.strip()
    with deps.store.read() as c:
        found = {one.account_id for one in identity.find(c, deps.workspace, wanted.rpartition(":")[2] or wanted)}
        # An account may be named after a record that is not there any more.
        if wanted in found or (not found and identity.links(c, deps.workspace, [wanted])):
            return wanted
        if not found:
            found = _by_text(deps, wanted)
    if len(found) == 1:
        return found.pop()
    if not found:
        raise _no_account(deps, wanted)
    named = [f"{name} ({account_id})" for account_id, name in _names(deps, found)]
    some = ", ".join(named[:MOST_NAMED]) + (", …" if len(named) > MOST_NAMED else "")
    raise UsageError(f"{query!r} could be {len(found)} accounts: {some}.", hint="Give one of the ids in brackets.")


def records_of(deps: Deps, query: str) -> frozenset[tuple[str, str]]:
    """(connection, record id) of the records of the one account that `query` names; raises as `find_account`."""
    account = find_account(deps, query)
    with deps.store.read() as c:
        return frozenset((one.connection, one.crm_id) for one in identity.links(c, deps.workspace, [account]))


def _names(deps: Deps, account_ids: set[str]) -> list[tuple[str, str]]:
    with deps.store.read() as c:
        found = frames.frame(c, deps.workspace, "account", account_ids=sorted(account_ids))
        links = identity.link_frame(c, deps.workspace)
    named = found.select("connection", "id", "name").join(
        links, left_on=["connection", "id"], right_on=["connection", "crm_id"]
    )
    first = named.group_by("account_id", maintain_order=True).agg(pl.col("name").drop_nulls().first())
    return [(one, name or one) for one, name in first.sort("account_id").iter_rows()]


def _no_account(deps: Deps, wanted: str) -> UsageError:
    """Say why there is none: never read, deleted in its CRM, or merged into another record."""
    record_id = wanted.rpartition(":")[2]
    r, a = raw_record.c, raw_alias.c
    streams = {name: account_stream(field_map) for name, field_map in deps.field_maps.items()}
    with deps.store.read() as c:
        empty = not any(raw.count_live(c, deps.workspace, name, stream) for name, stream in streams.items())
        here = and_(r.workspace == deps.workspace, r.id == record_id, r.stream.in_(sorted(set(streams.values()))))
        deleted = c.execute(select(r.connection).where(here, or_(r.archived, r.gone))).scalars().first()
        merged = and_(a.workspace == deps.workspace, a.old_id == record_id, a.stream.in_(sorted(set(streams.values()))))
        survivor = c.execute(select(a.connection, a.survivor).where(merged)).first()
    if empty:
        return no_accounts()
    if survivor is not None:
        text = f"{survivor.connection} merged record {record_id} into {survivor.survivor}."
        return UsageError(text, hint=f"Ask for it: `keepwell explain {survivor.survivor}`.")
    if deleted is not None:
        text = f"Record {record_id} was deleted or archived in {deleted}, so nothing is computed for it any more."
        return UsageError(text, hint="Restore it there and run `keepwell sync`, or ask for another account.")
    return UsageError(
        f"There is no account {wanted!r} in the store.",
        hint="Give a CRM id, a domain or the name; `keepwell sync` reads what is new.",
    )


def _by_text(deps: Deps, wanted: str) -> set[str]:
    """Accounts of which a record is found by `wanted`."""
    keys = records_by_text(deps, wanted)
    if not keys:
        return set()
    with deps.store.read() as c:
        links = identity.link_frame(c, deps.workspace)
    wanted_rows = pl.DataFrame(keys, schema=["connection", "crm_id"], orient="row")
    return set(links.join(wanted_rows, on=["connection", "crm_id"], how="semi").get_column("account_id").to_list())


def records_by_text(deps: Deps, wanted: str) -> list[tuple[str, str]]:
    """(connection, id) of account records whose domain or name is `wanted`, whatever the case.

    Part of a name is enough when no whole name fits.
    """
    text = wanted.casefold()
    whole: set[tuple[str, str]] = set()
    part: set[tuple[str, str]] = set()
    with deps.store.read() as c:
        for rows in frames.frames(c, deps.workspace, "account"):
            for connection, record_id, name, domain in rows.select("connection", "id", "name", "domain").iter_rows():
                folded = (name or "").casefold()
                if text in (folded, domain):
                    whole.add((connection, record_id))
                elif text and text in folded:
                    part.add((connection, record_id))
    return sorted(whole or part)


def _record(link: AccountLink) -> dict[str, Any]:
    return {
        "connection": link.connection,
        "object": link.object,
        "id": link.crm_id,
        "how": link.how,
        "writable": link.writable,
    }


def _alert(one: Alert) -> dict[str, Any]:
    moments = {name: getattr(one.life, name) for name in ("raised_at", "due_at", "answered_at", "escalated_at")}
    return {
        "id": one.id,
        "alert": one.alert,
        "label": one.label,
        "owner": one.owner,
        **{name: None if at is None else at.isoformat(timespec="seconds") for name, at in moments.items()},
        "level": one.life.level,
    }


def _values(deps: Deps, evaluation: Evaluation) -> Iterator[dict[str, Any]]:
    row = computed(evaluation, deps.specs).row(0, named=True)
    for spec in deps.specs:
        if spec.writable:
            value = canonical(spec, row[spec.name])
            yield {"field": spec.name, "label": spec.label, "value": value, "display": display(spec, value)}


def _shown(deps: Deps, link: AccountLink) -> Iterator[dict[str, Any]]:
    """What one CRM showed when it was read last, and what we wrote there last."""
    connector = deps.connectors.get(link.connection)
    if connector is None:
        return
    provisioner = connector.fields()
    stream = account_stream(deps.field_maps[link.connection])
    with deps.store.read() as c:
        payload = raw.payloads(c, deps.workspace, link.connection, stream, [link.crm_id]).get(link.crm_id, {})
        written = ledger.ledger_for(c, deps.workspace, link.connection, link.object, [link.crm_id])
    for spec in deps.specs_of(link.connection):
        name = provisioner.property_name(spec)
        last = written.get((link.crm_id, name))
        if name in payload or last is not None:
            seen = canonical(spec, payload.get(name))
            yield {
                "connection": link.connection,
                "record_id": link.crm_id,
                "field": spec.name,
                "property": name,
                "seen": seen,
                "display": display(spec, seen),
                "last_written": last.written if last is not None else None,
                "written_at": last.written_at.isoformat() if last is not None else None,
                "run_id": last.run_id if last is not None else None,
            }
