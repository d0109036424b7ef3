"""The first values that get to a CRM in use: somebody agrees to them beforehand, at a terminal or by a word."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection

from store import ledger, pins
from store.plans import Plan
from sync.deps import Deps
from sync.errors import NotAgreed
from sync.session import Session


def check_first_write(session: Session, plan: Plan) -> None:
    """Raise `NotAgreed` before the first values get to a CRM that is not on this machine, unless somebody agrees.

    A connection is new as long as the ledger has nothing in this workspace that was written through it. Whoever said so
    in the policy or for this run agreed; else a person is asked, where there is one.
    """
    deps = session.deps
    if session.options.yes or deps.settings.policy.first_write == "allow":
        return
    new = _new(session)
    if not new:
        return
    if deps.ask_first is not None:
        agreed = deps.ask_first(deps, plan, new)
        deps.stop.check()
        if agreed:
            return
        raise NotAgreed(
            f"This is the first write to {_named(new)}, and you did not agree.",
            hint=f"Nothing was written. `keepwell apply {plan.id}` asks again, as long as nothing was read since.",
        )
    raise NotAgreed(
        f"This would be the first write to {_named(new)}, and there is nobody here to agree to it.",
        hint=f"Nothing was written. Look at `keepwell plan`, then `keepwell apply {plan.id} --yes` or "
        "`keepwell sync --yes`; `policy.first_write: allow` lets a schedule begin by itself.",
    )


def _new(session: Session) -> dict[str, str]:
    """Connections in which the plan writes first: name → the account that it leads to, empty where a CRM hides it."""
    deps, found = session.deps, {}
    plans = session.report.plan.by_connection if session.report.plan is not None else {}
    with deps.store.read() as c:
        for name, planned in plans.items():
            if planned.changes and unwritten(c, deps, name):
                pin = pins.get(c, session.ws, name)
                found[name] = pin.identity if pin is not None else ""
    return found


def unwritten(c: Connection, deps: Deps, name: str) -> bool:
    """Whether a connection leads to another machine and Keepwell has written nothing there yet."""
    local = getattr(deps.settings.connections[name], "is_local", False)
    return not local and not ledger.wrote_any(c, deps.workspace, name)


def _named(new: Mapping[str, str]) -> str:
    return " and ".join(f"{name} ({account})" if account else name for name, account in new.items())
