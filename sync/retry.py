"""Letting values that a CRM refused be tried again before their pause is over."""

from __future__ import annotations

from dataclasses import dataclass

from store import failures, identity
from sync.deps import Deps
from sync.explain import find_account


@dataclass(frozen=True, slots=True)
class Due:
    """How many values the next run tries again, and the account that was asked for (None: all)."""

    values: int
    account_id: str | None


def retry_failures(deps: Deps, select: str | None = None) -> Due:
    """Make every failure due now, or those of one account.

    `select` is an id, a domain or a name. Raises `UsageError` when it names no account.
    """
    account = None if select is None else find_account(deps, select)
    with deps.store.write() as c:
        records = None
        if account is not None:
            links = identity.links(c, deps.workspace, [account])
            records = [(one.connection, one.object, one.crm_id) for one in links]
        return Due(failures.make_due(c, deps.workspace, deps.clock.now(), records), account)
