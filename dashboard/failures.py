"""Values that a CRM refused: as plain data, and on a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

from rich.console import Console
from rich.text import Text
from sqlalchemy import Connection

from dashboard.text import inert, so_many
from store import Store, failures, identity
from store.failures import Failure
from store.identity import AccountLink
from store.names import account_names

Accounts = dict[tuple[str, str], tuple[str, str | None]]
"""(connection, record id) → id and name of the account."""


def failures_page(store: Store, limit: int) -> dict[str, Any]:
    """The first `limit` values that stand refused, record by record, and how many there are in all."""
    now = store.now()
    with store.read() as c:
        found = failures.listed(c, store.workspace, limit=limit)
        total = failures.count(c, store.workspace)
        lines = failure_lines(c, store.workspace, found, now)
    return {"failures": lines, "total": total}


def failure_lines(c: Connection, ws: str, found: Sequence[Failure], now: datetime) -> list[dict[str, Any]]:
    """Failures as rows of data, with the account of each where the record belongs to one."""
    accounts = _accounts(c, ws, found)
    return [_line(one, accounts, now) for one in found]


def show_failures(out: Console, page: Mapping[str, Any]) -> None:
    """Each refused value below its record: what was to be written, why it was not, when it is tried again."""
    rows: Sequence[Mapping[str, Any]] = page["failures"]
    if not rows:
        out.print("No failures: no CRM refuses a value.")
        return
    for (connection, record_id), values in groupby(rows, key=lambda row: (row["connection"], row["record_id"])):
        for index, row in enumerate(values):
            if index == 0:
                account = inert(row["account"] or row["account_id"], 40)
                out.print(Text(f"{connection} {row['object']} {inert(record_id)} {account}".rstrip(), style="bold"))
            want = "empty" if row["want"] is None else inert(row["want"], 80)
            out.print(Text(f"  {inert(row['property'])}: {want}"))
            out.print(Text(f"    {inert(_why(row), 300)}", style="yellow"))
            out.print(Text(f"    {_history(row)}", style="dim"))
    if page["total"] > len(rows):
        out.print(f"… and {page['total'] - len(rows)} more; `--limit N` shows more of them.")
    out.print("`keepwell failures retry` lets the next sync try them at once.")


def show_due(out: Console, due: Mapping[str, Any]) -> None:
    """How many values the next run tries again."""
    number, account = due["values"], due["account_id"]
    of_account = f" of account {inert(account)}" if account is not None else ""
    if not number:
        out.print(Text(f"No CRM refuses a value{of_account}: there is nothing to try again."))
        return
    values = so_many(number, "value")
    out.print(Text(f"{values}{of_account} will be tried again by the next `keepwell sync`."))


def _line(one: Failure, accounts: Accounts, now: datetime) -> dict[str, Any]:
    line = asdict(one)
    account_id, account = accounts.get((one.connection, one.record_id), (None, None))
    moments = {name: _utc(line.pop(name)) for name in ("first_at", "last_at", "due_at")}
    return line | {"account_id": account_id, "account": account, **moments, "due": one.due_at <= now}


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _why(row: Mapping[str, Any]) -> str:
    code, reason = str(row["code"]), str(row["reason"])
    return reason if reason.startswith(code) else f"{code}: {reason}"


def _history(row: Mapping[str, Any]) -> str:
    first, last, due = (f"{row[name][:10]} {row[name][11:16]}" for name in ("first_at", "last_at", "due_at"))
    again = "the next sync tries again" if row["due"] else f"tried again from {due} on"
    if row["attempts"] == 1:
        return f"refused at {first}; {again} (UTC)"
    return f"refused {row['attempts']} times since {first}, last at {last}; {again} (UTC)"


def _accounts(c: Connection, ws: str, found: Sequence[Failure]) -> Accounts:
    links: list[AccountLink] = []
    for (connection, object_name), rows in groupby(found, key=lambda one: (one.connection, one.object)):
        ids = {one.record_id for one in rows}
        links += identity.of_records(c, ws, connection, object_name, ids).values()
    names = account_names(c, ws, (link.account_id for link in links))
    return {
        (link.connection, link.crm_id): (link.account_id, names.get((link.connection, link.crm_id))) for link in links
    }
