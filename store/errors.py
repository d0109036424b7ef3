"""Every failure of the store, grouped by what the caller does next.

StoreError
├── StoreMissing      nothing is there yet: create it
├── StoreOld          made by an older version: `keepwell db upgrade`
├── StoreNewer        made by a newer version: update Keepwell
├── StoreCorrupt      cannot be trusted: restore a backup or repair the named row
├── StoreLocked       another process holds it for longer than we wait: try again
├── StoreFull         the disk is full; nothing of the transaction was kept
├── StoreUnusable     cannot be reached, read or written: address, path, permissions
│   ├── StoreLost     the server went away in the middle: the next run looks up what was committed
│   └── StoreBroken   the disk refused to read or write: what was committed is looked up after opening it again
├── StateConflict     a row is not in the state that this step needs
├── PinMismatch       the credentials lead to another CRM account than before
├── LeaseHeld         another run works on this: exit 75
└── LeaseLost         the lease went to somebody else: stop, write nothing more
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


MAKE_IT = (
    "The first `keepwell plan` makes it; should there be one, `keepwell config check` says where `store` comes from."
)
"""What to do about a store that is not there."""


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


class StoreLost(StoreUnusable):
    """The connection to the server broke; whether the last transaction was committed is not known."""


class StoreBroken(StoreUnusable):
    """The disk under the store reported an error; whether the last transaction was committed is not known."""


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


_KNOWN: tuple[tuple[type[StoreError], frozenset[str], tuple[str, ...], str, str], ...] = (
    (
        StoreLocked,
        frozenset({"55P03", "40001", "40P01"}),
        ("locked",),
        "The store {where} is busy: {said}.",
        "Another run is writing to it; try again.",
    ),
    (
        StoreFull,
        frozenset({"53100"}),
        ("disk is full",),
        "There is no room left for the store {where}.",
        "Free disk space and run again.",
    ),
    (
        StoreCorrupt,
        frozenset(),
        ("not a database",),
        "The file {where} is not a SQLite database.",
        "Restore it from a backup, or point `store` to another file.",
    ),
    (
        StoreCorrupt,
        frozenset({"XX001", "XX002"}),
        ("malformed",),
        "The store {where} is damaged: {said}.",
        "Restore it from a backup.",
    ),
    (
        StoreCorrupt,
        frozenset({"42P01", "42703", "42P07"}),
        ("no such table", "no such column", "already exists"),
        "The store {where} does not have the tables of its version: {said}.",
        "Restore it from a backup; `keepwell db check` says what else is wrong.",
    ),
)
"""What drivers say → our error: SQLSTATEs of PostgreSQL, words of SQLite, message, what to do next."""


_LOST = ("57P01", "57P02", "25P03", "08")
"""SQLSTATEs, or their beginnings, of a server that stops, breaks off, or gave up on a transaction that stood still."""
_IOERR, _IOERR_SHMSIZE = 10, 4874
"""SQLite's code of every input/output error, and the one of a log's index that found no room."""


def translate(error: DBAPIError, where: str) -> StoreError:
    """Return the store's own error for what a driver raised; `where` is the store's masked address."""
    state = getattr(error.orig, "sqlstate", None) or ""
    # SQLite says it in words, a server by its code; the words of a server's answer may quote a record.
    text = "disk is full" if _no_room(error.orig) else "" if state else str(error.orig).lower()
    said = _first_line(error)
    for kind, states, words, message, hint in _KNOWN:
        if state in states or any(word in text for word in words):
            return kind(message.format(where=where, said=said), hint)
    if is_disk_error(error.orig):
        hint = "Look at the disk (its log names the fault), run `keepwell db check`, then run again."
        return StoreBroken(f"The disk under the store {where} failed: {said}. {_UNKNOWN}", hint)
    if error.connection_invalidated or state.startswith(_LOST):
        hint = "Run again once the server is there: the run looks up what was committed."
        return StoreLost(f"The connection to the store {where} broke: {said}. {_UNKNOWN}", hint)
    if isinstance(error, OperationalError):
        hint = "Check the address, that the server runs, and that this user may read and write there."
        return StoreUnusable(f"The store {where} cannot be used: {said}.", hint)
    return StoreError(f"The store {where} refused a statement: {said}.", "This is a bug; report it.")


_UNKNOWN = "Whether the last step was kept is not known."


def is_disk_error(cause: BaseException | None) -> bool:
    """Whether SQLite could not read, write or sync: what its connection holds in memory is not to be trusted then."""
    return _sqlite_code(cause) & 0xFF == _IOERR


def _no_room(cause: BaseException | None) -> bool:
    return _sqlite_code(cause) == _IOERR_SHMSIZE


def _sqlite_code(cause: BaseException | None) -> int:
    return int(getattr(cause, "sqlite_errorcode", 0) or 0)


def _first_line(error: DBAPIError) -> str:
    """What the driver said, without the position in the statement and the hints that servers append."""
    return (str(error.orig).strip().splitlines() or ["no reason given"])[0].rstrip(".")
