"""What accounts and people are called, for whatever is read by people."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection

from store import frames, identity
from store.alerts import Person

Names = dict[tuple[str, str], str]
"""(connection, record id) → name of the account."""


def account_names(c: Connection, ws: str, account_ids: Iterable[str]) -> Names:
    """Return the names of the records of some accounts, as each CRM has them; one without a name is left out."""
    wanted = sorted(set(account_ids))
    if not wanted:
        return {}
    frame = frames.frame(c, ws, "account", account_ids=wanted).select("connection", "id", "name")
    return {(connection, record_id): name for connection, record_id, name in frame.iter_rows() if name}


def names_by_account(c: Connection, ws: str, account_ids: Iterable[str]) -> Names:
    """Return the same by (connection, record id) and by (connection, account id), for records that are a task's."""
    wanted = set(account_ids)
    names = account_names(c, ws, wanted)
    links = identity.links(c, ws, wanted) if wanted else []
    found = {(one.connection, one.account_id): names.get((one.connection, one.crm_id)) for one in links}
    return {key: name for key, name in found.items() if name} | names


def of_accounts(c: Connection, ws: str, account_ids: Iterable[str]) -> dict[str, str]:
    """Return account id → name, that of its first record which has one."""
    wanted = set(account_ids)
    names = account_names(c, ws, wanted)
    found: dict[str, str] = {}
    for link in identity.links(c, ws, sorted(wanted)):
        name = names.get((link.connection, link.crm_id))
        if name is not None:
            found.setdefault(link.account_id, name)
    return found


def people(c: Connection, ws: str) -> dict[Person, tuple[str | None, str | None]]:
    """Return name and e-mail address of everybody in the CRMs' lists of owners."""
    listed = frames.frame(c, ws, "owner").select("connection", "id", "name", "email")
    return {(connection, ref): (name, email) for connection, ref, name, email in listed.iter_rows()}
