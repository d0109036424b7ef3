"""How a run ended goes into the store, and into its report in any case: also when it ended because of the store."""

from __future__ import annotations

from store import runs
from store.errors import StoreError, StoreUnusable
from sync.ending import Ending, ending_of_error
from sync.errors import InvariantError
from sync.session import Session


def record_ending(session: Session, ending: Ending) -> None:
    """Put the ending into the report and the store; one that the store does not take is worse than any other."""
    _tell(session, ending)
    try:
        _finish(session)
    except StoreError as error:
        if ending.code is None or not ending.code.startswith("store_"):
            _tell(session, _ending_of(error))
        session.report.notes.append(
            "The store could not be told how this run ended; the next run finds it unfinished and goes on from there."
        )


def record_bug(session: Session, error: Exception) -> None:
    """Note an unexpected error before it is raised again."""
    _tell(session, Ending("failed", 1, f"{type(error).__name__}: {error}", code="bug"))
    try:
        _finish(session)
    except StoreError as also:
        error.add_note(f"The run could not be recorded as failed either: {also}")


def _tell(session: Session, ending: Ending) -> None:
    report = session.report
    report.status, report.exit_code, report.reason = ending.status, ending.exit_code, ending.reason
    report.hint, report.reason_code = ending.hint, ending.code


def _finish(session: Session) -> None:
    try:
        _write(session)
    except StoreUnusable:  # the answer may be lost and the row be there all the same
        if not _is_recorded(session):
            _write(session)


def _write(session: Session) -> None:
    report, now = session.report, session.deps.clock.now()
    with session.deps.store.write() as c:
        runs.finish(
            c,
            session.ws,
            session.run_id,
            status=report.status,
            reason=report.reason,
            report=report.to_dict(),
            now=now,
        )


def _is_recorded(session: Session) -> bool:
    with session.deps.store.read() as c:
        found = runs.get(c, session.ws, session.run_id)
    return found is not None and (found.status, found.reason) == (session.report.status, session.report.reason)


def _ending_of(error: StoreError) -> Ending:
    ending = ending_of_error(error)
    if ending is None:
        raise InvariantError("An error of the store has no ending.") from error
    return ending
