"""The store as the dashboard reads it: opened on the first request, looked at anew after anything went wrong."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection

from store import Store, address, open_store
from store.errors import StoreError

PATIENCE = 10.0
"""Seconds after which a page gives up on a database."""


class Shelf:
    """Hands out read transactions; the server starts and stays up without a store, or while its database is down."""

    def __init__(self, url: str, workspace: str, *, patience: float = PATIENCE) -> None:
        self._url = url
        self._workspace = workspace
        self._patience = patience
        self._opened: tuple[Store, object] | None = None
        self._lock = threading.Lock()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Open a transaction on a store of this version's schema, read only; raises StoreError."""
        store = self._store()
        try:
            with store.read() as c:
                store.require_current(c)
                yield c
        except StoreError:
            self.close()  # the next request opens it again: maybe it was upgraded, or is reached once more
            raise

    def close(self) -> None:
        """Close the store, if it is open; transactions that others have under way come to their end."""
        with self._lock:
            opened, self._opened = self._opened, None
        if opened is not None:
            opened[0].close()

    def _store(self) -> Store:
        file = self._file()
        with self._lock:
            opened = self._opened
            if opened is None or opened[1] != file:
                store = open_store(self._url, self._workspace, read_only=True, busy_seconds=self._patience)
                self._opened = (store, file)
                if opened is not None:
                    opened[0].close()
                return store
            return opened[0]

    def _file(self) -> object:
        """What tells a file from another one that took its place: open connections would go on showing the old one."""
        path = address.file_of(address.parse(self._url))
        try:
            found = path.stat() if path is not None else None
        except OSError:
            return None
        return None if found is None else (found.st_dev, found.st_ino)
