"""How a run ends: one status and one exit code, from its worst row or from the error that stopped it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from connectors.errors import BadAnswer, ConfigError, ConnectorError, CredentialsError, QuotaExhausted, RetryLater
from store.errors import (
    LeaseHeld,
    LeaseLost,
    PinMismatch,
    StateConflict,
    StoreBroken,
    StoreCorrupt,
    StoreError,
    StoreFull,
    StoreLocked,
    StoreLost,
    StoreMissing,
    StoreNewer,
    StoreOld,
    StoreUnusable,
)
from sync.errors import (
    Busy,
    IncompletePull,
    Interrupted,
    InvariantError,
    NotAgreed,
    Refused,
    StalePlan,
    SyncError,
    UsageError,
)
from sync.report import RunReport, Status

EXIT_DONE = 0
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_ROWS = 3
EXIT_CHANGES = 4
EXIT_REFUSED = 5
EXIT_CREDENTIALS = 6
EXIT_LATER = 75
EXIT_INTERRUPTED = 130


@dataclass(frozen=True, slots=True)
class Ending:
    """Status, exit code, the reason in a sentence, what to do, and `code`: the reason as one word (`REASON_CODES`)."""

    status: Status
    exit_code: int
    reason: str | None = None
    hint: str | None = None
    code: str | None = None


_BY_ERROR: tuple[tuple[type[Exception], Status, int, str], ...] = (
    (StalePlan, "refused", EXIT_REFUSED, "stale_plan"),
    (NotAgreed, "refused", EXIT_REFUSED, "first_write"),
    (Refused, "refused", EXIT_REFUSED, "guard"),
    (Busy, "busy", EXIT_LATER, "other_run"),
    (LeaseHeld, "busy", EXIT_LATER, "other_run"),
    (LeaseLost, "interrupted", EXIT_INTERRUPTED, "lease_lost"),
    (Interrupted, "interrupted", EXIT_INTERRUPTED, "stopped"),
    (UsageError, "failed", EXIT_USAGE, "usage"),
    (CredentialsError, "failed", EXIT_CREDENTIALS, "credentials"),
    (ConfigError, "failed", EXIT_USAGE, "configuration"),
    (RetryLater, "failed", EXIT_FAILED, "crm_unavailable"),
    (BadAnswer, "failed", EXIT_FAILED, "crm_answer"),
    (ConnectorError, "failed", EXIT_FAILED, "crm_unavailable"),
    (PinMismatch, "failed", EXIT_CREDENTIALS, "other_account"),
    (StoreLocked, "busy", EXIT_LATER, "store_locked"),
    (StoreFull, "failed", EXIT_FAILED, "store_full"),
    (StoreCorrupt, "failed", EXIT_FAILED, "store_damaged"),
    (StoreBroken, "failed", EXIT_FAILED, "store_disk"),
    (StoreLost, "failed", EXIT_FAILED, "store_lost"),
    (StoreMissing, "failed", EXIT_FAILED, "store_missing"),
    (StoreOld, "failed", EXIT_FAILED, "store_old"),
    (StoreNewer, "failed", EXIT_FAILED, "store_newer"),
    (StateConflict, "failed", EXIT_FAILED, "store_changed"),
    (StoreUnusable, "failed", EXIT_FAILED, "store_unusable"),
    (StoreError, "failed", EXIT_FAILED, "bug"),
    (InvariantError, "failed", EXIT_FAILED, "bug"),
    (SyncError, "failed", EXIT_FAILED, "bug"),
)
REASON_CODES = frozenset({code for *_, code in _BY_ERROR} | {"out_of_memory", "quota", "values_left"})
"""Every word that a run's or a failed command's `reason_code` can be."""
_DOCTOR = "`keepwell doctor` tries the connection."
_GOES_ON = f"What was done is kept, and the next run goes on from there. {_DOCTOR}"
_NEXT = {
    "credentials": "Then `keepwell doctor` says whether it works.",
    "crm_unavailable": _GOES_ON,
    "crm_answer": _GOES_ON,
}
"""What to type next, after what the error itself advises."""
_NO_MEMORY = "There was not enough memory to go on; what was done is kept."
_MORE_MEMORY = "Give the process more memory, then run again."


def ending_of_error(error: Exception, now: datetime | None = None) -> Ending | None:
    """Ending of a run that this error stopped; None when the error is not one that is expected.

    With `now`, a used-up quota comes with the moment from which on it is there again, where that is known.
    """
    if isinstance(error, IncompletePull):
        cause = ending_of_error(error.cause, now)
        if cause is None:
            return None
        own = None if isinstance(error.cause, QuotaExhausted) or not error.hint else _advice(error.hint, cause.code)
        hint = own or cause.hint
        return Ending(cause.status, cause.exit_code, error.message, hint, cause.code)
    if isinstance(error, QuotaExhausted):
        hint = f"{error.hint} {_when(error, now)}".strip() or None
        return Ending("deferred", EXIT_LATER, error.message, hint, "quota")
    if isinstance(error, MemoryError):
        return Ending("failed", EXIT_FAILED, _NO_MEMORY, _MORE_MEMORY, "out_of_memory")
    for kind, status, exit_code, code in _BY_ERROR:
        if isinstance(error, kind):
            message = str(getattr(error, "message", "") or error)
            return Ending(status, exit_code, message, _advice(str(getattr(error, "hint", "") or ""), code), code)
    return None


def _advice(hint: str, code: str | None) -> str | None:
    return " ".join(filter(None, (hint, _NEXT.get(code or "")))) or None


def _when(error: QuotaExhausted, now: datetime | None) -> str:
    if now is None or error.resets_in is None:
        return ""
    moment = now.astimezone(UTC) + timedelta(seconds=error.resets_in)
    return f"Worth a try from {moment:%Y-%m-%d %H:%M} UTC on."


def ending_of_rows(report: RunReport) -> Ending:
    """Ending of a run that came to its end: never better than its worst row.

    A value that is held, or that the CRM refused before, counts like one of this run: the CRM does not show what was
    computed. A value that a person accepted does not.
    """
    total = report.buckets()
    held = report.plan.total("held") if report.plan is not None else 0
    refused = report.plan.total("refused") if report.plan is not None else 0
    worst: list[str] = []
    for number, text in (
        (total.rejected, "rejected by the CRM (keepwell failures list)"),
        (total.in_doubt, "in doubt: the answer was lost"),
        (total.pending, "not sent yet"),
        (total.conflict, "changed by somebody else while writing"),
        (held, "held (keepwell conflicts list)"),
        (refused, "refused by the CRM before and not due for another attempt (keepwell failures list)"),
        (report.drift, "different in the CRM right after writing"),
    ):
        if number:
            worst.append(f"{number} {'value' if number == 1 else 'values'} {text}")
    if report.missing_properties:
        number = report.missing_properties
        worst.append(f"{number} {'property' if number == 1 else 'properties'} missing in a CRM (keepwell fields plan)")
    if report.lost_streams:
        listed = ", ".join(sorted(report.lost_streams))
        worst.append(f"{listed} cannot be read any more, so what was read before still counts (keepwell doctor)")
    if not worst:
        return Ending("complete", EXIT_DONE)
    return Ending("partial", EXIT_ROWS, "; ".join(worst) + ".", code="values_left")
