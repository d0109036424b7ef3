"""What can end a run early, grouped by how the run is reported.

SyncError
├── Refused          a guard says no: nothing was written, exit 5
│   ├── StalePlan    the plan no longer describes the CRM: make a new one
│   └── NotAgreed    nobody agreed to the first write to a CRM
├── Busy             another run holds the lease: exit 75
├── Interrupted      a signal asked the run to stop; what is done is kept: exit 130
│   └── GaveWay      a backfill stepped aside for a run; it goes on by itself afterwards
├── IncompletePull   a connection could not be read to the end, so nothing was computed
├── UsageError       an argument makes no sense (unknown plan, bad selection): exit 2
└── InvariantError   Keepwell contradicts itself: a bug, nothing more is written
"""

from __future__ import annotations


class SyncError(Exception):
    """Root of what ends a run early; `hint` says what to do next."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".rstrip()


class Refused(SyncError):
    """A guard refused the plan; nothing was written."""


class StalePlan(Refused):
    """The CRM was read again, or the plan was applied, since the plan was made."""


class NotAgreed(Refused):
    """Nobody agreed to the first values that would get to a CRM."""


class Busy(SyncError):
    """Another run holds the lease of a connection."""


class Interrupted(SyncError):
    """The run was asked to stop; the next run goes on from here."""


class GaveWay(Interrupted):
    """A run asked a backfill for the connections: what is done is kept, the rest follows when the run is over."""


class IncompletePull(SyncError):
    """A required stream was not read to its end; `cause` is the failure of the connector."""

    def __init__(self, message: str, *, cause: Exception, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.cause = cause


class UsageError(SyncError):
    """An argument that makes no sense."""


class InvariantError(SyncError):
    """Numbers that must agree do not: a bug in Keepwell, so the run stops."""


def no_accounts() -> UsageError:
    """The error of a question about accounts when none was ever evaluated."""
    return UsageError("There are no accounts in the store yet.", hint="`keepwell plan` reads and makes them.")
