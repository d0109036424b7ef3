"""The accounts whose parent is a given one, and what they come to together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mapping import engine
from mapping.rollup import Child, roll_up
from store import identity
from store.identity import AccountLink
from sync.portfolio import Portfolio
from sync.session import Session


def children_of(session: Session, portfolio: Portfolio, links: Sequence[AccountLink]) -> dict[str, Any] | None:
    """JSON-able roll-up of the direct children of the account that has these records, None when it has none.

    Parents are taken as accounts have them: from the CRM that goes first for `parent_ref`.
    """
    deps, own = session.deps, {one.crm_id for one in links}
    with deps.store.read() as c:
        account_ids = identity.children(c, deps.workspace, links)
    account_ids = [one for one in account_ids if one not in {link.account_id for link in links}]
    if not account_ids:
        return None
    frames = portfolio.frames(account_ids)
    named = frames.accounts.select("account_id", "name", "parent_ref")
    evaluated = engine.evaluate(frames, deps.framework, session.at)
    rows = named.join(evaluated.columns("health_score", "health_band", "arr_in_force"), on="account_id")
    # Without a reporting currency, amounts of several currencies have no common weight.
    mixed = deps.rates is None and frames.accounts.get_column("currency").drop_nulls().n_unique() > 1
    children = [
        Child(account_id, name, score, band, None if mixed else arr)
        for account_id, name, parent, score, band, arr in rows.iter_rows()
        if parent in own
    ]
    if not children:
        return None
    score = deps.framework.spec.score
    found = roll_up(children, [band.id for band in score.bands], score.decimals)
    return {
        "accounts": [
            {
                "account_id": one.account_id,
                "name": one.name,
                "score": one.score,
                "band": one.band,
                "arr_in_force": None if one.arr is None else format(one.arr.normalize(), "f"),
            }
            for one in found.children
        ],
        "weighted": found.weighted,
        "score": None if found.score is None else float(found.score),
        "worst_band": found.worst_band,
    }
