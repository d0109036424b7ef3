"""Where a store is: the address from the configuration, and what can be said about a file before it is opened."""

from __future__ import annotations

import os
from pathlib import Path

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from store.errors import MAKE_IT, StoreMissing, StoreUnusable

_MOUNTS = Path("/proc/self/mounts")
_NETWORK = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "fuse.sshfs", "afs", "ceph"})

_SECRET_PARAMETERS = ("password", "sslpassword")
"""Parameters by which a server's driver takes a secret too."""


def parse(url: str) -> URL:
    """Return the address with its driver; raises StoreUnusable for anything but SQLite files and PostgreSQL."""
    try:
        address = make_url(url)
    except ArgumentError as error:
        hint = "Write sqlite:///file.db or postgresql://user@host/database."
        raise StoreUnusable("The store's address is not a database URL.", hint) from error
    kind = address.get_backend_name()
    if kind in {"postgresql", "postgres"}:
        return address.set(drivername="postgresql+psycopg")
    if kind != "sqlite":
        raise StoreUnusable(f"A store of the kind {kind} is not known.", "Use sqlite:///… or postgresql://….")
    if address.database in {None, "", ":memory:"}:
        raise StoreUnusable("A store in memory would be lost with the process.", "Name a file: sqlite:///keepwell.db")
    return address.set(drivername="sqlite+pysqlite")


def shown(address: URL) -> str:
    """Return the address as messages name it: a file by its path, a server without driver and password."""
    path = file_of(address)
    if path is not None:
        return str(path)
    told = address.difference_update_query(_SECRET_PARAMETERS)
    return told.set(drivername="postgresql").render_as_string(hide_password=True)


def file_of(address: URL) -> Path | None:
    """Return the file of a SQLite store, None for a server."""
    return Path(address.database or "") if address.get_backend_name() == "sqlite" else None


def prepare_file(path: Path) -> None:
    """Create an empty file that only its owner can read; keeps one that is there."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except FileExistsError:
        return
    except OSError as error:
        hint = "Check that the folder exists and that this user may write there."
        raise StoreUnusable(f"The store {path} cannot be created: {error.strerror}.", hint) from error


def inspect_file(path: Path, mounts: Path = _MOUNTS) -> None:
    """Raise what is wrong with a store's file, as far as that shows without opening it.

    It is never opened here: closing it again would drop every lock that this process holds on it, and SQLite in
    another process could then take the log away under an open connection. What the file contains SQLite says itself.
    """
    if not path.exists():
        raise StoreMissing(f"There is no store at {path}.", MAKE_IT)
    if not path.is_file():
        raise StoreUnusable(f"The store {path} is not a file.", "Name a file: sqlite:///keepwell.db")
    if not os.access(path, os.R_OK | os.W_OK) or not os.access(path.absolute().parent, os.W_OK):
        hint = "SQLite writes to the file and beside it: give this user both rights."
        raise StoreUnusable(f"The store {path} or its folder is not writable.", hint)
    filesystem = network_filesystem(path, mounts)
    if filesystem is not None:
        hint = "SQLite's locks do not hold on network file systems: use a local disk or PostgreSQL."
        raise StoreUnusable(f"The store {path} lies on a network file system ({filesystem}).", hint)


def network_filesystem(path: Path, mounts: Path = _MOUNTS) -> str | None:
    """Return the kind of network file system that holds `path`; None for a local disk or where it cannot be told."""
    try:
        lines = mounts.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    place = path.absolute()
    best, kind = -1, ""
    for fields in (line.split(" ") for line in lines):
        if len(fields) > 2 and place.is_relative_to(fields[1].replace("\\040", " ")) and len(fields[1]) >= best:
            best, kind = len(fields[1]), fields[2]
    return kind if kind in _NETWORK else None
