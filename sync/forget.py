"""Forgetting a person or an account: what is held of them is shown, then cleaned or deleted in one transaction.

Nothing is asked of a CRM. Digests of what was forgotten stay behind, so that no pull brings it back as it was; what
they are and what stays is told in docs/privacy.md.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from sync.deps import Deps, RunOptions
from sync.errors import UsageError
from sync.forget_account import AccountSubject
from sync.forget_person import PersonSubject
from sync.moment import moment
from sync.report import RunReport
from sync.session import Session
from sync.turns import working

ELSEWHERE = (
    "the CRM itself and what it sends to others",
    "the configuration: recipients and mentions of notifications, users of the dashboard",
    "logs, and whatever collected them",
    "files that were saved: plans, reports, exports",
    "messages that were sent, and metrics that were pushed",
    "backups of the store, and on a server its write-ahead log archive and replicas",
)
"""What Keepwell cannot reach."""
REMNANTS = "The data is gone, but the store could not be written anew ({why}), so old pages may still hold it."


@dataclass(frozen=True, slots=True)
class Asked:
    """Whom to forget: identifiers of one person (e-mail addresses, CONNECTION:ID of contacts) with further words that
    name him, or an account."""

    people: Sequence[str] = ()
    also: Sequence[str] = ()
    account: str | None = None


def preview(deps: Deps, asked: Asked) -> dict[str, Any]:
    """What is held, by table: everything is done and taken back. Changes nothing, and may be asked during a run, which
    it holds up for as long as it takes."""
    with deps.store.write() as c:
        subject = _subject(deps, c, asked)
        trial = c.begin_nested()
        held = subject.carry_out(c)
        trial.rollback()
    return _told(subject, held) | {"done": False, "erased": None}


def forget(deps: Deps, asked: Asked) -> dict[str, Any]:
    """Forget, under the leases of all connections; raises `Busy` while a run is on, and `UsageError` for what is not
    there or is still on its way to a CRM."""
    at = moment(deps, RunOptions())
    report = RunReport("", "forget", at.date.isoformat(), at.utc.isoformat())
    session = Session(deps, RunOptions(), deps.new_id(), at, report)
    with working(session):
        with session.write() as c:
            subject = _subject(deps, c, asked)
            _refuse_undecided(subject.undecided(c))
            held = subject.carry_out(c)
        remnants = deps.store.compact()
    hint = f"Stop what reads the store (`keepwell serve`), make room, and repeat {subject.again}."
    notes = [REMNANTS.format(why=remnants), hint] if remnants else []
    told = _told(subject, held)
    return told | {"done": True, "erased": remnants is None, "notes": [*notes, *told["notes"]]}


def _subject(deps: Deps, c: Connection, asked: Asked) -> PersonSubject | AccountSubject:
    if (asked.account is None) == (not asked.people):
        raise UsageError(
            "Whom? Name either a person or an account.",
            hint="`keepwell forget --person EMAIL` or `--account ACCOUNT`; `--dry-run` only shows what is held.",
        )
    if asked.account is not None:
        return AccountSubject.of(deps, c, asked.account, asked.also)
    return PersonSubject.of(deps, c, asked.people, asked.also)


def _refuse_undecided(number: int) -> None:
    if number:
        raise UsageError(
            f"It is not known yet whether values about them ({number}) that were sent to a CRM arrived.",
            hint="Run `keepwell sync`, which finds out, then repeat this. A call to action takes an hour; tasks or "
            "entries that are turned off are found out about once they are on again.",
        )


def _told(subject: PersonSubject | AccountSubject, held: Counter[str]) -> dict[str, Any]:
    return {
        "about": subject.about,
        "held": dict(sorted(held.items())),
        "rows": sum(held.values()),
        "out_of_reach": list(ELSEWHERE),
        "notes": list(subject.notes),
    }
