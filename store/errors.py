"""Every failure of the store, grouped by what the caller does next.

StoreError
├── StoreMissing      nothing is there yet: create it
├── StoreOld          made by an older version: `keepwell db upgrade`
├── StoreNewer        made by a newer version: update Keepwell
├── StoreCorrupt      cannot be trusted: restore a backup or repair the named row
├── StoreLocked       another process holds it for longer than we wait: try again
├── StoreFull         the disk is full; nothing of the transaction was kept
├── StoreUnusable     cannot be reached, read or written: address, path, permissions
├── StateConflict     a row is not in the state that this step needs
├── PinMismatch       the credentials lead to another CRM account than before
├── LeaseHeld         another run works on this: exit 75
├── LeaseLost         the lease went to somebody else: stop, write nothing more
└── BudgetExhausted   the shared quota is used up: end the run as deferred
"""

from __future__ import annotations

from sqlalchemy.exc import DBAPIError, OperationalError


class StoreError(Exception):
    """Root of what the store raises; `hint` says what to do next."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".rstrip()


class StoreMissing(StoreError):
    """There is no store at this address."""


class StoreOld(StoreError):
    """The store was made by an older version."""


class StoreNewer(StoreError):
    """The store was made by a newer version."""


class StoreCorrupt(StoreError):
    """The store, or one row of it, is damaged."""


class StoreLocked(StoreError):
    """Somebody else held the store for longer than we wait."""


class StoreFull(StoreError):
    """There is no room left for the store."""


class StoreUnusable(StoreError):
    """The store cannot be reached, read or written."""


class StateConflict(StoreError):
    """A row is not in the state that this step needs; nothing was changed."""


class PinMismatch(StoreError):
    """The connection leads to another CRM account than the one it was pinned to."""


class LeaseHeld(StoreError):
    """Somebody else holds the lease; `expires_in` is in seconds."""

    def __init__(self, message: str, *, owner: str, expires_in: float) -> None:
        super().__init__(message, "Wait for that run to end; a lease whose holder died expires by itself.")
        self.owner = owner
        self.expires_in = expires_in


class LeaseLost(StoreError):
    """The lease expired or went to somebody else."""


class BudgetExhausted(StoreError):
    """The quota that all processes share is used up; `resets_in` is in seconds."""

    def __init__(self, message: str, resets_in: float) -> None:
        super().__init__(message, "Run again after it resets; what was done so far is kept.")
        self.resets_in = resets_in


def translate(error: DBAPIError, where: str) -> StoreError:
    """Return the store's own error for what a driver raised; `where` is the store's masked address."""
    state = getattr(error.orig, "sqlstate", None) or ""
    text = str(error.orig).lower()
    if "locked" in text or state in {"55P03", "40001", "40P01"}:
        return StoreLocked(f"The store {where} is busy: {error.orig}.", "Another run is writing to it; try again.")
    if "disk is full" in text or state == "53100":
        return StoreFull(f"There is no room left for the store {where}.", "Free disk space and run again.")
    if "not a database" in text:
        hint = "Restore it from a backup, or point `store` to another file."
        return StoreCorrupt(f"The file of {where} is not a SQLite database.", hint)
    if "malformed" in text or state in {"XX001", "XX002"}:
        return StoreCorrupt(f"The store {where} is damaged: {error.orig}.", "Restore it from a backup.")
    if isinstance(error, OperationalError) or error.connection_invalidated:
        hint = "Check the address, that the server runs, and that this user may read and write there."
        return StoreUnusable(f"The store {where} cannot be used: {str(error.orig).strip()}.", hint)
    return StoreError(f"The store {where} refused a statement: {str(error.orig).strip()}.", "This is a bug; report it.")
