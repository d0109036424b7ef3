"""Questions about all accounts, answered from the store: a session without a run, and the accounts in slices."""

from __future__ import annotations

from datetime import date

from store import identity
from sync.deps import Deps, RunOptions
from sync.errors import no_accounts
from sync.moment import moment
from sync.report import RunReport
from sync.session import Session

CHUNK = 1_000
"""Accounts of a slice unless it is said; smaller than a run's, because some who look want every explanation."""


def look(deps: Deps, command: str, as_of: date | None, size: int = CHUNK) -> tuple[Session, list[list[str]]]:
    """A session as of now or the end of a day, and the ids of all accounts in slices of `size`.

    Raises `UsageError` when there are no accounts yet.
    """
    options = RunOptions(as_of=as_of)
    at = moment(deps, options)
    session = Session(deps, options, "", at, RunReport("", command, at.date.isoformat(), ""))
    with deps.store.read() as c:
        slices = list(identity.account_chunks(c, deps.workspace, size))
    if not slices:
        raise no_accounts()
    return session, slices
